"""Painters of dry land without buildings: which materials, in what shapes, with what texture."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas, Mask
from .fields import power_law
from .spectra import BROADLEAF


def _woods(canvas: Canvas, mask: Mask, shares: dict[str, float], rough: float) -> None:
    canvas.mosaic(mask, shares, 0.8)
    canvas.mix[mask] = 0
    canvas.texture(mask, rough, 0.04)


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
    canvas.mosaic(mask, {"grass": 1 - dry, "grass_dry": dry, "shrub": 0.1}, 0.5)
    canvas.texture(mask, 0.05, 0.06)


def savanna(canvas: Canvas, mask: Mask) -> None:
    """Grassland with trees and bare spots."""
    canvas.mosaic(mask, {"savanna": 0.6, "grass_dry": 0.2, "shrub": 0.15, "soil_red": 0.05}, 1.0)
    canvas.texture(mask, 0.12, 0.08)


def tundra(canvas: Canvas, mask: Mask) -> None:
    """Low plants, wet hollows and stones."""
    canvas.mosaic(mask, {"shrub": 0.4, "bog": 0.3, "rock": 0.2, "water_humic": 0.1}, 0.4)
    canvas.texture(mask, 0.1, 0.05)


def bog(canvas: Canvas, mask: Mask) -> None:
    """Peat bog: dark moss, bare peat, pools."""
    canvas.mosaic(mask, {"bog": 0.6, "peat": 0.2, "water_humic": 0.2}, 0.25, 20)
    canvas.texture(mask, 0.1, 0.08)


def bare(canvas: Canvas, mask: Mask) -> None:
    """Bare soil of several colours."""
    shares = {"soil_brown": 0.3, "soil_red": 0.25, "soil_bright": 0.35, "soil_dark": 0.1}
    canvas.mosaic(mask, shares, 1.5)
    canvas.texture(mask, 0.05, 0.08)


def sand(canvas: Canvas, mask: Mask) -> None:
    """Dunes: sand shaded by its own slopes."""
    rng = canvas.rng
    canvas.mosaic(mask, {"sand": 0.8, "sand_white": 0.1, "soil_bright": 0.1}, 3.0, 6)
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
    canvas.mosaic(mask, {"sand": 0.4, "sand_white": 0.4, "limestone": 0.2}, 1.0, 6)
    canvas.texture(mask, 0.04)


def rock(canvas: Canvas, mask: Mask) -> None:
    """Rock and scree, dark to bright."""
    shares = {"rock": 0.55, "limestone": 0.2, "lava": 0.1, "grass_dry": 0.15}
    canvas.mosaic(mask, shares, 0.8)
    canvas.texture(mask, 0.12, 0.08)


def burnt(canvas: Canvas, mask: Mask) -> None:
    """Burnt ground with ash and spared spots."""
    canvas.mosaic(mask, {"burnt": 0.7, "ash": 0.15, "shrub": 0.15}, 0.4)
    canvas.texture(mask, 0.1, 0.06)
