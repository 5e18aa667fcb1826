"""The ground under the clouds: arrays of a clear scene, or procedural land cover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..bands import BAND_NAMES, Level, parse_bands, parse_level
from ..errors import InputError
from .fields import Array


class Surface(Protocol):
    """What a scene needs of its ground.

    Attributes
    ----------
    bands : tuple of str
        Bands it can give, canonical names.
    shape : tuple of int
        Rows and columns at the scene's ground sampling distance.
    level : {"L1C", "L2A"}
        What :meth:`band` gives: reflectance at the top of a clear atmosphere or at the ground.
    observed : bool
        Whether the instrument's own blur and resolution are already in it.
    shade : numpy.ndarray or None
        Direct sun on the ground relative to flat ground, float32 (rows, cols), if not in `band` already.
    """

    @property
    def bands(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def shape(self) -> tuple[int, int]: ...  # noqa: D102

    @property
    def level(self) -> Level: ...  # noqa: D102

    @property
    def observed(self) -> bool: ...  # noqa: D102

    @property
    def shade(self) -> Array | None: ...  # noqa: D102

    def band(self, name: str) -> Array:
        """Reflectance float32 (rows, cols) of one band, finite everywhere."""
        ...

    def missing(self) -> npt.NDArray[np.bool_] | None:
        """Where nothing is known, bool (bands, rows, cols) in the order of `bands`; None: nowhere."""
        ...


class ArraySurface:
    """A clear scene given as an array.

    Parameters
    ----------
    reflectance : array_like
        (bands, rows, cols), offsets removed; NaN where there is nothing.
    bands : sequence of str
        Names of the first axis.
    level : str
        L1C or L2A.

    Raises
    ------
    InputError
        If shape, bands or level do not fit.
    """

    observed = True
    shade: Array | None = None

    def __init__(self, reflectance: npt.NDArray[np.floating], bands: Sequence[str], level: str) -> None:
        self._values = np.asarray(reflectance, np.float32)
        self.bands: tuple[str, ...] = parse_bands(bands)
        self.level: Level = parse_level(level)
        if self._values.ndim != 3 or self._values.shape[0] != len(self.bands):
            raise InputError(
                f"surface: expected an array (bands, rows, cols) with {len(self.bands)} bands, "
                f"found shape {self._values.shape}"
            )
        self.shape: tuple[int, int] = (self._values.shape[1], self._values.shape[2])
        self._missing: npt.NDArray[np.bool_] | None = None
        known = np.isfinite(self._values)
        if not known.all():
            self._missing = ~known
            # Blurs must not spread the gap: until the end it holds the mean of what is known.
            self._values = np.where(known, self._values, np.float32(0))
            means = self._values.sum(axis=(1, 2)) / np.maximum(known.sum(axis=(1, 2)), 1)
            self._values += self._missing * means[:, None, None].astype(np.float32)

    def missing(self) -> npt.NDArray[np.bool_] | None:
        """Where the array given was not finite."""
        return self._missing

    def band(self, name: str) -> Array:
        """Reflectance float32 (rows, cols) of one band."""
        if name not in self.bands:
            raise InputError(f"surface has no band {name}; it has {', '.join(self.bands)}")
        values: Array = self._values[self.bands.index(name)]
        return values


class MosaicSurface:
    """Ground described by patches of materials, mixed, shaded and glinting pixel by pixel.

    Parameters
    ----------
    patch : numpy.ndarray
        Integer (rows, cols): number of the patch that each pixel belongs to.
    first, second : numpy.ndarray
        float32 (patches, 13): reflectances at the ground that each patch mixes, in band order.
    mix : numpy.ndarray
        float32 (rows, cols), 0 to 1: share of `second` (snow on grass, mud in water, soil between crops).
    brightness : numpy.ndarray
        float32 (rows, cols): factor of all bands, about 1.
    glint : numpy.ndarray or None
        float32 (rows, cols): reflectance that waves add in all bands alike.
    shade : numpy.ndarray or None
        float32 (rows, cols): direct sun on the ground relative to flat ground; 0 in a mountain's shadow.
    """

    observed = False
    level: Level = "L2A"
    bands: tuple[str, ...] = BAND_NAMES

    def __init__(
        self,
        patch: npt.NDArray[np.integer],
        first: Array,
        second: Array,
        mix: Array,
        brightness: Array,
        *,
        glint: Array | None = None,
        shade: Array | None = None,
    ) -> None:
        self._patch, self._first, self._step = patch, first, second - first
        self._mix, self._brightness, self._glint = mix, brightness, glint
        self.shade = shade
        self.shape: tuple[int, int] = (patch.shape[0], patch.shape[1])

    def missing(self) -> None:
        """Nothing is missing."""
        return None

    def band(self, name: str) -> Array:
        """Reflectance at the ground under flat light, float32 (rows, cols), of one band."""
        number = BAND_NAMES.index(name)
        values: Array = np.ascontiguousarray(self._step[:, number])[self._patch]
        values *= self._mix
        values += np.ascontiguousarray(self._first[:, number])[self._patch]
        values *= self._brightness
        if self._glint is not None:
            values += self._glint
        return np.clip(values, 0, 1.2, out=values)
