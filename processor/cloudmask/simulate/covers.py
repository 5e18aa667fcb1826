"""Painters, one for each kind of cover: which materials, in what shapes, with what texture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from .canvas import Canvas, Mask
from .fields import power_law, smoothstep
from .parcels import cells
from .spectra import BROADLEAF, CROPS
from .water import glint


def _texture(canvas: Canvas, mask: Mask, fine: float, broad: float = 0.0) -> None:
    canvas.brightness[mask] = (
        1 + np.float32(fine) * canvas.fine[mask] + np.float32(broad) * canvas.broad[mask]
    )


def _mosaic(canvas: Canvas, mask: Mask, shares: dict[str, float], scale: float, count: int = 12) -> None:
    """Irregular patches of materials, `scale` km across."""
    numbers = canvas.palette(shares, count)
    rng = canvas.rng
    field = power_law(rng, canvas.shape, 3.1, outer=scale / canvas.pixel, inner=2.5)
    # Folded over itself, one field gives patches that border on several others.
    step = np.floor((field + 4) * np.float32(1.6)).astype(np.int32) * 5 % count
    canvas.patch[mask] = step[mask] + numbers.start


def fields(canvas: Canvas, mask: Mask) -> None:
    """Arable land: parcels of crops of the season, tracks and hedges between them."""
    rng = canvas.rng
    size = float(np.exp(rng.uniform(np.log(0.06), np.log(0.6))))
    warp = canvas.broad * np.float32(0.04) if rng.random() < 0.5 else None
    number, border = cells(rng, canvas.shape, canvas.pixel, size * 2, size, warp)
    count = 160
    plots = canvas.palette(dict(CROPS[canvas.season]), count, "soil_brown")
    canvas.patch[mask] = (plots.start + number % count)[mask].astype(np.int32)
    canvas.mix[mask] = np.clip(0.15 + 0.12 * canvas.broad + 0.05 * canvas.fine, 0, 1)[mask]
    _texture(canvas, mask, 0.03)
    line = border & mask & (number % 5 < 2)
    if size > 0.1:
        canvas.patch[line] = canvas.material(
            str(rng.choice(["asphalt", "soil_bright", "broadleaf", "grass"]))
        )


def _woods(canvas: Canvas, mask: Mask, shares: dict[str, float], rough: float) -> None:
    _mosaic(canvas, mask, shares, 0.8)
    canvas.mix[mask] = 0
    _texture(canvas, mask, rough, 0.04)


def forest(canvas: Canvas, mask: Mask) -> None:
    """Mixed forest with stands, rough canopy and some clearings."""
    conifer = float(canvas.rng.uniform(0.1, 0.8))
    leaf = BROADLEAF[canvas.season]
    _woods(canvas, mask, {leaf: 0.95 - conifer, "conifer": conifer, "grass": 0.05}, 0.13)


def conifers(canvas: Canvas, mask: Mask) -> None:
    """Boreal forest: dark, with clear-cuts."""
    _woods(canvas, mask, {"conifer": 0.85, BROADLEAF[canvas.season]: 0.1, "grass_dry": 0.05}, 0.14)


def rainforest(canvas: Canvas, mask: Mask) -> None:
    """Closed evergreen forest."""
    _woods(canvas, mask, {"rainforest": 0.95, "soil_red": 0.05}, 0.12)


def grass(canvas: Canvas, mask: Mask) -> None:
    """Meadow and pasture, dry in autumn."""
    dry = 0.6 if canvas.season == "autumn" else 0.2
    _mosaic(canvas, mask, {"grass": 1 - dry, "grass_dry": dry, "shrub": 0.1}, 0.5)
    _texture(canvas, mask, 0.05, 0.06)


def savanna(canvas: Canvas, mask: Mask) -> None:
    """Grassland with trees and bare spots."""
    _mosaic(canvas, mask, {"savanna": 0.6, "grass_dry": 0.2, "shrub": 0.15, "soil_red": 0.05}, 1.0)
    _texture(canvas, mask, 0.12, 0.08)


def tundra(canvas: Canvas, mask: Mask) -> None:
    """Low plants, wet hollows and stones."""
    _mosaic(canvas, mask, {"shrub": 0.4, "bog": 0.3, "rock": 0.2, "water_humic": 0.1}, 0.4)
    _texture(canvas, mask, 0.1, 0.05)


def bog(canvas: Canvas, mask: Mask) -> None:
    """Peat bog: dark moss, bare peat, pools."""
    _mosaic(canvas, mask, {"bog": 0.6, "peat": 0.2, "water_humic": 0.2}, 0.25, 20)
    _texture(canvas, mask, 0.1, 0.08)


def bare(canvas: Canvas, mask: Mask) -> None:
    """Bare soil of several colours."""
    shares = {"soil_brown": 0.3, "soil_red": 0.25, "soil_bright": 0.35, "soil_dark": 0.1}
    _mosaic(canvas, mask, shares, 1.5)
    _texture(canvas, mask, 0.05, 0.08)


def sand(canvas: Canvas, mask: Mask) -> None:
    """Dunes: sand shaded by its own slopes."""
    rng = canvas.rng
    _mosaic(canvas, mask, {"sand": 0.8, "sand_white": 0.1, "soil_bright": 0.1}, 3.0, 6)
    dunes = power_law(
        rng,
        canvas.shape,
        3.5,
        outer=float(rng.uniform(0.1, 0.5)) / canvas.pixel,
        stretch=float(rng.uniform(1, 4)),
        angle=float(rng.uniform(0, 180)),
    )
    canvas.brightness[mask] = (1 + np.float32(0.1) * dunes + np.float32(0.02) * canvas.fine)[mask]


def beach(canvas: Canvas, mask: Mask) -> None:
    """Bright sand at the shore."""
    _mosaic(canvas, mask, {"sand": 0.4, "sand_white": 0.4, "limestone": 0.2}, 1.0, 6)
    _texture(canvas, mask, 0.04)


def rock(canvas: Canvas, mask: Mask) -> None:
    """Rock and scree, dark to bright."""
    shares = {"rock": 0.55, "limestone": 0.2, "lava": 0.1, "grass_dry": 0.15}
    _mosaic(canvas, mask, shares, 0.8)
    _texture(canvas, mask, 0.12, 0.08)


def salt(canvas: Canvas, mask: Mask) -> None:
    """Salt crust, dry and wet."""
    numbers = canvas.palette({"salt": 1}, 4, "salt_wet")
    canvas.patch[mask] = numbers.start + (np.abs(canvas.broad[mask]) * 1.5).astype(np.int32) % 4
    canvas.mix[mask] = smoothstep(canvas.broad, 0.0, 1.5)[mask]
    _texture(canvas, mask, 0.03, 0.04)


def burnt(canvas: Canvas, mask: Mask) -> None:
    """Burnt ground with ash and spared spots."""
    _mosaic(canvas, mask, {"burnt": 0.7, "ash": 0.15, "shrub": 0.15}, 0.4)
    _texture(canvas, mask, 0.1, 0.06)


def icefield(canvas: Canvas, mask: Mask) -> None:
    """Glacier or sea ice: snow, bare ice, melt ponds."""
    _mosaic(canvas, mask, {"snow_fresh": 0.4, "snow_old": 0.35, "ice": 0.2, "ice_lake": 0.05}, 1.2)
    _texture(canvas, mask, 0.02, 0.03)


def mudflat(canvas: Canvas, mask: Mask) -> None:
    """Tidal flat: wet sediment under a film of water."""
    numbers = canvas.palette({"soil_dark": 0.6, "soil_brown": 0.3, "water_silty": 0.1}, 8, "water_turbid")
    canvas.patch[mask] = numbers.start + (np.abs(canvas.broad[mask]) * 3).astype(np.int32) % 8
    canvas.mix[mask] = np.clip(0.5 + 0.3 * canvas.broad, 0, 1)[mask]
    _texture(canvas, mask, 0.03)


def town(canvas: Canvas, mask: Mask) -> None:
    """Houses, gardens and streets, a pixel or two each."""
    rng = canvas.rng
    number, border = cells(rng, canvas.shape, canvas.pixel, 0.05, 0.03)
    block, road = cells(rng, canvas.shape, canvas.pixel, 0.3, 0.15)
    green = float(rng.uniform(0.1, 0.5))
    shares = {
        "roof_tile": 0.25, "asphalt": 0.25, "concrete": 0.2, "roof_metal": 0.02, "roof_white": 0.01,
        "grass": green * 0.5, BROADLEAF[canvas.season]: green * 0.5,
    }  # fmt: skip
    houses = canvas.palette(shares, 80, "asphalt")
    canvas.patch[mask] = (houses.start + (number + block) % 80)[mask].astype(np.int32)
    canvas.patch[mask & (road | (border & (block % 3 == 0)))] = canvas.material("asphalt")
    # Houses are smaller than pixels: street, roof and shade share most of them.
    canvas.mix[mask] = np.clip(0.45 + 0.15 * canvas.fine, 0.05, 0.9)[mask]
    _texture(canvas, mask, 0.08)


def industry(canvas: Canvas, mask: Mask) -> None:
    """Sheds with bright, blue and metal roofs, yards, some greenhouses and solar fields."""
    rng = canvas.rng
    number, border = cells(rng, canvas.shape, canvas.pixel, 0.14, 0.08)
    shares = {
        "roof_metal": 0.15, "roof_white": 0.1, "roof_blue": 0.12, "concrete": 0.25, "asphalt": 0.16,
        "grass": 0.08, "soil_bright": 0.06, "greenhouse": 0.05, "solar_panel": 0.03,
    }  # fmt: skip
    sheds = canvas.palette(shares, 80)
    canvas.patch[mask] = (sheds.start + number % 80)[mask].astype(np.int32)
    canvas.patch[mask & border] = canvas.material("asphalt")
    canvas.mix[mask] = 0
    _texture(canvas, mask, 0.05)


def _water(canvas: Canvas, mask: Mask, deep: str, shore: str) -> None:
    """Water that turns from `deep` to `shore` where it is shallow, with streaks of sediment and glint."""
    rng = canvas.rng
    canvas.patch[mask] = canvas.material(deep, shore)
    depth = canvas.relief[mask].max() - canvas.relief
    reach = max(float(depth[mask].std()), 1e-6) * float(np.exp(rng.uniform(np.log(0.02), np.log(0.5))))
    shallow = np.exp(-np.maximum(depth, 0) / np.float32(reach))
    plumes = smoothstep(canvas.broad, float(rng.uniform(-0.5, 2.5)), 3.5)
    canvas.mix[mask] = np.clip(shallow + plumes, 0, 1)[mask]
    canvas.brightness[mask] = 1
    canvas.water |= mask
    shine = glint(canvas.geometry, float(rng.uniform(1, 12)))
    if shine > 0.002:
        waves = np.clip(1 + 0.25 * canvas.broad + 0.12 * canvas.fine, 0.1, 3)
        layer = canvas.glint if canvas.glint is not None else np.zeros(canvas.shape, np.float32)
        layer[mask] = np.float32(shine) * waves[mask]
        canvas.glint = layer


def lake(canvas: Canvas, mask: Mask) -> None:
    """Inland water: clear, brown, green with algae or full of silt."""
    pairs = [
        ("water_lake", "water_turbid"),
        ("water_humic", "water_lake"),
        ("water_algae", "water_turbid"),
        ("water_turbid", "water_silty"),
        ("water_clear", "water_lake"),
        ("water_lake", "water_algae"),
        ("water_turbid", "water_algae"),
    ]
    deep, shore = pairs[int(canvas.rng.integers(len(pairs)))]
    _water(canvas, mask, deep, shore)


def sea(canvas: Canvas, mask: Mask) -> None:
    """Sea: blue, or green to brown with sediment near the shore; white caps in wind."""
    pairs = [
        ("water_clear", "water_shallow"),
        ("water_clear", "water_turbid"),
        ("water_lake", "water_turbid"),
        ("water_turbid", "water_silty"),
        ("water_lake", "water_shallow"),
    ]
    _water(canvas, mask, *pairs[int(canvas.rng.integers(len(pairs)))])
    if canvas.rng.random() < 0.2:
        caps = mask & (canvas.fine > 3.0)
        canvas.patch[caps] = canvas.material("foam")


def rivers(canvas: Canvas) -> None:
    """Perhaps a river that winds along a contour of a field, 20 to 400 m wide."""
    rng = canvas.rng
    if rng.random() > 0.35:
        return
    field = power_law(rng, canvas.shape, 3.4, outer=8 / canvas.pixel)
    step = np.abs(np.gradient(field)[0]) + np.abs(np.gradient(field)[1])
    width = float(np.exp(rng.uniform(np.log(0.02), np.log(0.4)))) / canvas.pixel
    bed = np.abs(field) < np.float32(width / 2) * np.maximum(step, np.float32(step.mean() * 0.3))
    bed &= ~canvas.water
    if bed.any():
        lake(canvas, bed)


def snow(canvas: Canvas, cold: bool) -> None:
    """Perhaps snow: everywhere in a cold winter, on heights else; patchy at its edge."""
    rng = canvas.rng
    chance = {"winter": 0.35, "spring": 0.08, "autumn": 0.05, "summer": 0.0}[canvas.season]
    if rng.random() > (min(1.0, 3 * chance + 0.25) if cold else chance):
        return
    spread = max(float(canvas.relief.std()), 1e-6)
    # On plains no hill decides where snow lies; it is the weather of the last week, over tens of km.
    height = canvas.relief * np.float32(min(1.0, spread / 0.08) / spread)
    line = float(rng.uniform(-2.5, 1.5))
    cover = smoothstep(
        height + np.float32(0.3) * canvas.broad + np.float32(0.12) * canvas.fine, line, line + 0.8
    )
    cover *= np.float32(rng.uniform(0.5, 1.0))
    mask = (cover > 0.02) & ~canvas.water
    if mask.any():
        kind = str(rng.choice(["snow_fresh", "snow_old", "snow_dirty"], p=[0.4, 0.45, 0.15]))
        canvas.restack(kind, cover, mask)


Painter = Callable[[Canvas, Mask], None]

PAINTERS: Mapping[str, Painter] = MappingProxyType(
    {
        "fields": fields, "forest": forest, "conifers": conifers, "rainforest": rainforest, "grass": grass,
        "savanna": savanna, "tundra": tundra, "bog": bog, "bare": bare, "sand": sand, "beach": beach,
        "rock": rock, "salt": salt, "burnt": burnt, "icefield": icefield, "mudflat": mudflat, "town": town,
        "industry": industry, "lake": lake, "sea": sea,
    }
)  # fmt: skip
"""Painter of each cover that biomes are made of."""
