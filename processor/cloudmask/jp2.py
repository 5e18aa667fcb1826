"""JPEG 2000 images by GDAL: headers, completeness, and windows at wavelet levels."""

from __future__ import annotations

import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.windows import Window

from .errors import InputError

_GDAL = {
    # Bytes, unlike GDAL's own option of that name; holds the blocks that two neighbouring strips
    # share, at worst two rows of blocks of ten bands.
    "GDAL_CACHEMAX": 256 * 2**20,
    "GDAL_NUM_THREADS": 1,  # bands are decoded side by side already
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "CPL_LOG_ERRORS": "NO",
}


_JPEG2000 = ("JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID")


@contextmanager
def gdal_environment(**settings: str) -> Iterator[None]:
    """GDAL's settings for this thread; pixels without georeference are no reason to warn."""
    with warnings.catch_warnings(), rasterio.Env(**{**_GDAL, **settings}):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@cache
def jpeg2000_driver() -> str:
    """Name of GDAL's JPEG 2000 driver; empty if this GDAL has none."""
    with rasterio.Env() as env:
        drivers = env.drivers()
    return next((d for d in _JPEG2000 if d in drivers), "")


def check_path(path: str) -> None:
    """Refuse a path that has bytes which neither GDAL nor a report can be given.

    Linux allows any bytes in a name; Python keeps those that are not UTF-8 as surrogates.

    Raises
    ------
    InputError
        If it cannot be written in UTF-8.
    """
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        shown = path.encode("utf-8", "backslashreplace").decode("utf-8")
        raise InputError(
            f"{shown}: expected a path in UTF-8, found bytes that are none, perhaps of Latin-1; rename the "
            "file or folder"
        ) from error


def _open(path: str, **options: Any) -> Any:
    """Open an image as JPEG 2000 or, for small samples of products, GeoTIFF.

    No other of GDAL's drivers may look at it: a VRT would follow paths and addresses in the file.

    Raises
    ------
    InputError
        If the path has bytes that GDAL cannot be given.
    RasterioError
        If it is neither.
    """
    check_path(path)
    try:
        return rasterio.open(path, driver=jpeg2000_driver() or _JPEG2000[0], **options)
    except RasterioError:
        try:
            return rasterio.open(path, driver="GTiff", **options)
        except RasterioError:
            pass
        raise


@dataclass(frozen=True)
class Header:
    """What an image says of itself.

    Attributes
    ----------
    rows, cols : int
        Size of the full image.
    crs : str or None
        Coordinate reference system, ``"EPSG:32635"`` where it has a code.
    left, top, pixel_size : float
        Georeference in map units; pixel size 0 if there is none.
    levels : int
        Wavelet levels it can be read at, beyond the full one.
    block : int
        Side of the blocks it is coded in, full pixels.
    """

    rows: int
    cols: int
    crs: str | None
    left: float
    top: float
    pixel_size: float
    levels: int
    block: int


def read_header(path: str, label: str) -> Header:
    """Header of an image.

    Raises
    ------
    InputError
        If it is no single-band image with square pixels that GDAL can open.
    """
    with gdal_environment():
        try:
            with _open(path) as image:
                if image.count != 1:
                    raise InputError(f"{label}: expected one band, found {image.count}")
                transform = image.transform
                georeferenced = image.crs is not None and not transform.is_identity
                if georeferenced and abs(transform.a + transform.e) > 1e-6 * abs(transform.a):
                    raise InputError(
                        f"{label}: expected square north-up pixels, found {transform.a:g} x {transform.e:g}"
                    )
                code = image.crs.to_epsg() if image.crs else None
                factors = image.overviews(1)
                return Header(
                    rows=image.height,
                    cols=image.width,
                    crs=f"EPSG:{code}" if code else (image.crs.to_wkt() if image.crs else None),
                    left=transform.c,
                    top=transform.f,
                    pixel_size=transform.a if georeferenced else 0.0,
                    # Wavelet levels halve; a factor list that does not is no pyramid we know.
                    levels=sum(1 for i, f in enumerate(factors) if f == 2 ** (i + 1)),
                    block=image.block_shapes[0][0],
                )
        except (RasterioError, RasterioIOError) as error:
            raise InputError(
                f"{label}: expected a JPEG 2000 image, found one that cannot be opened: {error}"
            ) from error


def check_complete(path: str, label: str) -> None:
    """Refuse a truncated JPEG 2000 file: decoders may fill what is missing with grey and say nothing.

    A file of another format under the name (small samples of products hold GeoTIFFs) is left to
    its own driver.

    JP2 is a chain of boxes with their lengths (ISO/IEC 15444-1, Annex I); the code stream in the
    last one ends with the marker EOC, FF D9.

    Raises
    ------
    InputError
        If the chain reaches beyond the file or the end marker is absent.
    """
    if path.startswith("/vsi"):
        return  # SafeFiles.local_path has held it against the archive's checksum
    file_path = Path(path)
    size = file_path.stat().st_size
    complete = size > 2
    with file_path.open("rb") as file:
        start = file.read(12)
        if start and not (start.startswith(b"\xff\x4f\xff\x51") or start[4:8] == b"jP  "):
            return
        position = 0
        while complete and position < size:
            file.seek(position)
            head = file.read(16)
            if len(head) < 8:
                complete = False
                break
            length, kind = struct.unpack(">I4s", head[:8])
            if length == 1 and len(head) == 16:
                length = struct.unpack(">Q", head[8:])[0]
            if head[:4] == b"\xff\x4f\xff\x51" or length == 0:  # bare code stream, or up to the end
                length, kind = size - position, b"jp2c"
            complete = length >= 8 and position + length <= size
            if complete and kind == b"jp2c":
                file.seek(position + length - 2)
                complete = file.read(2) == b"\xff\xd9"
            position += length
    if not complete:
        raise InputError(
            f"{label}: the image is truncated (it has {size} bytes, and its end is missing); "
            "download the product again"
        )


class BandImage:
    """One open image, read by windows at wavelet levels.

    Several threads may use it; reads of one image take turns.

    Parameters
    ----------
    path : str
        For GDAL.
    label : str
        File name for errors.
    """

    def __init__(self, path: str, label: str) -> None:
        check_complete(path, label)
        self._path = path
        self._label = label
        self._levels: dict[int, Any] = {}
        self._lock = threading.Lock()

    def read(self, level: int, rows: tuple[int, int], cols: tuple[int, int]) -> npt.NDArray[np.uint16]:
        """Digital numbers (uint16) of a half-open window at a level; level n has 2**-n the pixels.

        Raises
        ------
        InputError
            If the image cannot be decoded.
        """
        window = Window(cols[0], rows[0], cols[1] - cols[0], rows[1] - rows[0])
        with self._lock, gdal_environment():
            try:
                image = self._levels.get(level)
                if image is None:
                    extra = {"overview_level": level - 1} if level else {}
                    image = self._levels[level] = _open(self._path, **extra)
                data = image.read(1, window=window)
            except (RasterioError, RasterioIOError) as error:
                raise InputError(
                    f"{self._label}: the image cannot be decoded, it is damaged; download the product "
                    f"again ({error})"
                ) from error
        if data.dtype not in (np.uint16, np.uint8):
            raise InputError(f"{self._label}: expected 16-bit unsigned pixels, found {data.dtype}")
        return data.astype(np.uint16, copy=False)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the image."""
        with self._lock:
            for image in self._levels.values():
                image.close()
            self._levels.clear()
