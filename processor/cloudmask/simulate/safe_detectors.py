"""Which detector saw which pixel, and under which angles: a simple push-broom geometry.

The instrument's twelve detectors lie in two staggered rows, so neighbours look forward and
backward in turn (Sentinel-2 User Handbook, MSI focal plane). Strips are parallel and as oblique
as a descending orbit makes them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..bands import BANDS
from .safe_tile import TileGrid

GRID_STEP = 5000
"""Spacing of angle grids, metres (PSD)."""
GRID_SIZE = 23
"""Nodes of an angle grid in each direction (PSD)."""

_STRIP = 24_000.0  # ground covered by one detector, metres; twelve make the 290 km swath
_SLANT = 0.22  # metres westward per metre southward of a descending ground track
_FIRST = 4  # detector at the upper left corner; any that leaves room for the tile within twelve
_ALTITUDE = 786_000.0  # metres (User Handbook)
_CENTRE = (6.5 - _FIRST + 0.5) * _STRIP  # the sub-satellite track, between detectors 6 and 7
_EARTH_DEGREE = 111_195.0  # metres on the sphere of 6371 km per degree
# Bands in the order of their lines of sight along the track, from nadir outward. The angle between
# odd and even detectors grows from 0.022 rad (B02) to 0.059 rad (B09) (User Handbook).
_ALONG_TRACK = ("B02", "B08", "B03", "B10", "B04", "B05", "B11", "B06", "B07", "B8A", "B12", "B01", "B09")
_PARALLAX = (0.022, 0.059)

Floats = npt.NDArray[np.float64]


def _strip_coordinate(x: Floats, y: Floats | float) -> Floats:
    """Metres across the track from the edge of the first strip; x east, y south of the corner."""
    return x + _SLANT * y


def detector_map(grid: TileGrid, gsd: int) -> npt.NDArray[np.uint8]:
    """Detector number, 1 to 12, at each pixel centre, (rows, cols)."""
    size = grid.size(gsd)
    centres = (np.arange(size, dtype=np.float64) + 0.5) * gsd
    out = np.empty((size, size), dtype=np.uint8)
    for row, y in enumerate(centres.tolist()):
        out[row] = _FIRST + (_strip_coordinate(centres, y) // _STRIP).astype(np.uint8)
    return out


def _nodes() -> tuple[Floats, Floats]:
    """Metres east and south of the corner at the nodes of an angle grid, both (23, 23)."""
    axis = np.arange(GRID_SIZE, dtype=np.float64) * GRID_STEP
    x, y = np.meshgrid(axis, axis)
    return x, y


def sun_angles(grid: TileGrid, zenith: float, azimuth: float) -> tuple[Floats, Floats]:
    """Sun zenith and azimuth on the angle grid, degrees, (23, 23) each.

    The zenith angle is the distance to the subsolar point: it falls by one degree for each degree
    of arc towards the sun; the azimuth turns with the bearing to that point and with the
    convergence of meridians. First order, exact in the middle of the written area.
    """
    x, y = _nodes()
    middle = grid.size10 * 10 / 2
    east, north = (x - middle) / _EARTH_DEGREE, (middle - y) / _EARTH_DEGREE
    bearing = np.radians(azimuth)
    toward = east * np.sin(bearing) + north * np.cos(bearing)
    across = east * np.cos(bearing) - north * np.sin(bearing)
    latitude = np.radians(np.mean([lat for lat, _ in grid.footprint()[:4]]))
    distance = np.radians(max(zenith, 1.0))
    turn = -across / np.tan(distance) + east * np.tan(latitude)
    return np.clip(zenith - toward, 0.0, 90.0), (azimuth + turn) % 360.0


def view_angles(band: str) -> dict[int, tuple[Floats, Floats]]:
    """Return viewing zenith and azimuth by detector, degrees, (23, 23) each, NaN beyond its strip."""
    x, y = _nodes()
    s = _strip_coordinate(x, y)
    number = _FIRST + (s // _STRIP).astype(int)
    rank = _ALONG_TRACK.index(band) / (len(_ALONG_TRACK) - 1)
    half = 0.5 * (_PARALLAX[0] + rank * (_PARALLAX[1] - _PARALLAX[0]))
    heading = np.arctan(_SLANT)
    out: dict[int, tuple[Floats, Floats]] = {}
    for detector in np.unique(number).tolist():
        across = np.arctan((s - _CENTRE) * np.cos(heading) / _ALTITUDE)
        along = half if detector % 2 else -half
        zenith = np.degrees(np.hypot(across, along))
        # The azimuth is that of the satellite seen from the ground: against the offset.
        azimuth = (np.degrees(np.arctan2(-across, along) + heading)) % 360.0
        seen = number == detector
        out[detector] = (np.where(seen, zenith, np.nan), np.where(seen, azimuth, np.nan))
    return out


def mean_view(band: str) -> tuple[float, float]:
    """Mean viewing zenith and azimuth of a band, degrees."""
    zeniths, azimuths = zip(*view_angles(band).values(), strict=True)
    bearings = np.radians(np.concatenate([a[~np.isnan(a)] for a in azimuths]))
    azimuth = np.degrees(np.arctan2(np.sin(bearings).mean(), np.cos(bearings).mean())) % 360.0
    return float(np.nanmean(zeniths)), float(azimuth)


def mean_views() -> dict[str, tuple[float, float]]:
    """Mean viewing zenith and azimuth of every band, degrees."""
    return {name: mean_view(name) for name in BANDS}
