"""Flooded and rain-soaked ground on clear training patches: what is taken for cloud shadow first.

Such ground is dark in the infrared over wide areas within which parcels still show, as they do in a
shadow, but no cloud belongs to it, and the short-wave infrared loses more than the near infrared does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from ..bands import BAND_NAMES, BANDS, Level
from ..simulate.spectra import MATERIALS
from .light import sees_ground, usual_air
from .sample import bands_there, clear_by_labels

_WATERS = ("water_lake", "water_humic", "water_turbid")
"""Keys of :data:`cloudmask.simulate.spectra.MATERIALS` that fields lie under."""
_WETNESS = (400.0, 700.0, 900.0, 1600.0, 2300.0), (0.35, 0.5, 0.7, 1.2, 1.5)
"""Wavelengths in nm, and about minus the logarithm of the reflectance of soaked soil over that of dry soil
(Lobell and Asner 2002, Soil Sci. Soc. Am. J. 66:722)."""


def flood(
    rng: np.random.Generator,
    values: npt.NDArray[np.float32],
    labels: npt.NDArray[np.uint8],
    bands: Sequence[str],
    level: Level,
) -> None:
    """Put part of a clear patch under water, or make it wet; in place.

    Parameters
    ----------
    rng : numpy.random.Generator
    values : float32 (bands, rows, cols)
        Reflectance, NaN where missing.
    labels : uint8 (rows, cols)
        A patch in which anything but clear is labelled stays as it is.
    bands : sequence of str
        Names of the first axis.
    level : "L1C" or "L2A"
        Of `values`; at the top of the atmosphere the air's own light stays on.
    """
    if not clear_by_labels(values, labels):
        return
    cover = _areas(rng, labels.shape)
    cover *= np.float32(rng.uniform(0.4, 1.0))
    under_water = rng.random() < 0.5
    water = MATERIALS[_WATERS[int(rng.integers(len(_WATERS)))]]
    brightness = float(np.exp(rng.normal(0, 0.3)))
    strength = rng.uniform(0.5, 1.3)
    for i in map(int, np.flatnonzero(bands_there(values))):
        name, band = bands[i], values[i]
        air, through = 0.0, 1.0
        if level == "L1C":
            if not sees_ground(name):
                continue
            usual = usual_air(name)
            through = usual.gas * usual.down * usual.up
            # Never more than the patch's darkest pixels have.
            air = min(usual.gas * usual.path, float(np.nanpercentile(band[::4, ::4], 1)))
        if under_water:
            target = np.float32(air + through * brightness * water.spectrum[BAND_NAMES.index(name)])
            band += cover * (target - band)
        else:
            depth = strength * float(np.interp(BANDS[name].wavelength, *_WETNESS))
            band -= np.float32(air)
            band *= np.exp(np.float32(-depth) * cover)
            band += np.float32(air)


def _areas(rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """A field from 0 to 1 of blobs with harder or softer borders, on a tenth to six tenths of the patch."""
    side = int(rng.integers(3, 13))
    coarse = torch.from_numpy(rng.standard_normal((1, 1, side, side), np.float32))
    fine = functional.interpolate(coarse, size=shape, mode="bicubic", align_corners=False)[0, 0].numpy()
    rise = (fine - np.quantile(fine, rng.uniform(0.4, 0.9))) / rng.uniform(0.05, 0.8)
    return np.clip(rise, 0, 1).astype(np.float32)
