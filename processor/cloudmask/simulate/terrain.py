"""Relief and what it does to sunlight: slopes facing the sun or not, and cast shadow."""

from __future__ import annotations

import numpy as np

from .atmosphere import Geometry
from .fields import Array, power_law, shifted
from .shadows import offset


def draw_relief(rng: np.random.Generator, shape: tuple[int, int], gsd: float, height: float) -> Array:
    """Terrain heights in km, with standard deviation `height` over 10 km.

    Topography has a two-dimensional slope near 3 to 4 (Huang and Turcotte 1989, J. Geophys. Res. 94:7491);
    ridges are sharpened by folding the field, as erosion does to mountains.
    """
    pixel = gsd / 1000
    field = power_law(rng, shape, 3.7, outer=10 / pixel, inner=0.08 / pixel)
    ridged = -np.abs(field) * np.float32(1.3)
    steep = np.float32(min(height / 0.4, 1.0))
    result: Array = np.float32(height) * (steep * ridged + (1 - steep) * field)
    return result


def shade(relief: Array, geometry: Geometry, gsd: float, *, steps: int = 28) -> Array:
    """Direct sun on each pixel relative to flat ground, 0 where other ground stands before the sun.

    Parameters
    ----------
    relief : numpy.ndarray
        Heights in km, float32 (rows, cols).
    geometry : Geometry
        Sun.
    gsd : float
        Metres a pixel.
    steps : int
        Distances towards the sun at which the horizon is tested, growing geometrically to 6 km.

    Returns
    -------
    numpy.ndarray
        float32 (rows, cols), cosine of incidence over cosine of the zenith angle, 0 to about 2.5.
    """
    zenith, azimuth = np.radians(geometry.sun_zenith), np.radians(geometry.sun_azimuth)
    south, east = np.gradient(relief, gsd / 1000)
    # The sun's direction is (east, north, up); rows count southward.
    toward = east * np.float32(np.sin(azimuth)) - south * np.float32(np.cos(azimuth))
    normal = np.sqrt(1 + east**2 + south**2)
    light = (np.float32(np.cos(zenith)) - np.float32(np.sin(zenith)) * toward) / normal
    light = np.clip(light / np.float32(max(np.cos(zenith), 0.05)), 0, 2.5)
    horizon = np.full(relief.shape, -np.inf, np.float32)
    rise = 1 / max(float(np.tan(zenith)), 1e-3)
    seen = set()
    for distance in np.geomspace(gsd / 1000, 6.0, steps):
        row, col = (round(v) for v in offset(distance * rise, geometry.sun_zenith, geometry.sun_azimuth, gsd))
        if (
            (row, col) in seen
            or (row, col) == (0, 0)
            or abs(row) >= relief.shape[0]
            or abs(col) >= relief.shape[1]
        ):
            continue
        seen.add((row, col))
        away = float(np.hypot(row, col)) * gsd / 1000
        np.maximum(horizon, shifted(relief, row, col) - np.float32(away * rise), out=horizon)
    # The sun is a disc: light fades over a few metres of height instead of at a line.
    lit = np.clip((relief - horizon) / np.float32(0.01) + 0.5, 0, 1)
    result: Array = (light * lit).astype(np.float32)
    return result
