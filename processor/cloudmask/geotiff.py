"""Cloud-Optimised GeoTIFFs of classes and probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from lxml import etree
from rasterio._err import CPLE_BaseError  # what copying raises; not exported elsewhere
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from .classes import COLOURS, NODATA, SURFACE_CLASSES, CloudClass
from .errors import OutputError
from .grid import ROWS, Grid
from .jp2 import gdal_environment

_BLOCK = 512
"""Rows and columns of the blocks of an image, pixels."""
_COG = {
    "driver": "COG",
    "COMPRESS": "DEFLATE",
    "LEVEL": "3",  # half the time of the usual 6 for a sixth more bytes
    "OVERVIEW_COMPRESS": "DEFLATE",
    "BLOCKSIZE": _BLOCK,
    "BIGTIFF": "IF_SAFER",
    "NUM_THREADS": "ALL_CPUS",
}
PROBABILITY_TYPES = ("uint8", "float32")
PROBABILITY_SCALE = 200
"""Scaled probabilities are ``round(200 * p)``, so 0 to 200, in steps of half a percent."""
PROBABILITY_NODATA = 255


def write_classes(path: Path, classes: npt.NDArray[np.uint8], grid: Grid, tags: dict[str, str]) -> None:
    """Write class codes with colour table, class names and no-data.

    GDAL keeps class names outside the TIFF, so ``<path>.aux.xml`` is written as well.

    Parameters
    ----------
    path : Path
        Target.
    classes : uint8 (rows, cols)
        Codes of :class:`CloudClass`.
    grid : Grid
        Georeference.
    tags : dict
        Metadata of the dataset.

    Raises
    ------
    OutputError
        If it cannot be made.
    OSError
        If it cannot be written; :class:`AtomicOutputs` names the file and cleans up.
    """

    def fill(image: Any) -> None:
        image.write(classes, 1)
        image.write_colormap(1, {int(c): (*COLOURS[c], 255) for c in CloudClass})
        image.set_band_description(1, "cloud mask")
        image.update_tags(1, **{f"CLASS_{int(c)}": c.label for c in CloudClass})
        image.update_tags(**tags)

    # Averaging codes would make classes that nobody saw, so overviews take the commonest. GDAL's own take
    # as long as all the rest.
    _write(path, classes[None], grid, NODATA, fill, _overviews(classes), WARP_RESAMPLING="NEAREST")
    _write_names(path)


def write_probabilities(
    path: Path, probabilities: npt.NDArray[np.float32], grid: Grid, kind: str, tags: dict[str, str]
) -> None:
    """Write one band a class.

    Parameters
    ----------
    path : Path
        Target.
    probabilities : float32 (4, rows, cols)
        0 to 1, NaN where missing, in the order of ``SURFACE_CLASSES``.
    grid : Grid
        Georeference.
    kind : {"uint8", "float32"}
        ``uint8`` holds :data:`PROBABILITY_SCALE` times the probability, 255 where missing.
    tags : dict
        Metadata of the dataset.

    Raises
    ------
    OutputError
        If it cannot be made.
    OSError
        If it cannot be written; :class:`AtomicOutputs` names the file and cleans up.
    """
    data: npt.NDArray[Any] = probabilities
    nodata: float = float("nan")
    if kind == "uint8":
        data, nodata = scale_probabilities(probabilities), PROBABILITY_NODATA

    def fill(image: Any) -> None:
        for i, member in enumerate(SURFACE_CLASSES):
            image.write(data[i], i + 1)
            image.set_band_description(i + 1, f"probability of {member.label}")
        if kind == "uint8":
            image.scales = [1 / PROBABILITY_SCALE] * len(data)
        image.update_tags(**tags)

    predictor = {"PREDICTOR": "FLOATING_POINT"} if kind == "float32" else {}
    _write(path, data, grid, nodata, fill, [], OVERVIEW_RESAMPLING="AVERAGE", **predictor)


def scale_probabilities(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Probabilities (0 to 1, NaN) as ``round(200 * p)``, NaN as 255; uint8, same shape."""
    out = np.full(values.shape, PROBABILITY_NODATA, np.uint8)
    known = ~np.isnan(values)
    out[known] = np.round(values[known] * PROBABILITY_SCALE).astype(np.uint8)
    return out


def _overviews(classes: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
    """Pictures of half the size, a quarter, and so on, down to one that fits into a block."""
    levels: list[npt.NDArray[np.uint8]] = []
    while max(classes.shape) > _BLOCK:
        classes = halved(classes)
        levels.append(classes)
    return levels


def halved(classes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Half of the rows and columns, rounded up: of 2 x 2 pixels the commonest class.

    Of two that are as common it is that of the first of the four, row by row; missing pixels count where all
    are missing.

    Parameters
    ----------
    classes : uint8 (rows, cols)
        Codes of :class:`CloudClass`.

    Returns
    -------
    uint8 ((rows + 1) // 2, (cols + 1) // 2)
    """
    rows, cols = ((size + 1) // 2 for size in classes.shape)
    out = np.empty((rows, cols), np.uint8)
    for start in range(0, rows, ROWS):
        part = classes[2 * start : 2 * (start + ROWS)]
        if part.shape[0] % 2 or part.shape[1] % 2:  # what lies beyond an edge is as what lies at it
            part = np.pad(part, [(0, size % 2) for size in part.shape], mode="edge")
        a, b, c, d = (np.ascontiguousarray(part[i::2, j::2]) for i in (0, 1) for j in (0, 1))
        best = a.copy()
        for other in (b, c, d):
            np.copyto(best, other, where=best == NODATA)
        single = (a == NODATA) | ((a != b) & (a != c) & (a != d))
        np.copyto(best, c, where=single & (c == d) & (c != NODATA))
        np.copyto(best, b, where=single & ((b == c) | (b == d)) & (b != NODATA))
        out[start : start + ROWS] = best
    return out


def _write(
    path: Path,
    data: npt.NDArray[Any],
    grid: Grid,
    nodata: float,
    fill: Callable[[Any], None],
    overviews: Sequence[npt.NDArray[Any]],
    **creation: str,
) -> None:
    profile = {
        "driver": "GTiff",
        "dtype": data.dtype.name,
        "count": data.shape[0],
        "height": grid.rows,
        "width": grid.cols,
        "crs": grid.crs,
        "transform": Affine(*grid.transform),
        "nodata": nodata,
        "tiled": True,
        "blockxsize": _BLOCK,
        "blockysize": _BLOCK,
        # Holds the memory down between filling and copying, where that is worth its time.
        "compress": "LZW" if data.shape[0] > 1 else "NONE",
        "BIGTIFF": "IF_SAFER",
    }
    # GDAL may end a file early on a full disk and say nothing, so Python writes what GDAL made.
    settings = {"GDAL_NUM_THREADS": "ALL_CPUS", "GDAL_DISABLE_READDIR_ON_OPEN": "FALSE"}  # to find overviews
    with gdal_environment(**settings), MemoryFile() as result:
        try:
            with ExitStack() as files:
                memory = files.enter_context(MemoryFile(filename="image.tif"))
                folder = memory.name.rpartition("/")[0].removeprefix("/vsimem/")
                with memory.open(**profile) as image:
                    fill(image)
                name = "image.tif"
                for level in overviews:  # GDAL looks for an image's overview, itself an image, by its name
                    name += ".ovr"
                    file = files.enter_context(MemoryFile(dirname=folder, filename=name))
                    smaller = {
                        "height": level.shape[0],
                        "width": level.shape[1],
                        "transform": Affine.identity(),
                    }
                    with file.open(**{**profile, **smaller}) as image:
                        image.write(level, 1)
                with memory.open() as image:
                    rasterio.shutil.copy(image, result.name, **_COG, **creation)
        except (RasterioError, CPLE_BaseError) as error:
            raise OutputError(f"{path.name}: cannot be made, is there enough memory? ({error})") from error
        with path.open("wb") as target:
            target.write(result.getbuffer())


def _write_names(path: Path) -> None:
    """Class names in GDAL's auxiliary file, where QGIS and gdalinfo find them."""
    root = etree.Element("PAMDataset")
    band = etree.SubElement(root, "PAMRasterBand", band="1")
    names = etree.SubElement(band, "CategoryNames")
    for member in CloudClass:
        etree.SubElement(names, "Category").text = member.label
    auxiliary_path(path).write_bytes(etree.tostring(root, pretty_print=True))


def auxiliary_path(path: Path) -> Path:
    """GDAL's auxiliary file of an image."""
    return path.with_name(path.name + ".aux.xml")
