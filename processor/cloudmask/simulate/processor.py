"""Level 2A as a processor makes it: the clear atmosphere is taken off everywhere, clouds included."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .atmosphere import band_atmosphere, to_surface
from .conditions import Conditions
from .fields import Array, stream

if TYPE_CHECKING:
    from .scene import SceneSpec


class Processor:
    """Inverts the atmosphere with estimates that are as wrong as a processor's.

    Sen2Cor's aerosol over dark vegetation is within .05 + 20 % for two thirds of sites and falls back to a
    constant where there is none (Doxani et al. 2023, Remote Sens. Environ. 285:113412, ACIX-II).

    Parameters
    ----------
    spec : SceneSpec
        Seed and sampling distance.
    conditions : Conditions
        True state of the air.
    """

    def __init__(self, spec: SceneSpec, conditions: Conditions) -> None:
        rng = stream(spec.seed, "processor")
        true = conditions.air
        aerosol = float(np.clip(true.aerosol * rng.normal(1, 0.2) + rng.normal(0, 0.05), 0.01, 1.2))
        vapour = float(true.vapour * np.exp(rng.normal(0, 0.12)))
        self._air = replace(true, aerosol=aerosol, vapour=vapour, angstrom=1.2)
        self._geometry = conditions.geometry

    def correct(self, band: str, toa: Array) -> Array:
        """Ground reflectance from top-of-atmosphere reflectance, quantised to 1/10000, at least that."""
        ground = to_surface(toa, band_atmosphere(band, self._geometry, self._air))
        result: Array = np.maximum(np.rint(ground * 1e4), 1).astype(np.float32) * np.float32(1e-4)
        return result
