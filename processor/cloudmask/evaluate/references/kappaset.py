"""KappaSet: 512-pixel sub-tiles at 10 m as NetCDF, with labels 0 undefined to 5 missing.

The files are those of KappaZeta's cm-vsm tool: a float variable a band that holds digital numbers
divided by 65535, and a byte variable ``Label``. There is no georeference. Which sub-tiles are for
testing is said by lists of file names, or by sub-folders.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...bands import BAND_NAMES, Level
from ...classes import KAPPASET
from ...errors import CloudMaskError, InputError
from ...grid import Grid
from ..labels import LabelKind
from ..scene import Image, Scene
from .registry import Selection, spread
from .tables import read_json, read_text

_WORDS = {"test": ("test",), "val": ("val",), "train": ("train",)}
_DN_FULL = 65535.0  # cm-vsm stores 16-bit pixels as shares of full scale
_QUANTIFICATION = 10000.0
_LARGEST = 10980  # pixels a side of a whole tile; what a damaged file says may not fit into memory
_OFFSET_SINCE, _OFFSET = "20220125", -1000.0  # processing baseline 04.00, product definition 14.9


def read(path: Path, selection: Selection) -> Iterator[Scene]:
    """Sub-tiles of one split."""
    files = sorted(path.rglob("*.nc"))
    if not files:
        raise InputError(f"{path}: no .nc sub-tiles found")
    for file in spread(_split(path, files, selection.split), selection.limit):
        yield _scene(file, selection)


def _split(root: Path, files: list[Path], split: str) -> list[Path]:
    if split == "all":
        return files
    if split not in _WORDS:
        raise InputError(f"--split: expected test, val, train or all, found '{split}'")
    words = _WORDS[split]
    inside = [
        f for f in files if any(w in part.lower() for part in f.relative_to(root).parts[:-1] for w in words)
    ]
    if inside:
        return inside
    lists = [
        p
        for p in sorted(root.rglob("*"))
        if p.suffix.lower() in (".txt", ".csv", ".json", ".lst") and any(w in p.stem.lower() for w in words)
    ]
    if not lists:
        raise InputError(
            f"{root}: no list of {split} files (a .txt, .csv or .json with '{words[0]}' in its name) and no "
            f"'{words[0]}' sub-folder found; with --split all every sub-tile is used"
        )
    wanted = {name for p in lists for name in _listed(p)}
    chosen = [f for f in files if f.stem in wanted]
    if not chosen:
        raise InputError(f"{lists[0]}: none of the {len(wanted)} files it lists is under {root}")
    return chosen


def _listed(path: Path) -> set[str]:
    """File names without folder and ending that a list holds, whatever else is in it."""
    if path.suffix.lower() == ".json":
        tokens = _strings(read_json(path, "a list of file names"))
    else:
        tokens = re.split(r"[\s,;]+", read_text(path))
    names = (re.split(r"[/\\]", t.strip().strip("\"'"))[-1] for t in tokens)
    return {n.removesuffix(".nc") for n in names if n}


def _strings(data: Any) -> list[str]:
    if isinstance(data, str):
        return [data]
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else []
    return [s for part in parts for s in _strings(part)]


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """An open file; what HDF5 says of it, or of a variable read from it, names the file.

    It is read as the HDF5 that NetCDF-4 is: h5netcdf asks for dimensions that nothing here needs.
    """
    try:
        h5py = importlib.import_module("h5py")
    except ImportError as error:
        raise InputError(
            f"{path}: reading NetCDF needs h5py: pip install '.[evaluate]' in this project's folder"
        ) from error
    try:
        with h5py.File(path, "r") as data:
            yield data
    except CloudMaskError:
        raise
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        said = str(error).strip("\"'")
        raise InputError(f"{path}: cannot be read as NetCDF-4: {said}; get the file again") from error


def _variable(data: Any, name: str, path: Path) -> npt.NDArray[np.generic]:
    """A variable's values (rows, cols)."""
    stored = data[name]
    shape = tuple(n for n in getattr(stored, "shape", None) or () if n != 1)
    kind = getattr(getattr(stored, "dtype", None), "kind", "")
    if len(shape) != 2 or max(shape) > _LARGEST or not min(shape) or kind not in "iuf":
        found = f"{stored.dtype} of {stored.shape}" if kind else "something else"
        raise InputError(
            f"{path}: variable {name}: expected numbers (rows, cols), at most {_LARGEST} a side, "
            f"found {found}"
        )
    return np.asarray(stored[...]).reshape(shape)


def _scene(path: Path, selection: Selection) -> Scene:
    with _open(path) as data:
        present = tuple(b for b in BAND_NAMES if b in data)
        if "Label" not in data or not present:
            raise InputError(
                f"{path}: expected variables Label and B02, B03, ..., found {', '.join(data) or 'none'}"
            )
        codes = _variable(data, "Label", path)
    try:
        labels = KAPPASET.decode(codes)
    except CloudMaskError as error:
        raise InputError(f"{path}: {error}") from error
    level: Level = "L1C" if "B10" in present else "L2A"
    product = re.split(r"_tile|_sub", path.stem)[0]
    return Scene(
        name=path.stem,
        product=product,
        kind=LabelKind.HUMAN,
        labels=labels,
        level=level,
        grid=Grid(None, 0.0, 0.0, 10.0, 10.0, *labels.shape),
        image=partial(
            _image,
            path,
            present,
            _offset(path.stem) if selection.offset is None else selection.offset,
            labels.shape,
        ),
    )


def _offset(name: str) -> float:
    """Radiometric offset by the date in the name; products before baseline 04.00 have none."""
    date = re.search(r"(20\d{6})T\d{6}", name)
    return _OFFSET if date is not None and date.group(1) >= _OFFSET_SINCE else 0.0


def _image(path: Path, bands: tuple[str, ...], offset: float, shape: tuple[int, ...]) -> Image:
    planes = []
    with _open(path) as data:
        for band in bands:
            stored = _variable(data, band, path)
            shares = stored.dtype.kind == "f"
            dn = stored.astype(np.float32) * np.float32(_DN_FULL if shares else 1)
            top = float(dn[np.isfinite(dn)].max(initial=0))
            if top > _DN_FULL:
                raise InputError(
                    f"{path}: variable {band}: expected digital numbers up to {_DN_FULL:g}"
                    f"{', stored as shares of it up to 1' if shares else ''}, found values up to "
                    f"{top / _DN_FULL if shares else top:g}; get the file again"
                )
            planes.append(
                np.where(dn > 0, (dn + np.float32(offset)) / np.float32(_QUANTIFICATION), np.float32(np.nan))
            )
    if {p.shape for p in planes} != {shape}:
        found = ", ".join(str(s) for s in sorted({p.shape for p in planes}))
        raise InputError(f"{path}: expected bands of the label's size {shape}, found {found}")
    return Image(np.stack(planes), bands)
