"""Procedural land cover: a first, plain mosaic of fields, forest, water and bare ground."""

from __future__ import annotations

import numpy as np

from .fields import power_law, quantile, stream
from .spectra import BROADLEAF, CROPS, MATERIALS, Season
from .surfaces import MosaicSurface


def draw_surface(seed: int, shape: tuple[int, int], gsd: float, season: Season) -> MosaicSurface:
    """Draw a surface for a scene; the same seed gives the same ground."""
    rng = stream(seed, "surface")
    pixel = gsd / 1000
    relief = power_law(rng, shape, 3.2, outer=8 / pixel, inner=2.0)
    mix = power_law(rng, shape, 3.0, outer=4 / pixel)
    crops = list(CROPS[season])
    names = ["water_lake", BROADLEAF[season], "conifer", "grass", "concrete"]
    palette = [np.array(MATERIALS[n].spectrum) for n in names]
    count = 200
    for name in rng.choice(crops, count, p=list(CROPS[season].values())):
        palette.append(np.array(MATERIALS[name].spectrum) * rng.normal(1, MATERIALS[name].spread))
    y, x = np.arange(shape[0])[:, None] * pixel, np.arange(shape[1])[None, :] * pixel
    turn = rng.uniform(0, np.pi)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    cell = np.floor(u / 0.3).astype(np.int64) * 7919 + np.floor(v / 0.18).astype(np.int64) * 104729
    patch = len(names) + (cell % count)
    patch[mix > quantile(mix, 0.65)] = 1
    patch[mix > quantile(mix, 0.85)] = 2
    patch[relief < quantile(relief, float(rng.uniform(0, 0.2)))] = 0
    brightness = 1 + np.float32(0.05) * power_law(rng, shape, 1.5, outer=10)
    return MosaicSurface(patch, np.array(palette, np.float32), brightness)
