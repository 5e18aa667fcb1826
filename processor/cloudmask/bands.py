"""Sentinel-2 MSI bands: names, native resolution, wavelength, and which level holds which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from .errors import InputError

Level = Literal["L1C", "L2A"]
LEVELS: tuple[Level, ...] = ("L1C", "L2A")
RESOLUTIONS: tuple[int, ...] = (10, 20, 60)
"""Native ground sampling distances of the instrument, metres; also the output resolutions."""


@dataclass(frozen=True)
class Band:
    """One spectral band of the MultiSpectral Instrument.

    Attributes
    ----------
    name : str
        Name as in file names, ``"B02"``.
    gsd : int
        Native ground sampling distance, metres.
    wavelength : float
        Central wavelength of Sentinel-2A, nanometres (Sentinel-2 Spectral Response Functions,
        COPE-GSEG-EOPG-TN-15-0007).
    bandwidth : float
        Full width at half maximum, nanometres (same source).
    index : int
        Position in the product's band list, the ``band_id`` of the metadata (PSD, 0 to 12).
    """

    name: str
    gsd: int
    wavelength: float
    bandwidth: float
    index: int


BANDS: Mapping[str, Band] = MappingProxyType(
    {
        b.name: b
        for b in (
            Band("B01", 60, 442.7, 21.0, 0),
            Band("B02", 10, 492.4, 66.0, 1),
            Band("B03", 10, 559.8, 36.0, 2),
            Band("B04", 10, 664.6, 31.0, 3),
            Band("B05", 20, 704.1, 15.0, 4),
            Band("B06", 20, 740.5, 15.0, 5),
            Band("B07", 20, 782.8, 20.0, 6),
            Band("B08", 10, 832.8, 106.0, 7),
            Band("B8A", 20, 864.7, 21.0, 8),
            Band("B09", 60, 945.1, 20.0, 9),
            Band("B10", 60, 1373.5, 31.0, 10),
            Band("B11", 20, 1613.7, 91.0, 11),
            Band("B12", 20, 2202.4, 175.0, 12),
        )
    }
)

BAND_NAMES: tuple[str, ...] = tuple(BANDS)

LEVEL_BANDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "L1C": BAND_NAMES,
        # The cirrus band sees no surface, so Sen2Cor does not write it.
        "L2A": tuple(n for n in BAND_NAMES if n != "B10"),
    }
)


def parse_level(text: str) -> Level:
    """Return ``"L1C"`` or ``"L2A"`` for any spelling in use (``"l1c"``, ``"Level-2A"``, ``"MSIL1C"``).

    Raises
    ------
    InputError
        For anything else.
    """
    token = text.upper().replace("LEVEL-", "L").replace("MSI", "").replace("S2", "").replace("_", "")
    for level in LEVELS:
        if token == level:
            return level
    raise InputError(f"unknown processing level '{text}'; expected L1C or L2A")


def parse_band(text: str) -> str:
    """Return the canonical name for any spelling in use (``"B2"``, ``"b02"``, ``"B8a"`` -> ``"B8A"``).

    Raises
    ------
    InputError
        If it is not a band of the MultiSpectral Instrument.
    """
    token = text.strip().upper()
    if token.startswith("B") and len(token) == 2:
        token = "B0" + token[1]
    if token in BANDS:
        return token
    raise InputError(f"unknown band '{text}'; expected one of {', '.join(BAND_NAMES)}")


def parse_bands(names: Iterable[str]) -> tuple[str, ...]:
    """Canonical names of several bands, in their order, each at most once.

    Raises
    ------
    InputError
        For an unknown or repeated band.
    """
    out = tuple(parse_band(n) for n in names)
    for name in out:
        if out.count(name) > 1:
            raise InputError(f"band {name} is given {out.count(name)} times; each band may be given once")
    return out
