"""Painters of what people made: fields, towns, industry."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas, Mask
from .parcels import cells
from .spectra import BROADLEAF, CROPS


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
    canvas.texture(mask, 0.03)
    line = border & mask & (number % 5 < 2)
    if size > 0.1:
        canvas.patch[line] = canvas.material(
            str(rng.choice(["asphalt", "soil_bright", "broadleaf", "grass"]))
        )


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
    canvas.texture(mask, 0.08)


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
    canvas.texture(mask, 0.05)
