"""The kinds of ground cover that biomes are made of, and who paints them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from . import painters_built as built
from . import painters_land as land
from . import painters_wet as wet
from .canvas import Canvas, Mask

Painter = Callable[[Canvas, Mask], None]

PAINTERS: Mapping[str, Painter] = MappingProxyType(
    {
        "fields": built.fields, "town": built.town, "industry": built.industry,
        "forest": land.forest, "conifers": land.conifers, "rainforest": land.rainforest, "grass": land.grass,
        "savanna": land.savanna, "tundra": land.tundra, "bog": land.bog, "bare": land.bare, "sand": land.sand,
        "beach": land.beach, "rock": land.rock, "burnt": land.burnt,
        "salt": wet.salt, "icefield": wet.icefield, "mudflat": wet.mudflat, "lake": wet.lake, "sea": wet.sea,
    }
)  # fmt: skip
"""Painter of each cover by name."""
