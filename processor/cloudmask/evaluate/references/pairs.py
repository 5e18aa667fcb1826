"""Folders of image and label pairs: ``.npz`` files, or GeoTIFF images beside GeoTIFF labels.

``.npz``: ``x`` (rows, cols, bands) or (n, rows, cols, bands), float reflectance or uint16 reflectance
times 10000; ``y`` uint8 of the same rows and columns: 0 clear, 1 cloud shadow, 2 semi-transparent
cloud, 3 cloud, 255 not labelled; ``bands`` names the last axis. A ``MANIFEST.json``, a list of objects
with ``file``, ``level``, ``gsd_m`` and ``label_kind``, says the rest; without one, arrays ``level``,
``gsd`` and ``label_kind`` in the file, or ``--level`` and ``--labels``, do.

GeoTIFF: ``NAME.tif`` with one band a Sentinel-2 band (names in the band descriptions) and
``NAME_label.tif`` with class codes, by default those of this package.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio

from ...bands import Level, parse_bands, parse_level
from ...classes import ClassMap, CloudClass
from ...errors import CloudMaskError, InputError
from ...grid import Grid
from ...npz import check_npz
from ..labels import LabelKind, parse_label_kind
from ..masks.maps import find_class_map
from ..raster import read_raster
from ..scene import Image, Scene
from .registry import Selection, spread
from .tables import read_json

_PAIRS = ClassMap(
    name="pairs",
    source="this project's .npz pairs",
    codes={
        0: CloudClass.CLEAR,
        1: CloudClass.CLOUD_SHADOW,
        2: CloudClass.SEMI_TRANSPARENT_CLOUD,
        3: CloudClass.CLOUD,
        255: CloudClass.UNDEFINED,
    },
    inverse={},
)


def read(path: Path, selection: Selection) -> Iterator[Scene]:
    """Scenes of a folder, or of one ``.npz`` file.

    Raises
    ------
    InputError
        Naming the file: if it is damaged, lacks an array, or its arrays do not fit each other.
    """
    folder = path if path.is_dir() else path.parent
    manifest = _manifest(folder / "MANIFEST.json")
    files = sorted(folder.glob("*.npz")) if path.is_dir() else [path]
    labelled = [f for f in files if _has_labels(f)]
    for file in spread(labelled, selection.limit):
        yield from _npz(file, manifest.get(file.name, {}), selection)
    if path.is_dir() and not files:
        tiffs = [f for f in sorted(folder.glob("*.tif")) if f.with_name(f"{f.stem}_label.tif").exists()]
        for file in spread(tiffs, selection.limit):
            yield _tiff(file, manifest.get(file.name, {}), selection)


def _manifest(path: Path) -> Mapping[str, Mapping[str, Any]]:
    if not path.exists():
        return {}
    expected = "a JSON list of objects with 'file'"
    entries = read_json(path, expected)
    out = {}
    for entry in entries if isinstance(entries, list) else [entries]:
        if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
            raise InputError(f"{path}: expected {expected}, found {entry!r:.80}")
        if not isinstance(entry.get("label_counts") or {}, dict):
            raise InputError(
                f"{path}: {entry['file']}: label_counts: expected an object of numbers of pixels, found "
                f"{entry['label_counts']!r:.60}"
            )
        out[entry["file"]] = entry
    return out


def _has_labels(path: Path) -> bool:
    check_npz(path)
    with _load(path) as data:
        return "y" in data.files


@contextmanager
def _load(path: Path) -> Iterator[Any]:
    """An open file; what numpy says of it, or of an array read from it, names the file."""
    try:
        with np.load(path, allow_pickle=False) as data:
            yield data
    except CloudMaskError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: cannot be read as .npz: {error}") from error


def _fact(name: str, entry: Mapping[str, Any], data: Mapping[str, Any], given: object, path: Path) -> str:
    """Take a property from the manifest, the file or the command line, in this order."""
    for found in (entry.get(name), data.get(name)):
        if found is None:
            continue
        value = found.item() if isinstance(found, np.ndarray) and found.size == 1 else found
        if not isinstance(value, (str, int, float)) or not str(value).strip():
            raise InputError(f"{path}: '{name}': expected text or a number, found {value!r:.60}")
        return str(value)
    if given is not None:
        return str(given.value if isinstance(given, LabelKind) else given)
    option = {"label_kind": "--labels", "level": "--level"}.get(name, name)
    raise InputError(f"{path}: '{name}' is neither in MANIFEST.json nor in the file; give {option}")


def _number(text: str, path: Path) -> float:
    found = re.search(r"(?<![-\w.])(\d+(?:\.\d+)?)(?![\d.]|[eE][-+]?\d)", text)  # "~10 (EPSG:4326)" is in use
    if found is None or not 0 < float(found[1]) < math.inf:
        raise InputError(f"{path}: 'gsd_m': expected a spacing in metres above 0, found '{text:.40}'")
    return float(found[1])


@contextmanager
def _of_file(path: Path) -> Iterator[None]:
    """What is said of a value names the file that it is from."""
    try:
        yield
    except CloudMaskError as error:
        raise InputError(f"{path}: {error}") from error


def _level(text: str, path: Path) -> Level:
    with _of_file(path):
        return parse_level(text.split()[0].strip("(,;"))


def _bands(names: Iterable[object], path: Path) -> tuple[str, ...]:
    with _of_file(path):
        return parse_bands(str(n) for n in names)


def _npz(path: Path, entry: Mapping[str, Any], selection: Selection) -> Iterator[Scene]:
    with _load(path) as data:
        if "x" not in data.files or "bands" not in data.files:
            raise InputError(f"{path}: expected arrays x, y and bands, found {', '.join(data.files)}")
        labels, (shape, dtype) = np.asarray(data["y"]), _header(path)
        facts = {name: data[name] for name in data.files if name not in ("x", "y", "clear")}
    kind = parse_label_kind(_fact("label_kind", entry, facts, selection.labels, path), str(path))
    level = _level(_fact("level", entry, facts, selection.level, path), path)
    gsd = _number(_fact("gsd_m", entry, {"gsd_m": facts.get("gsd", 10)}, None, path), path)
    if selection.level is not None and level != selection.level:
        return
    with _of_file(path):
        classes = _PAIRS.decode(labels)
    if (labels == 0).sum() == (labels != 255).sum() and _whole_scenes_clear(entry):
        kind = LabelKind.CLEAR
    bands = _bands(np.atleast_1d(facts["bands"]).ravel(), path)
    if dtype.kind not in "iuf":
        raise InputError(f"{path}: expected x of floats or whole numbers, found {dtype}")
    if shape[-1] != len(bands):
        raise InputError(f"{path}: expected {len(bands)} bands as named, found an image of {shape}")
    stack = len(shape) == 4
    if labels.shape != shape[:-1]:
        raise InputError(f"{path}: labels of {labels.shape} do not fit an image of {shape}")
    for i in range(shape[0] if stack else 1):
        rows, cols = shape[-3:-1]
        yield Scene(
            name=f"{path.stem}[{i}]" if stack else path.stem,
            product=path.stem,
            kind=kind,
            labels=classes[i] if stack else classes,
            level=level,
            grid=Grid(None, 0.0, 0.0, gsd, gsd, rows, cols),
            image=partial(_npz_image, path, i if stack else None, bands),
        )


def _whole_scenes_clear(entry: Mapping[str, Any]) -> bool:
    """Whether the manifest counts no label but clear: such files measure false alarms alone."""
    counts = entry.get("label_counts") or {}
    return bool(counts.get("clear")) and not any(counts.get(k) for k in ("shadow", "thin", "cloud"))


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of ``x`` from its header, without reading the pixels."""
    with zipfile.ZipFile(path) as archive, archive.open("x.npy") as member:
        version = np.lib.format.read_magic(member)
        read_header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read_header(member)
    if len(shape) not in (3, 4):
        raise InputError(
            f"{path}: expected x of (rows, cols, bands) or (n, rows, cols, bands), found {shape}"
        )
    return shape, dtype


def _npz_image(path: Path, index: int | None, bands: tuple[str, ...]) -> Image:
    with _load(path) as data:
        x = np.asarray(data["x"])
    x = x if index is None else x[index]
    values: npt.NDArray[np.float32] = np.moveaxis(x, -1, 0).astype(np.float32)
    if x.dtype.kind in "iu":
        values /= np.float32(10000)
    return Image(np.ascontiguousarray(values), bands)


def _tiff(path: Path, entry: Mapping[str, Any], selection: Selection) -> Scene:
    label_file = path.with_name(f"{path.stem}_label.tif")
    codes, grid = read_raster(label_file, bands=[1])
    class_map = find_class_map(selection.classes or "cloudmask")
    kind = parse_label_kind(_fact("label_kind", entry, {}, selection.labels, path), str(path))
    level = _level(_fact("level", entry, {}, selection.level, path), path)
    try:
        with rasterio.open(path) as source:
            shape, names = (source.height, source.width), source.descriptions
    except rasterio.errors.RasterioError as error:
        raise InputError(f"{path}: cannot be read as a raster: {error}") from error
    if any(n is None for n in names):
        raise InputError(f"{path}: expected band descriptions such as B02, found {list(names)}")
    if shape != grid.shape:
        raise InputError(f"{label_file}: labels of {grid.shape} do not fit an image of {shape}")
    return Scene(
        name=path.stem,
        product=path.stem,
        kind=kind,
        labels=class_map.decode(codes[0], str(label_file)),
        level=level,
        grid=grid,
        image=partial(_tiff_image, path, _bands(names, path)),
    )


def _tiff_image(path: Path, bands: tuple[str, ...]) -> Image:
    data, _ = read_raster(path)
    values = data.astype(np.float32)
    if data.dtype.kind in "iu":
        values /= np.float32(10000)
        values[:, (data == 0).all(axis=0)] = np.nan
    return Image(values, bands)
