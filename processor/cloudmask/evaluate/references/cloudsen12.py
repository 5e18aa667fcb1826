"""CloudSEN12 and CloudSEN12+: 509-pixel (and 2000-pixel) patches at 10 m, high-quality labels.

Three layouts are read. The GeoTIFF layout of CloudSEN12: ``[high/]ROI_0001/<S2 id>/S2L1C.tif`` (or
``S2L2A.tif``) with ``labels/manual_hq.tif`` and the other programs' masks beside it, and
``cloudsen12_metadata.csv`` for the official split. The TACO files of CloudSEN12+
(``cloudsen12-l1c.0000.part.taco``): samples of an image and a label, with their metadata. And its
older ML-STAC files (``test/test_509_high.mlstac``): image and label as bands of one raster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio

from ...bands import BAND_NAMES, LEVEL_BANDS, Level
from ...classes import CLOUDSEN12
from ...errors import CloudMaskError, InputError, UsageError
from ...grid import Grid
from ..labels import LabelKind
from ..raster import read_raster
from ..scene import ClassArray, Image, Scene
from .mlstac import part_of, read_mlstac
from .registry import Selection, spread
from .tables import Row, read_table
from .taco import Sample, read_taco

_SCALE = 10000.0
_PADDING = 99
_LARGEST = 1e5  # pixels a side
# In the metadata table of 2022 the column 'test' is 1 for test patches; later copies have 0 train,
# 1 validation, 2 test.
_SPLITS_TWO: Mapping[str, str] = {"0": "train", "1": "test"}
_SPLITS_THREE: Mapping[str, str] = {"0": "train", "1": "val", "2": "test"}
_COMPANIONS: Mapping[str, str] = {
    "fmask": "fmask.tif",
    "sen2cor": "sen2cor.tif",
    "kappamask": "kappamask_L1C.tif",
}


def read(path: Path, selection: Selection) -> Iterator[Scene]:
    """High-quality patches of one split."""
    if selection.split not in ("test", "val", "train", "all"):
        raise UsageError(f"--split: expected test, val, train or all, found '{selection.split}'")
    if path.is_file() and path.suffix == ".mlstac":
        files, tacos = [path], []
    else:
        tacos = [path] if path.is_file() else sorted(path.glob("*.taco"))
        files = [] if tacos else sorted(path.glob("**/*.mlstac"))
    if tacos:
        yield from _from_taco(tacos, selection)
        return
    if files:
        yield from _from_mlstac(files, selection)
        return
    labels = sorted(path.glob("**/labels/manual_hq.tif"))
    if not labels:
        raise InputError(
            f"{path}: neither .taco or .mlstac files nor labels/manual_hq.tif of the GeoTIFF layout found"
        )
    rows = _metadata(path, selection.split)
    chosen = []
    for label in labels:
        key = (label.parent.parent.parent.name, label.parent.parent.name)
        if rows is None or key in rows:
            chosen.append(label)
    for label in spread(chosen, selection.limit):
        yield _geotiff(label, (rows or {}).get((label.parents[2].name, label.parents[1].name), {}), selection)


def _metadata(root: Path, split: str) -> dict[tuple[str, str], Row] | None:
    """Rows of the split's high-quality patches, None if all are wanted and there is no table."""
    tables = sorted(root.glob("**/cloudsen12_metadata.csv"))
    if not tables:
        if split == "all":
            return None
        raise InputError(
            f"{root}: cloudsen12_metadata.csv, which holds the official split, is not there; "
            "get it with the set, or use --split all"
        )
    table = read_table(tables[0], ("roi_id", "s2_id_gee", "test"))
    # Written by way of floating point, as columns with gaps are, a 1 is 1.0.
    rows = [(line, row, row["test"].strip().removesuffix(".0")) for line, row in table]
    codes = _SPLITS_THREE if any(test == "2" for _, _, test in rows) else _SPLITS_TWO
    high = [r for r in rows if r[1].get("label_type", "high") == "high"]
    for line, _, test in high:
        if test not in codes and split != "all":
            raise InputError(
                f"{tables[0]}, line {line}: column test: expected {', '.join(codes)}, found '{test[:40]}'"
            )
    return {(r["roi_id"], r["s2_id_gee"]): r for _, r, test in high if split in ("all", codes[test])}


def _decode(codes: npt.NDArray[np.generic], where: str) -> ClassArray:
    try:
        return CLOUDSEN12.decode(codes)
    except CloudMaskError as error:
        raise InputError(f"{where}: {error}") from error


def _geotiff(label: Path, row: Mapping[str, str], selection: Selection) -> Scene:
    folder = label.parent.parent
    level: Level = "L2A" if selection.level == "L2A" else "L1C"
    image = folder / f"S2{level}.tif"
    if not image.exists():
        raise InputError(f"{folder}: no {image.name} beside the labels")
    codes, grid = read_raster(label, bands=[1])
    breakdown = {title: row[key] for title, key in (("surface", "land_cover"),) if row.get(key)}
    return Scene(
        name=f"{folder.parent.name}__{folder.name}",
        product=folder.parent.name,  # five patches a region are not independent
        kind=LabelKind.HUMAN,
        labels=_decode(codes[0], str(label)),
        level=level,
        grid=grid,
        image=partial(_image, image, level, grid.shape),
        breakdown=breakdown,
        files={k: label.with_name(v) for k, v in _COMPANIONS.items() if label.with_name(v).exists()},
    )


def _image(path: Path | str, level: Level, shape: tuple[int, ...]) -> Image:
    """Bands in the set's order; L2A files have AOT, WVP and true colour after them."""
    names = LEVEL_BANDS[level] if level == "L2A" else BAND_NAMES
    data, _ = read_raster(path)
    if data.shape[0] < len(names):
        raise InputError(f"{path}: expected at least {len(names)} bands for {level}, found {data.shape[0]}")
    if data.shape[1:] != shape:
        raise InputError(f"{path}: labels of {shape} do not fit an image of {data.shape[1:]}")
    dn = data[: len(names)]
    values = dn.astype(np.float32) / np.float32(_SCALE)
    values[:, (dn == 0).all(axis=0)] = np.nan
    return Image(values, names)


def _from_taco(tacos: list[Path], selection: Selection) -> Iterator[Scene]:
    found: dict[Path, tuple[Path, Sample]] = {}
    levels = set()
    for file in tacos:
        level = _taco_level(file)
        if selection.level is not None and level != selection.level:
            continue
        for sample in read_taco(file):
            facts = sample.facts
            split = {"validation": "val"}.get(
                str(facts.get("tortilla:data_split")), facts.get("tortilla:data_split")
            )
            if facts.get("label_type", "high") == "high" and selection.split in ("all", split):
                found[Path(f"{sample.name}_{level}")] = (file, sample)
                levels.add(level)
    for key in spread(list(found), selection.limit):
        file, sample = found[key]
        # Where a folder holds both levels of a place, its name alone would not tell them apart.
        yield _taco_scene(file, sample, key.name if len(levels) > 1 else sample.name)


def _taco_level(file: Path) -> Level:
    return "L2A" if "l2a" in file.name.lower() else "L1C"


def _taco_scene(file: Path, sample: Sample, name: str) -> Scene:
    level = _taco_level(file)
    if len(sample.items) < 2:
        raise InputError(
            f"{file}: sample {sample.name}: expected an image and a label, found {len(sample.items)} item"
        )
    real = sample.facts.get("real_proj_shape")
    if real is not None and (not isinstance(real, (int, float)) or not 0 < real < _LARGEST):
        raise InputError(
            f"{file}: sample {sample.name}: expected real_proj_shape in pixels, found {real!r:.40}"
        )
    return _padded_scene(
        name,
        str(sample.facts.get("roi_id") or sample.name),
        sample.items,
        None if real is None else int(real),
        level,
        file,
    )


def _padded_scene(
    name: str,
    region: str,
    items: tuple[str, ...],
    real: int | None,
    level: Level,
    file: Path,
    band: int = 1,
) -> Scene:
    """Scene of CloudSEN12+: GDAL paths of image and label, the label's band, pixels a side before padding."""
    codes, grid = read_raster(items[1], bands=[band])
    labels = codes[0]  # as it is stored: cut to a byte, code 256 would be a clear one
    pad = 0 if real is None else labels.shape[0] - real
    if pad > 0:  # zeros on the left and at the bottom would read as clear
        labels[labels.shape[0] - pad :] = _PADDING
        labels[:, :pad] = _PADDING
    return Scene(
        name=name,
        product=region,  # patches of one region are not independent
        kind=LabelKind.HUMAN,
        labels=_decode(labels, f"{file}: {name}"),
        level=level,
        grid=Grid(grid.crs, grid.left, grid.top, 10.0, grid.pixel_size, *labels.shape),
        image=partial(_image, items[0], level, labels.shape),
    )


def _from_mlstac(files: list[Path], selection: Selection) -> Iterator[Scene]:
    found: dict[Path, tuple[Path, str]] = {}
    for file in files:
        part = part_of(file)
        if part.quality == "high" and selection.split in ("all", part.split):
            found |= {Path(name): (file, place) for name, place in read_mlstac(file).items()}
    for key in spread(list(found), selection.limit):
        file, place = found[key]
        band = selection.label_band or _label_band(place, file)
        region = key.name.split("__")[0]
        yield _padded_scene(key.name, region, (place, place), part_of(file).size, "L1C", file, band)


def _label_band(place: str, file: Path) -> int:
    try:
        with rasterio.open(place) as raster:
            count = int(raster.count)
    except rasterio.errors.RasterioError as error:
        raise InputError(f"{file}: an image in it cannot be read: {error}") from error
    if count == len(BAND_NAMES) + 1:
        return count
    raise InputError(
        f"{file}: expected {len(BAND_NAMES)} bands and a label, found {count} bands; if several are labels, "
        "one is drawn by people and others are predictions: see the set's card and choose with --label-band"
    )
