"""Air through which a clear L1C scene can have been seen, for L2A that is simulated over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .atmosphere import Atmosphere, Geometry, band_atmosphere
from .conditions import Conditions
from .spec import SceneSpec
from .surfaces import Surface

_BANDS = ("B01", "B02", "B03", "B04")
"""Bands in which the air is bright enough to be told from dark ground."""
_DARK = 1.0
"""Percentile of a scene's pixels that counts as its darkest ground."""
_DARKEST = 0.005
"""Reflectance of the darkest ground: deep water, shaded forest."""
_AEROSOLS = (0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)
_STEP, _HIGHEST = 5.0, 20.0  # degrees from the zenith


def dark_pixels(surface: Surface) -> dict[str, float]:
    """Reflectance of the darkest ground at the top of the atmosphere, by band; none of an L2A surface."""
    if surface.level != "L1C":
        return {}
    there = [band for band in _BANDS if band in surface.bands]
    return {band: float(np.percentile(surface.band(band)[::4, ::4], _DARK)) for band in there}


def most_aerosol(dark: Mapping[str, float], geometry: Geometry, air: Atmosphere) -> float:
    """Largest optical depth of aerosol at 550 nm that dark pixels allow.

    Air cannot be brighter than what was seen through it; processors bound their aerosol in this way (dark
    dense vegetation: Kaufman et al. 1997, J. Geophys. Res. 102:17051).

    Parameters
    ----------
    dark : mapping of str to float
        See :func:`dark_pixels`.
    geometry : Geometry
        Sun and sensor.
    air : Atmosphere
        Everything but the aerosol.

    Returns
    -------
    float
        .02 to .8, infinite without dark pixels, 0 if clean air alone is brighter than they are.
    """
    if not dark:
        return float("inf")
    most = 0.0
    for aerosol in _AEROSOLS:
        for band, seen in dark.items():
            clear = band_atmosphere(band, geometry, replace(air, aerosol=aerosol))
            if clear.gas * (clear.path + clear.down * clear.up * _DARKEST) > seen:
                return most
        most = aerosol
    return most


def fitted(spec: SceneSpec, conditions: Conditions, surface: Surface) -> Conditions:
    """Conditions under which the surface can have been seen, as near to those drawn as may be.

    Of a clear L1C scene the sun and the air are not known. Drawn ones with more light than the scene's dark
    pixels hold would leave black ground when it is taken off, which no processor does. So there is less
    aerosol, and where that does not do a higher sun, unless `spec` says otherwise.

    Parameters
    ----------
    spec : SceneSpec
        What to simulate. L1C over L1C needs no ground of its own and keeps what was drawn.
    conditions : Conditions
        What was drawn.
    surface : Surface
        The ground.
    """
    dark = dark_pixels(surface) if spec.level == "L2A" else {}
    geometry, air = conditions.geometry, conditions.air
    most = most_aerosol(dark, geometry, air)
    while most == 0 and spec.sun_zenith is None and geometry.sun_zenith > _HIGHEST:
        geometry = replace(geometry, sun_zenith=max(_HIGHEST, geometry.sun_zenith - _STEP))
        most = most_aerosol(dark, geometry, air)
    if spec.aerosol is None:
        air = replace(air, aerosol=min(air.aerosol, max(most, _AEROSOLS[0])))
    return replace(conditions, geometry=geometry, air=air)
