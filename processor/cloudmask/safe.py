"""Sentinel-2 products as ESA delivers them, as a source for the pipeline."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from .bands import BANDS, LEVEL_BANDS, parse_band
from .errors import InputError
from .grid import FloatArray, Grid
from .jp2 import BandImage, Header, read_header
from .plane import Plane, PlaneLayout, make_plane
from .radiometry import NODATA_DN, SATURATED_DN, Radiometry
from .safe_checksums import CheckedFiles
from .safe_files import SafeFiles, open_files
from .safe_metadata import ProductMetadata, read_metadata
from .source import PlaneSource
from .wavelet import LevelImage

log = logging.getLogger(__name__)

_IMAGE = re.compile(r"(?:^|/)IMG_DATA/(?:R\d\dm/)?[^/]*_(B\d[\dA])(?:_(\d\d)m)?\.jp2$", re.IGNORECASE)


class SafeProduct(PlaneSource):
    """A Sentinel-2 L1C or L2A product.

    Use :func:`open_product`. It is a context manager; closing removes what was unpacked.

    Attributes
    ----------
    metadata : ProductMetadata
        What the product says of itself.
    folder : Path
        Folder that holds the product.
    stem : str
        Name of the product's folder or zip without extension.
    """

    metadata: ProductMetadata
    folder: Path
    stem: str

    def __init__(
        self,
        files: SafeFiles,
        *,
        threads: int = 1,
        offset: float | None = None,
        downsampling: str = "wavelet",
    ) -> None:
        self._files = files
        self._downsampling = downsampling
        self.metadata = read_metadata(files.read(files.metadata), f"{files.origin}: {files.metadata}")
        self.folder, self.stem = files.folder, files.stem
        self._offset = offset
        self._paths = _band_files(files, self.metadata)
        self._headers: dict[str, Header] = {}
        self._images: dict[str, BandImage] = {}
        self._levels: dict[tuple[str, int], LevelImage] = {}
        bands = tuple(b for b in LEVEL_BANDS[self.metadata.level] if b in self._paths)
        executor = ThreadPoolExecutor(threads, "cloudmask-decode") if threads > 1 else None
        self._executor = executor
        self._reference = min(bands, key=lambda b: (self._paths[b][1], b))
        grid = self._reference_grid()
        # Two strips at a time, so that no decoder waits for the slowest band of a strip.
        super().__init__(files.stem, self.metadata.level, grid, bands, executor, readers=2)

    def __enter__(self) -> SafeProduct:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close images and remove what was unpacked."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
        for image in self._images.values():
            image.close()
        self._files.close()

    def radiometry(self, band: str) -> Radiometry:
        """How the band's digital numbers become reflectance."""
        own = self.metadata.radiometry[band]
        return own if self._offset is None else Radiometry(own.quantification, self._offset)

    def layout(self, band: str, gsd: float) -> PlaneLayout:
        """The deepest wavelet level that is no coarser than `gsd`, or the full image if means are wanted."""
        spacing, level, header = self._level(band, gsd)
        factor = 2**level
        return PlaneLayout(spacing * factor, math.ceil(header.rows / factor), math.ceil(header.cols / factor))

    def load(
        self,
        band: str,
        layout: PlaneLayout,
        rows: tuple[int, int],
        cols: tuple[int, int],
        out: FloatArray | None = None,
    ) -> Plane:
        """Decode a window of a band; :mod:`cloudmask.wavelet` keeps no-data out of the rest."""
        spacing, level, header = self._level(band, layout.spacing)
        image = self._image(band)
        radiometry = self.radiometry(band)
        if level:
            key = band, level
            if key not in self._levels:
                self._levels[key] = LevelImage(image, header, level, spacing, radiometry)
            return self._levels[key].read(rows, cols, out)
        dn = image.read(0, rows, cols)
        return make_plane(radiometry.reflectance(dn, out), dn != NODATA_DN, dn == SATURATED_DN)

    def digital_numbers(self, band: str, gsd: float) -> npt.NDArray[np.uint16]:
        """A whole band as :meth:`load` decodes it for use at a spacing, untouched.

        Returns
        -------
        uint16 (rows, cols) of ``layout(band, gsd)``
            Digital numbers; 0 is no data.
        """
        layout = self.layout(band, gsd)
        level = self._level(band, gsd)[1]
        return self._image(band).read(level, (0, layout.rows), (0, layout.cols))

    def _image(self, band: str) -> BandImage:
        if band not in self._images:
            name = self._paths[band][0]
            self._images[band] = BandImage(self._files.local_path(name), self._label(name))
        return self._images[band]

    def _label(self, name: str) -> str:
        return f"{self._files.origin}: {name.rpartition('/')[2]}"

    def _header(self, band: str) -> Header:
        if band not in self._headers:
            name = self._paths[band][0]
            self._headers[band] = read_header(self._files.header_path(name), self._label(name))
        return self._headers[band]

    def _level(self, band: str, gsd: float) -> tuple[float, int, Header]:
        """Nominal spacing of the full image, the wavelet level to read, and the header."""
        header = self._header(band)
        spacing = self._spacing(band, header)
        level = 0
        deepest = header.levels if self._downsampling == "wavelet" else 0
        while level < deepest and spacing * 2 ** (level + 1) <= gsd * 1.001:
            level += 1
        return spacing, level, header

    def _spacing(self, band: str, header: Header) -> float:
        """Nominal spacing, from how many pixels cover the ground that the reference band covers."""
        reference = self._header(self._reference)
        label = self._label(self._paths[band][0])
        if header.pixel_size and reference.pixel_size:
            spacing = header.pixel_size / reference.pixel_size * self._paths[self._reference][1]
        else:
            spacing = float(self._paths[band][1])
        ground = (header.rows * spacing, header.cols * spacing)
        expected = (self.full_rows, self.full_cols)
        allowed = 2 * max(spacing, self._paths[self._reference][1])
        if any(abs(a - b) > allowed for a, b in zip(ground, expected, strict=True)) or (
            header.pixel_size
            and reference.pixel_size
            and max(abs(header.left - reference.left), abs(header.top - reference.top)) > header.pixel_size
        ):
            raise InputError(
                f"{label}: expected to cover the same ground as {self._reference} "
                f"({expected[0]:g} x {expected[1]:g} m), found {header.rows} x {header.cols} px of "
                f"{spacing:g} m from ({header.left:g}, {header.top:g}); the image has the wrong size"
            )
        return spacing

    def _reference_grid(self) -> Grid:
        name, gsd = self._paths[self._reference]
        header = self._header(self._reference)
        self.full_rows, self.full_cols = header.rows * gsd, header.cols * gsd
        if header.pixel_size and not math.isclose(header.pixel_size, gsd, rel_tol=1e-6):
            log.warning(
                "%s: the image has %d x %d px of %g m where %g m is expected: a thinned-out product; "
                "it is masked as it is, on its own pixels",
                self._label(name),
                header.rows,
                header.cols,
                header.pixel_size,
                gsd,
            )
        return Grid(
            header.crs,
            header.left,
            header.top,
            float(gsd),
            header.pixel_size or float(gsd),
            header.rows,
            header.cols,
        )


def open_product(
    path: str | Path,
    *,
    threads: int = 1,
    offset: float | None = None,
    downsampling: str = "wavelet",
    verify: bool = False,
) -> SafeProduct:
    """Open a product.

    Parameters
    ----------
    path : str or Path
        A ``.SAFE`` folder, a zip of one, or its ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml``.
    threads : int
        Bands decoded side by side.
    offset : float, optional
        Added to the digital numbers of every band in place of the product's own offset.
    downsampling : {"wavelet", "mean"}
        Whether a band that is wanted coarser than it is, is read at a wavelet level of its image, or in
        full and averaged.
    verify : bool
        Hold every file against its checksum in ``manifest.safe`` before it is first used.

    Raises
    ------
    InputError
        If it is no product, is incomplete or cannot be read.
    """
    files = open_files(Path(path))
    try:
        files = CheckedFiles(files) if verify else files
        return SafeProduct(files, threads=threads, offset=offset, downsampling=downsampling)
    except BaseException:
        files.close()
        raise


def _band_files(files: SafeFiles, metadata: ProductMetadata) -> Mapping[str, tuple[str, int]]:
    """For each band its image of the finest resolution, and that resolution in metres."""
    found: dict[str, tuple[str, int]] = {}
    for name in files.names():
        match = _IMAGE.search(name)
        if match is None:
            continue
        try:
            band = parse_band(match[1])
        except InputError:
            continue
        gsd = int(match[2]) if match[2] else BANDS[band].gsd
        if band not in found or gsd < found[band][1]:
            found[band] = (name, gsd)
    if not found:
        raise InputError(
            f"{files.origin}: the product has metadata but no band images (GRANULE/*/IMG_DATA/*.jp2); "
            "download it whole"
        )
    return found
