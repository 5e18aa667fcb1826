"""Other air over patches, and other light in their shadows.

Uniform aerosol is clear by definition, and the clear scenes to train on have little of it. Shadows differ in
depth with the clouds around as much as with the cloud that casts them, and a net that has seen few deep
ones takes them for water.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..bands import Level
from ..classes import SURFACE_CLASSES, CloudClass
from ..simulate.atmosphere import (
    Atmosphere,
    BandAtmosphere,
    Geometry,
    band_atmosphere,
    gas_transmittance,
    to_surface,
)
from ..simulate.optics import particle
from ..simulate.truth import Thresholds
from .sample import IGNORE, bands_there, clear_by_labels

_ZENITHS = (30.0, 45.0, 60.0)
_LEAST = np.float32(1e-4)  # reflectance; L2A products hold 1 where the ground is darker
_USUAL = (0.12, 1.2)
"""Optical depth at 550 nm and Angstrom exponent of the air that is taken off."""
_CLEAR = (0.03, 0.06, 0.2, 0.3, 0.45, 0.65, 0.9, 1.2)
"""Optical depths over clear ground; 1 is a day on which nobody sees the hills."""
_CLOUDY = _CLEAR[:5]
"""The same where there are clouds, which stand in it and above it."""
_ANGSTROMS = (0.5, 1.0, 1.5)

_VEIL = 0.8 * Thresholds().trace
"""Most reflectance of a veil: less than what the truth of simulated scenes counts as a trace of cloud."""
_VEIL_HEIGHT = 10.0  # km
_CRYSTALS = 25.0  # effective radius in micrometres

_CLEAR_LABEL = SURFACE_CLASSES.index(CloudClass.CLEAR)
_SHADOW = SURFACE_CLASSES.index(CloudClass.CLOUD_SHADOW)
_SOFT = 5  # pixels over which a shadow's border goes
_BEAM = (0.35, 1.1)
"""Light of the beam in a shadow as a multiple of what was there; deep shadows of thick clouds keep a sixth of
clear light in B11, the median simulated one half."""
_CHANGED = 0.05
"""Share of a pixel's light; clear ground that loses or gains more of it is no longer surely clear."""
_OPAQUE = 0.05
"""Two-way transmittance of gases; under less of it a band does not see the ground."""
_AIR_LIT = (-0.03, 0.08)
"""Change of the light that air adds over a shadow; lit clouds beside it add to it."""


def usual_air(band: str) -> BandAtmosphere:
    """Clear air of middle latitudes in a band."""
    return _air(band, 45.0, *_USUAL)


def sees_ground(band: str) -> bool:
    """Whether gases let light of a band down to the ground and back: not in B10."""
    return usual_air(band).gas > _OPAQUE


def haze(
    rng: np.random.Generator,
    values: npt.NDArray[np.float32],
    labels: npt.NDArray[np.uint8],
    bands: Sequence[str],
    level: Level = "L1C",
) -> None:
    """Put a patch under more or less aerosol; in place.

    The light of usual clear air is taken off and that of hazy air put on; at L2A the other way about, as a
    processor leaves a scene for whose haze it finds no dark ground to tell it by. What reaches the sensor by
    detours comes from the whole patch, so contrast falls. B10, which sees what is above the aerosol, stays.

    Parameters
    ----------
    rng : numpy.random.Generator
    values : float32 (bands, rows, cols)
        Reflectance at the top of the atmosphere, of the ground at L2A, NaN where missing.
    labels : uint8 (rows, cols)
        Where anything but clear is labelled, the most haze is left out.
    bands : sequence of str
        Names of the first axis.
    level : "L1C" or "L2A"
        Of `values`.
    """
    depths = _CLEAR if clear_by_labels(values, labels) else _CLOUDY
    zenith, aerosol, angstrom = (float(rng.choice(range_)) for range_ in (_ZENITHS, depths, _ANGSTROMS))
    for i in map(int, np.flatnonzero(bands_there(values))):
        if not sees_ground(bands[i]):
            continue
        usual, hazy = _air(bands[i], zenith, *_USUAL), _air(bands[i], zenith, aerosol, angstrom)
        ground = to_surface(values[i], usual) if level == "L1C" else values[i]
        # Where the air of the scene was clearer still, dark ground would come out negative.
        light = np.maximum(ground, 0) / (1 - np.float32(hazy.sphere) * np.clip(ground, 0, 1))
        detour = np.float32(1 - hazy.up_direct)
        light += detour * (np.nanmean(light) - light)
        values[i] = np.float32(hazy.gas) * (np.float32(hazy.path) + np.float32(hazy.down * hazy.up) * light)
        if level == "L2A":
            values[i] = np.maximum(to_surface(values[i], usual), _LEAST)


def veil(
    rng: np.random.Generator,
    values: npt.NDArray[np.float32],
    labels: npt.NDArray[np.uint8],
    bands: Sequence[str],
) -> None:
    """Put a clear patch under a veil of ice too thin to count as cloud; in place.

    It adds the same light everywhere, of all bands B10 shows it most. What it takes from the light of the
    ground is as much, a hundredth, and left out.

    Parameters
    ----------
    rng : numpy.random.Generator
    values : float32 (bands, rows, cols)
        Reflectance at the top of the atmosphere, NaN where missing.
    labels : uint8 (rows, cols)
        A patch in which anything but clear is labelled stays as it is.
    bands : sequence of str
        Names of the first axis.
    """
    if not clear_by_labels(values, labels):
        return
    amount = rng.uniform(0, _VEIL)
    for i in map(int, np.flatnonzero(bands_there(values))):
        seen = gas_transmittance(bands[i], 2.5, Atmosphere(*_USUAL), _VEIL_HEIGHT)
        values[i] += np.float32(amount * seen * particle("ice", _CRYSTALS, bands[i]).albedo)


def relight(
    rng: np.random.Generator,
    values: npt.NDArray[np.float32],
    labels: npt.NDArray[np.uint8],
    bands: Sequence[str],
) -> None:
    """Put the shadows of a patch under more or less light; in place.

    What of the light comes from the sky stays, and so does what air adds on the way up: shadows become deeper
    in the infrared than in blue, and B10 stays as it is. Clear ground into which the soft border of a shadow
    reaches is no longer labelled; clouds are not changed, as they stand above it.

    Parameters
    ----------
    rng : numpy.random.Generator
    values : float32 (bands, rows, cols)
        Reflectance at the top of the atmosphere, NaN where missing.
    labels : uint8 (rows, cols)
        Shadows are changed, with borders as soft as penumbrae; changed too, see above.
    bands : sequence of str
        Names of the first axis.
    """
    shadow = labels == _SHADOW
    if not shadow.any():
        return
    weight = ndimage.uniform_filter(shadow.astype(np.float32), _SOFT, mode="nearest")
    weight *= np.isin(labels, (_CLEAR_LABEL, _SHADOW, IGNORE))
    zenith, beam = float(rng.choice(_ZENITHS)), float(np.exp(rng.uniform(*np.log(_BEAM))))
    lit = rng.uniform(*_AIR_LIT)
    labels[(labels == _CLEAR_LABEL) & (weight * abs(beam - 1) > _CHANGED)] = IGNORE
    for i in map(int, np.flatnonzero(bands_there(values))):
        if not sees_ground(bands[i]):
            continue
        air = _air(bands[i], zenith, *_USUAL)
        path = np.float32(air.gas * air.path)
        less = np.float32((beam - 1) * air.direct)
        values[i] += weight * (less * np.maximum(values[i] - path, 0) + np.float32(lit) * path)


@lru_cache(maxsize=1024)
def _air(band: str, zenith: float, aerosol: float, angstrom: float) -> BandAtmosphere:
    return band_atmosphere(band, Geometry(zenith, 150.0), Atmosphere(aerosol, angstrom))
