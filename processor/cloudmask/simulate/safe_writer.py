"""Write a scene as a Sentinel-2 SAFE product, in the layout of operational ones.

What is left out: satellite telemetry in the datastrip's metadata, weather data in AUX_DATA, the
HTML page and the schemas. All images, masks and the metadata that readers use are there.
"""

from __future__ import annotations

import zipfile
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..atomic import AtomicOutputs
from ..bands import BANDS
from ..errors import OutputError, UsageError
from .safe_jp2 import write_jp2
from .safe_layout import band_copies
from .safe_manifest import inspire_metadata, write_manifest
from .safe_masks import MaskWriter, saturation, write_masks
from .safe_naming import Baseline, ProductNames
from .safe_product_xml import product_metadata
from .safe_quality import CHECKS, MEAN_AOT, MEAN_WVP, granule_checks, quality_report
from .safe_source import (
    ProductSource,
    check_source,
    class_shares,
    coarsen,
    encode,
    scene_classification,
    true_colour,
)
from .safe_tile import TileGrid, tile_grid
from .safe_tile_xml import PROBABILITY_GSD, datastrip_metadata, tile_metadata
from .safe_xml import write_xml

SENSING_TIME = datetime(2024, 6, 15, 9, 40, 31, 24000, tzinfo=timezone.utc)
"""Start of the datatake unless told: late morning in summer at the default tile."""
_PREVIEW_GSD = 320  # metres, 343 pixels for a full tile
_COLOURS = ("B04", "B03", "B02")
_ATMOSPHERE_SCALE = 1000  # AOT_QUANTIFICATION_VALUE and WVP_QUANTIFICATION_VALUE

Dn = npt.NDArray[np.uint16]


def write_safe(
    scene: ProductSource,
    out_dir: Path,
    *,
    baseline: str = "05.11",
    mission: str = "S2A",
    tile: str = "T35VLG",
    sensing_time: datetime = SENSING_TIME,
    zip: bool = False,  # noqa: A002 - the word that users know
    overwrite: bool = False,
    threads: int = 2,
) -> Path:
    """Write a product; nothing is left behind if it cannot be finished.

    Parameters
    ----------
    scene : ProductSource
        What to write. Smaller scenes take the upper left corner of the tile.
    out_dir : Path
        Folder that will hold the product; made if it is not there.
    baseline : str
        Processing baseline, from 02.04 (L1C) or 02.07 (L2A) on; decides offsets, masks, metadata.
    mission : str
        ``"S2A"``, ``"S2B"`` or ``"S2C"``.
    tile : str
        Name of the tile, which gives the UTM grid.
    sensing_time : datetime
        Start of the datatake, with time zone.
    zip : bool
        Write ``<name>.zip`` with the folder inside instead of the folder.
    overwrite : bool
        Replace a product of the same name.
    threads : int
        Encoder threads.

    Returns
    -------
    Path
        The ``.SAFE`` folder or the ``.zip``.

    Raises
    ------
    UsageError
        For a baseline, mission, tile, time or scene that cannot be.
    OutputError
        If the product is there already or cannot be written.
    """
    if threads < 1:
        raise UsageError(f"encoder threads: expected 1 or more, found {threads}")
    check_source(scene)
    tile = "T" + tile.removeprefix("T")
    names = ProductNames(mission, scene.level, Baseline.parse(baseline, scene.level), tile, sensing_time)
    grid = tile_grid(tile, scene.size10)
    target = out_dir / (names.stem + ".zip" if zip else names.product)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out_dir}: cannot make the folder ({error}); choose another") from error
    with AtomicOutputs([target], overwrite=overwrite) as outputs:
        root = outputs.path(out_dir / names.product)
        _fill(root, scene, names, grid, threads)
        if zip:
            _pack(root, outputs.path(target))
    return target


def _fill(root: Path, scene: ProductSource, names: ProductNames, grid: TileGrid, threads: int) -> None:
    """Write all files of a product under `root`."""
    granule, datastrip = root / names.granule_dir, root / "DATASTRIP" / names.datastrip
    for folder in (granule / "AUX_DATA", granule / "QI_DATA", datastrip / "QI_DATA", root / "AUX_DATA"):
        folder.mkdir(parents=True)
    images = _Images(root, names, grid, threads)
    saturated = {}
    for name in _image_order(scene):
        dn = encode(scene.band(name), scene.valid(name), names.baseline.offset)
        images.band(name, dn)
        hot = saturation(dn)
        if hot is not None:
            saturated[name] = hot
        del dn
    images.true_colour()
    if names.level == "L2A":
        images.atmosphere(scene)
    probabilities = PROBABILITY_GSD if names.level == "L2A" else ()
    write_masks(MaskWriter(root, names, grid, threads), scene, saturated, probabilities)
    shares = class_shares(scene.truth(60))
    sun = (scene.sun_zenith, scene.sun_azimuth)
    write_xml(root / f"MTD_MSI{names.level}.xml", product_metadata(names, grid, shares))
    write_xml(granule / "MTD_TL.xml", tile_metadata(names, grid, sun, shares))
    write_xml(datastrip / "MTD_DS.xml", datastrip_metadata(names))
    for check in CHECKS:
        write_xml(datastrip / f"QI_DATA/{check}.xml", quality_report(names, check, names.datastrip_id))
    for check in granule_checks(names):
        write_xml(granule / f"QI_DATA/{check}.xml", quality_report(names, check, names.tile_id()))
    write_xml(root / "INSPIRE.xml", inspire_metadata(names, grid))
    write_manifest(root, names, grid)


def _image_order(scene: ProductSource) -> list[str]:
    """Bands of the product, those of the true-colour image first."""
    rest = [n for n in BANDS if n in scene.bands and n not in _COLOURS]
    return [*_COLOURS, *(n for n in rest if scene.level == "L1C" or n != "B10")]


class _Images:
    """Writes the images of a product; keeps eight-bit copies of the visible bands for TCI and PVI."""

    def __init__(self, root: Path, names: ProductNames, grid: TileGrid, threads: int) -> None:
        self._root, self._names, self._grid, self._threads = root, names, grid, threads
        self._display: dict[tuple[str, int], npt.NDArray[np.uint8]] = {}

    def band(self, name: str, dn: Dn) -> None:
        """Write a band at every resolution that the product has it at."""
        native = BANDS[name].gsd
        for gsd in band_copies(name, self._names.level, self._names.baseline):
            if gsd < native:
                copy: Dn = dn.repeat(native // gsd, axis=0).repeat(native // gsd, axis=1)
            else:
                copy = coarsen(dn, gsd // native) if gsd > native else dn
            self._write(self._names.image(name, gsd), [copy], gsd)
            if name in _COLOURS:
                self._display[name, gsd] = true_colour(copy, self._names.baseline.offset)

    def true_colour(self) -> None:
        """Write TCI at every resolution the product has, and the preview."""
        step = min(_PREVIEW_GSD // 10, self._grid.size10)
        side = self._grid.size10 // step
        preview = [self._display[n, 10][step // 2 :: step, step // 2 :: step][:side, :side] for n in _COLOURS]
        self._write(self._names.preview, preview, _PREVIEW_GSD)
        for gsd in sorted({gsd for _, gsd in self._display}):
            self._write(self._names.image("TCI", gsd), [self._display[n, gsd] for n in _COLOURS], gsd)
        self._display.clear()

    def atmosphere(self, scene: ProductSource) -> None:
        """Write aerosol, water vapour (both constant) and scene classification of L2A."""
        for gsd in (10, 20, 60):
            truth = scene.truth(gsd)
            classification = scene_classification(truth)
            observed = classification != 0
            for name, value in (("AOT", MEAN_AOT), ("WVP", MEAN_WVP)):
                constant = np.uint16(round(value * _ATMOSPHERE_SCALE))
                self._write(self._names.image(name, gsd), [observed * constant], gsd)
            if gsd > 10:
                self._write(self._names.image("SCL", gsd), [classification], gsd)

    def _write(self, name: str, planes: list[npt.NDArray[np.uint8]] | list[Dn], gsd: int) -> None:
        path = self._root / f"{name}.jp2"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_jp2(path, planes, self._grid, gsd, threads=self._threads)


def _pack(root: Path, path: Path) -> None:
    """Pack a product with its folder, deflated as ESA's archives are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for item in sorted(root.rglob("*")):
            archive.write(item, item.relative_to(root.parent).as_posix())
