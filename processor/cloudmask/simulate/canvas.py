"""What painters of land cover work on: patches with two materials each, and smooth factors."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from .atmosphere import Geometry
from .fields import Array, power_law
from .spectra import MATERIALS, Season
from .surfaces import MosaicSurface

Mask = npt.NDArray[np.bool_]


class Canvas:
    """A surface being painted.

    Parameters
    ----------
    rng : numpy.random.Generator
        The surface's stream.
    shape : tuple of int
        Rows and columns.
    pixel : float
        km a pixel.
    season : str
        Season.
    geometry : Geometry
        Sun and sensor.
    relief : numpy.ndarray
        Heights, km.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        shape: tuple[int, int],
        pixel: float,
        season: Season,
        geometry: Geometry,
        relief: Array,
    ) -> None:
        self.rng, self.shape, self.pixel, self.season = rng, shape, pixel, season
        self.geometry, self.relief = geometry, relief
        self.patch = np.zeros(shape, np.int32)
        self.mix = np.zeros(shape, np.float32)
        self.brightness = np.ones(shape, np.float32)
        self.glint: Array | None = None
        self.water = np.zeros(shape, bool)
        self._first: list[Array] = []
        self._second: list[Array] = []

    @cached_property
    def fine(self) -> Array:
        """Texture down to the pixel, standard deviation 1 (canopies, tillage)."""
        return power_law(self.rng, self.shape, 1.4, outer=0.15 / self.pixel)

    @cached_property
    def broad(self) -> Array:
        """Variation over hundreds of metres, standard deviation 1 (soil moisture, vigour, sediment)."""
        return power_law(self.rng, self.shape, 2.8, outer=2.0 / self.pixel)

    def material(self, name: str, second: str | None = None) -> int:
        """Add one patch of a material, brightness varied as materials do; return its number."""
        scale = float(np.clip(self.rng.normal(1, MATERIALS[name].spread), 0.5, 1.6))
        # A slight tilt over wavelength too: no two meadows have the same green.
        tilt = 1 + self.rng.normal(0, 0.04) * np.linspace(-1, 1, 13)
        self._first.append((np.array(MATERIALS[name].spectrum) * scale * tilt).astype(np.float32))
        other = np.array(MATERIALS[second or name].spectrum, np.float32)
        self._second.append(other if second else self._first[-1])
        return len(self._first) - 1

    def palette(self, shares: dict[str, float], count: int, second: str | None = None) -> range:
        """Add `count` patches drawn from a mix of materials; return their numbers."""
        weights = np.array(list(shares.values()))
        names = self.rng.choice(list(shares), count, p=weights / weights.sum())
        start = len(self._first)
        for name in names:
            self.material(str(name), second)
        return range(start, start + count)

    def texture(self, mask: Mask, fine: float, broad: float = 0.0) -> None:
        """Vary brightness from pixel to pixel (`fine`) and over hundreds of metres (`broad`), relative."""
        self.brightness[mask] = 1 + np.float32(fine) * self.fine[mask] + np.float32(broad) * self.broad[mask]

    def mosaic(self, mask: Mask, shares: dict[str, float], scale: float, count: int = 12) -> None:
        """Paint irregular patches of materials, `scale` km across."""
        numbers = self.palette(shares, count)
        field = power_law(self.rng, self.shape, 3.1, outer=scale / self.pixel, inner=2.5)
        # Folded over itself, one field gives patches that border on several others.
        step = np.floor((field + 4) * np.float32(1.6)).astype(np.int32) * 5 % count
        self.patch[mask] = step[mask] + numbers.start

    def restack(self, second: str, mix: Array, mask: Mask) -> None:
        """Lay a material over whatever is there with local share `mix` (snow, flood)."""
        names = np.unique(self.patch[mask])
        top = np.array(MATERIALS[second].spectrum, np.float32)
        table = np.arange(len(self._first), dtype=np.int32)
        for number in names:
            table[number] = len(self._first)
            self._first.append(self._first[number])
            self._second.append(top)
        self.patch[mask] = table[self.patch[mask]]
        self.mix[mask] = mix[mask]
        # Shine evens out as the layer covers the ground's own texture.
        self.brightness[mask] = 1 + (self.brightness[mask] - 1) * (1 - 0.8 * mix[mask])

    def surface(self, shade: Array | None) -> MosaicSurface:
        """Finish."""
        return MosaicSurface(
            self.patch,
            np.array(self._first),
            np.array(self._second),
            self.mix,
            np.clip(self.brightness, 0.3, 2.0),
            glint=self.glint,
            shade=shade,
        )
