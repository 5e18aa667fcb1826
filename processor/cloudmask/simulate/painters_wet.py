"""Painters of water, wet ground, salt, ice and snow."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas, Mask
from .fields import power_law, smoothstep
from .water import glint


def salt(canvas: Canvas, mask: Mask) -> None:
    """Salt crust, dry and wet."""
    numbers = canvas.palette({"salt": 1}, 4, "salt_wet")
    canvas.patch[mask] = numbers.start + (np.abs(canvas.broad[mask]) * 1.5).astype(np.int32) % 4
    canvas.mix[mask] = smoothstep(canvas.broad, 0.0, 1.5)[mask]
    canvas.texture(mask, 0.03, 0.04)


def icefield(canvas: Canvas, mask: Mask) -> None:
    """Glacier or sea ice: snow, bare ice, melt ponds."""
    canvas.mosaic(mask, {"snow_fresh": 0.4, "snow_old": 0.35, "ice": 0.2, "ice_lake": 0.05}, 1.2)
    canvas.texture(mask, 0.02, 0.03)


def mudflat(canvas: Canvas, mask: Mask) -> None:
    """Tidal flat: wet sediment under a film of water."""
    numbers = canvas.palette({"soil_dark": 0.6, "soil_brown": 0.3, "water_silty": 0.1}, 8, "water_turbid")
    canvas.patch[mask] = numbers.start + (np.abs(canvas.broad[mask]) * 3).astype(np.int32) % 8
    canvas.mix[mask] = np.clip(0.5 + 0.3 * canvas.broad, 0, 1)[mask]
    canvas.texture(mask, 0.03)


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
