"""Procedural land cover: biomes made of zones, each painted with its own materials and texture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from .atmosphere import Geometry
from .canvas import Canvas
from .covers import PAINTERS
from .fields import Array, power_law, quantile, spread, stream
from .painters_wet import rivers, snow
from .spectra import Season
from .surfaces import MosaicSurface
from .terrain import draw_relief, shade


@dataclass(frozen=True)
class Biome:
    """A kind of landscape.

    Attributes
    ----------
    weight : float
        How often it is drawn.
    covers : mapping
        Shares of covers, keys of :data:`cloudmask.simulate.covers.PAINTERS`.
    relief : tuple of float
        Range of the standard deviation of heights, km.
    rivers : bool
        Whether rivers may cross it.
    """

    weight: float
    covers: Mapping[str, float]
    relief: tuple[float, float] = (0.0, 0.0)
    rivers: bool = True


BIOMES: Mapping[str, Biome] = MappingProxyType(
    {
        "farmland": Biome(
            0.18, {"fields": 0.6, "forest": 0.2, "grass": 0.1, "town": 0.06, "lake": 0.04}, (0, 0.04)
        ),
        "forest": Biome(
            0.12, {"forest": 0.75, "grass": 0.08, "fields": 0.08, "lake": 0.06, "burnt": 0.03}, (0, 0.12)
        ),
        "boreal": Biome(0.08, {"conifers": 0.5, "bog": 0.3, "lake": 0.2}, (0, 0.05)),
        "city": Biome(
            0.1, {"town": 0.45, "industry": 0.25, "fields": 0.15, "grass": 0.08, "lake": 0.07}, (0, 0.03)
        ),
        "coast": Biome(
            0.14,
            {"sea": 0.5, "fields": 0.15, "beach": 0.06, "town": 0.09, "grass": 0.1, "forest": 0.1},
            (0, 0.08),
            rivers=False,
        ),
        "sea": Biome(0.05, {"sea": 1.0}, (0, 0), rivers=False),
        "wetland": Biome(0.07, {"lake": 0.4, "mudflat": 0.2, "bog": 0.2, "fields": 0.2}, (0, 0)),
        "desert": Biome(
            0.08, {"sand": 0.45, "bare": 0.35, "rock": 0.15, "salt": 0.05}, (0, 0.1), rivers=False
        ),
        "saltlake": Biome(
            0.03, {"salt": 0.5, "bare": 0.2, "mudflat": 0.2, "lake": 0.1}, (0, 0.02), rivers=False
        ),
        "savanna": Biome(0.07, {"savanna": 0.65, "bare": 0.15, "burnt": 0.1, "fields": 0.1}, (0, 0.06)),
        "mountain": Biome(
            0.1, {"forest": 0.35, "grass": 0.25, "rock": 0.25, "bare": 0.1, "lake": 0.05}, (0.15, 0.6)
        ),
        "tropics": Biome(0.05, {"rainforest": 0.65, "fields": 0.15, "lake": 0.1, "burnt": 0.1}, (0, 0.08)),
        "arctic": Biome(0.04, {"tundra": 0.4, "icefield": 0.35, "lake": 0.15, "rock": 0.1}, (0.0, 0.3)),
    }
)
"""What grounds are made of; weights favour what masks find hard (coast, water, city, mountain)."""

_LOW = ("sea", "lake", "mudflat", "beach")
"""Covers that lie in hollows, from the lowest up."""


def draw_surface(
    seed: int,
    shape: tuple[int, int],
    gsd: float,
    season: Season,
    geometry: Geometry,
    biome: str | None = None,
) -> MosaicSurface:
    """Draw the ground of a scene; the same arguments give the same ground.

    Parameters
    ----------
    seed : int
        Of the scene.
    shape : tuple of int
        Rows and columns.
    gsd : float
        Metres.
    season : str
        Key of :data:`cloudmask.simulate.spectra.CROPS`.
    geometry : Geometry
        Sun, for shade and glint.
    biome : str, optional
        Key of :data:`BIOMES`; drawn if not given.
    """
    rng = stream(seed, "surface")
    names = list(BIOMES)
    weights = np.array([BIOMES[n].weight for n in names])
    drawn = names[int(rng.choice(len(names), p=weights / weights.sum()))]
    land = BIOMES[biome or drawn]
    shares = land.covers
    height = float(rng.uniform(*land.relief))
    relief = draw_relief(rng, shape, gsd, max(height, 0.01))
    zone = _zones(rng, shape, gsd / 1000, shares, relief)
    canvas = Canvas(rng, shape, gsd / 1000, season, geometry, relief)
    for number, cover in enumerate(shares):
        mask = zone == number
        if mask.any():
            PAINTERS[cover](canvas, mask)
    if land.rivers:
        rivers(canvas)
    snow(canvas, (biome or drawn) in ("mountain", "arctic", "boreal"))
    light = shade(relief, geometry, gsd) if height > 0.02 else None
    if light is not None:
        light[canvas.water] = 1  # water is level; the hollow's own slopes are under it
    return canvas.surface(light)


def _zones(
    rng: np.random.Generator, shape: tuple[int, int], pixel: float, shares: Mapping[str, float], relief: Array
) -> npt.NDArray[np.uint8]:
    """Number of the cover of each pixel, uint8: low-lying ones by height, the others by competing fields."""
    zone = np.zeros(shape, np.uint8)
    level = -np.inf
    below = 0.0
    edge = power_law(rng, shape, 2.6, outer=1.0 / pixel)
    # Hollows are those of the relief or, on plains, of its shape alone.
    height = relief / np.float32(max(float(relief.std()), 1e-6)) + np.float32(0.06) * edge
    taken = np.zeros(shape, bool)
    total = sum(shares.values())
    wet = float(np.exp(rng.normal(0, 0.6)))  # some scenes are drier, some wetter than the biome's mean
    for name in _LOW:
        if name not in shares:
            continue
        below = min(
            below + shares[name] / total * (wet if len(shares) > 1 else 1.0), 0.93 if len(shares) > 1 else 1.0
        )
        top = quantile(height, below) if below < 1 else np.inf
        part = (height > level) & (height <= top)
        zone[part] = list(shares).index(name)
        taken |= part
        level = top
    others = [n for n in shares if n not in _LOW]
    if others:
        best = np.full(shape, -np.inf, np.float32)
        winner = np.zeros(shape, np.uint8)
        scale = float(np.exp(rng.uniform(np.log(1.0), np.log(5.0))))
        for k, name in enumerate(others):
            block = 4
            coarse = power_law(
                rng, (-(-shape[0] // block), -(-shape[1] // block)), 3.0, outer=scale / pixel / block
            )
            bias = np.float32(1.1 * np.log(shares[name] / total) + rng.normal(0, 0.5))
            score = spread(coarse, shape, block) + np.roll(edge, 37 * k, axis=0) * np.float32(0.12) + bias
            winner[score > best] = list(shares).index(name)
            np.maximum(best, score, out=best)
        zone[~taken] = winner[~taken]
    return zone
