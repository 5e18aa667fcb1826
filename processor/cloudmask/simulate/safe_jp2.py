"""Write JPEG 2000 images with the parameters of operational Sentinel-2 products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio._err import CPLE_BaseError  # what GDAL raises while it writes; not exported elsewhere
from rasterio.errors import RasterioError

from ..errors import OutputError
from .safe_tile import TileGrid

_TILE = {10: 1024, 20: 640, 60: 192}
"""Side of the JPEG 2000 tiles of band images by ground sampling distance, pixels."""
_MASK_TILE = {10: 1024, 20: 2048, 60: 256}
_BITS = 15
"""Significant bits of operational band images; a saturated pixel (65535) needs 16."""
_SMALLEST = 4  # side at which a further wavelet level has nothing left to halve
_END_OF_CODESTREAM = b"\xff\xd9"

Plane = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def write_jp2(
    path: Path,
    planes: Sequence[Plane | None],
    grid: TileGrid,
    gsd: int,
    *,
    mask: bool = False,
    threads: int = 2,
) -> None:
    """Write an image losslessly, georeferenced (GMLJP2 and GeoJP2).

    Reversible 5/3 wavelet with up to 5 levels, code blocks of 64 by 64, layer-resolution
    progression, 15 significant bits where the values allow.

    Parameters
    ----------
    path : Path
        File to write; must not exist.
    planes : sequence of uint8 or uint16 arrays (rows, cols), or None
        Components of one type; None is a component of zeros that costs no memory.
    grid : TileGrid
        Gives the coordinate system and the upper left corner.
    gsd : int
        Pixel size, metres; 10, 20, 60 or, for previews, any other.
    mask : bool
        Tile sizes of quality masks instead of bands.
    threads : int
        Encoder threads.

    Raises
    ------
    OutputError
        If the file cannot be written whole.
    """
    sample = next(p for p in planes if p is not None)
    rows, cols = sample.shape
    sizes = _MASK_TILE if mask else _TILE
    tile = sizes.get(gsd, _TILE[10])
    options = {
        "QUALITY": "100",
        "REVERSIBLE": "YES",
        "YCBCR420": "NO",
        "YCC": "NO",
        "RESOLUTIONS": str(_resolutions(min(tile, rows, cols))),
        "PROGRESSION": "LRCP",
        "CODEBLOCK_WIDTH": "64",
        "CODEBLOCK_HEIGHT": "64",
    }
    if sample.dtype == np.uint16:
        largest = max(int(p.max(initial=0)) for p in planes if p is not None)
        options["NBITS"] = str(_BITS if largest < 1 << _BITS else 16)
    try:
        with (
            rasterio.Env(GDAL_NUM_THREADS=str(threads), GDAL_PAM_ENABLED="NO"),
            rasterio.open(
                path,
                "w",
                driver="JP2OpenJPEG",
                width=cols,
                height=rows,
                count=len(planes),
                dtype=sample.dtype.name,
                crs=grid.crs,
                transform=grid.transform(gsd),
                blockxsize=tile,  # rasterio loses the width if the name is in capitals
                blockysize=tile,
                **options,
            ) as image,
        ):
            for index, plane in enumerate(planes, start=1):
                if plane is not None:
                    image.write(plane, index)
        # GDAL does not report every failed write of the encoder: look for the end of the stream.
        with path.open("rb") as stream:
            stream.seek(-len(_END_OF_CODESTREAM), 2)
            complete = stream.read() == _END_OF_CODESTREAM
    except (RasterioError, CPLE_BaseError, OSError) as error:
        raise OutputError(f"{path}: cannot write the image ({error}); is there space on the disk?") from error
    if not complete:
        raise OutputError(f"{path}: the image ends early; is there space on the disk?")


def _resolutions(side: int) -> int:
    """Return the number of resolutions: 6 (5 wavelet levels), fewer for images too small to halve."""
    return max(1, min(6, 1 + int(math.log2(max(1, side / _SMALLEST)))))
