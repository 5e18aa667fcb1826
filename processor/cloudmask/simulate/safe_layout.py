"""Which images a product holds, at which resolutions."""

from __future__ import annotations

from ..bands import BAND_NAMES, BANDS, RESOLUTIONS, Level
from .safe_naming import Baseline

EXTRAS: dict[int, tuple[str, ...]] = {
    10: ("TCI", "AOT", "WVP"),
    20: ("TCI", "AOT", "WVP", "SCL"),
    60: ("TCI", "AOT", "WVP", "SCL"),
}
"""Images of an L2A product that are not bands, by resolution."""


def band_copies(name: str, level: Level, baseline: Baseline) -> tuple[int, ...]:
    """Resolutions at which a band is in the product, metres, native first.

    L1C holds native resolutions. L2A repeats bands at coarser ones, all but B08; B01 is at 20 m
    too since baseline 04.00; B10 sees no surface and is in none.
    """
    native = BANDS[name].gsd
    if level == "L1C":
        return (native,)
    if name == "B10":
        return ()
    if name == "B08":
        return (native,)
    if name == "B01" and baseline.raster_masks:
        return (native, 20)
    return (native, *(gsd for gsd in RESOLUTIONS if gsd > native))


def images(level: Level, baseline: Baseline) -> list[tuple[str, int]]:
    """All images as (name, ground sampling distance), in the order of the metadata."""
    if level == "L1C":
        return [(name, BANDS[name].gsd) for name in BAND_NAMES] + [("TCI", 10)]
    out: list[tuple[str, int]] = []
    for gsd in RESOLUTIONS:
        out += [(name, gsd) for name in BAND_NAMES if gsd in band_copies(name, level, baseline)]
        out += [(name, gsd) for name in EXTRAS[gsd]]
    return out
