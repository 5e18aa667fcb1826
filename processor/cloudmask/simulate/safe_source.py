"""What the SAFE writer asks of a scene, and the pixel values it makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..bands import LEVEL_BANDS, Level
from ..classes import SEN2COR_SCL, CloudClass
from ..errors import UsageError

QUANTIFICATION = 10000
"""Digital numbers per unit of reflectance (PSD, QUANTIFICATION_VALUE)."""
NODATA_DN = 0
SATURATED_DN = 65535
FULL_SIZE10 = 10980
"""Side of an operational tile, 10 m pixels."""
TCI_WHITE = 0.3558
"""Reflectance shown as 255 in the true-colour image (Sentinel-2 User Handbook, TCI)."""

_STRIP = 1024  # rows encoded at once, so that temporaries stay small beside the band


class ProductSource(Protocol):
    """A scene that can be written as a product.

    Attributes are read only: a frozen dataclass conforms.
    """

    @property
    def size10(self) -> int:
        """Side of the square scene in 10 m pixels, a multiple of 6 up to 10980."""
        ...

    @property
    def level(self) -> Level:
        """Processing level that the reflectances are of."""
        ...

    @property
    def sun_zenith(self) -> float:
        """Mean sun zenith angle, degrees, 0 to 90."""
        ...

    @property
    def sun_azimuth(self) -> float:
        """Mean sun azimuth, degrees clockwise from north, 0 to 360."""
        ...

    @property
    def bands(self) -> Sequence[str]:
        """Names of the bands that `band` knows."""
        ...

    def band(self, name: str) -> npt.NDArray[np.float32]:
        """Reflectance of a band at its native resolution, (rows, cols); +inf where saturated."""
        ...

    def valid(self, name: str) -> npt.NDArray[np.bool_]:
        """Return True where the band was observed, (rows, cols) at its native resolution."""
        ...

    def truth(self, gsd: int) -> npt.NDArray[np.uint8]:
        """Class codes (`CloudClass`) at 10, 20 or 60 m, (rows, cols)."""
        ...


def check_source(source: ProductSource) -> None:
    """Raise UsageError if a scene cannot be written as a product."""
    size = source.size10
    if size % 6 or not 0 < size <= FULL_SIZE10:
        raise UsageError(
            f"scene side: expected a multiple of 6 from 6 to {FULL_SIZE10} pixels of 10 m, found {size}; "
            "6 is what makes 10, 20 and 60 m pixels share their corners"
        )
    lacking = [b for b in LEVEL_BANDS[source.level] if b not in source.bands]
    if lacking:
        raise UsageError(
            f"scene of level {source.level} lacks bands {', '.join(lacking)}; a product holds all of them"
        )


def encode(
    reflectance: npt.NDArray[np.floating], valid: npt.NDArray[np.bool_], offset: int
) -> npt.NDArray[np.uint16]:
    """Digital numbers of a band.

    Parameters
    ----------
    reflectance : float array (rows, cols)
        Reflectance, 1 = white; NaN counts as not observed, values beyond the range as saturated.
    valid : bool array (rows, cols)
        False = no data.
    offset : int
        RADIO_ADD_OFFSET or BOA_ADD_OFFSET: reflectance = (DN + offset) / 10000 (PSD 14.8, since
        baseline 04.00 -1000).

    Returns
    -------
    uint16 array (rows, cols)
        0 where there is no data, 65535 where saturated, 1 to 65534 elsewhere.
    """
    if reflectance.shape != valid.shape:
        raise UsageError(f"validity mask: expected the band's shape {reflectance.shape}, found {valid.shape}")
    out = np.empty(reflectance.shape, dtype=np.uint16)
    for top in range(0, len(out), _STRIP):
        rows = slice(top, top + _STRIP)
        number = reflectance[rows].astype(np.float32) * np.float32(QUANTIFICATION) - np.float32(offset)
        np.rint(number, out=number)
        observed = valid[rows] & ~np.isnan(number)
        np.clip(number, 1, SATURATED_DN, out=number)
        number[~observed] = NODATA_DN
        out[rows] = number.astype(np.uint16)
    return out


def true_colour(dn: npt.NDArray[np.uint16], offset: int) -> npt.NDArray[np.uint8]:
    """Eight-bit display values of a band's digital numbers: 0 no data, 1 to 255 up to TCI_WHITE."""
    scale = 254.0 / (TCI_WHITE * QUANTIFICATION)
    table = np.clip(np.rint((np.arange(1 << 16) + offset) * scale) + 1, 1, 255).astype(np.uint8)
    table[NODATA_DN] = 0
    return np.asarray(table[dn])


def coarsen(dn: npt.NDArray[np.uint16], factor: int) -> npt.NDArray[np.uint16]:
    """Mean of the observed digital numbers in each block of ``factor`` by ``factor`` pixels.

    A block with a saturated pixel is saturated, one without an observed pixel is no data.
    """
    rows, cols = dn.shape[0] // factor, dn.shape[1] // factor
    out = np.empty((rows, cols), dtype=np.uint16)
    strip = max(1, _STRIP // factor)
    for top in range(0, rows, strip):
        part = dn[top * factor : (top + strip) * factor].reshape(-1, factor, cols, factor)
        count = (part != NODATA_DN).sum(axis=(1, 3))
        total = part.sum(axis=(1, 3), dtype=np.float64)
        mean = np.rint(total / np.maximum(count, 1))
        mean[(part == SATURATED_DN).any(axis=(1, 3))] = SATURATED_DN
        out[top : top + strip] = mean.astype(np.uint16)
    return out


def scene_classification(truth: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Sen2Cor scene classification codes of our classes, (rows, cols)."""
    return SEN2COR_SCL.encode(truth)


def class_shares(truth: npt.NDArray[np.uint8]) -> dict[CloudClass, float]:
    """Per cent of observed pixels in each class, and for MISSING per cent of all pixels."""
    counts = np.bincount(truth.ravel(), minlength=len(CloudClass))
    observed = max(1, int(counts.sum() - counts[CloudClass.MISSING]))
    shares = {c: 100.0 * float(counts[c]) / observed for c in CloudClass}
    shares[CloudClass.MISSING] = 100.0 * float(counts[CloudClass.MISSING]) / truth.size
    return shares
