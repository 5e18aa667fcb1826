"""Labels for a cloudy image from a clear one of the same place, sure pixels only.

Ground that changed between the dates (harvest, snow, flood) looks like neither cloud nor shadow in
all the bands asked for here, and is left unlabelled. The thresholds are on top-of-atmosphere
reflectance; they were set by eye and make draft labels: for training and selection, never for
quoted accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..errors import UsageError
from .sample import IGNORE, ByteArray, FloatArray

_CLOUD_BLUE, _CLOUD_GAIN = 0.34, 0.26  # ground no longer seen: droplets of optical thickness 5 and more
_THIN_GAIN = (0.03, 0.09)  # added blue reflectance of a cloud through which ground is seen
_CIRRUS = 0.006  # B10 over low and middle ground; clear air there stays under .003
_SHADE = 0.68  # share of the clear date's NIR and SWIR that is left in shadow
_SAME_BLUE, _SAME = 0.015, (0.85, 1.25)
_WATER_NIR = 0.06


def difference_labels(cloudy: FloatArray, clear: FloatArray, bands: Sequence[str]) -> ByteArray:
    """Draft labels of `cloudy`.

    Parameters
    ----------
    cloudy, clear : float32 (bands, rows, cols)
        Reflectance of the same ground.
    bands : sequence of str
        Names of the planes; B02, B04, B08 and B11 must be among them, B10 is used if it is.

    Returns
    -------
    uint8 (rows, cols)
        As in :class:`Sample`.

    Raises
    ------
    UsageError
        If a band is missing.
    """
    absent = [b for b in ("B02", "B04", "B08", "B11") if b not in bands]
    if absent:
        raise UsageError(f"labels by difference need band {', '.join(absent)}")

    def pair(name: str) -> tuple[FloatArray, FloatArray]:
        return cloudy[bands.index(name)], clear[bands.index(name)]

    blue, blue0 = pair("B02")
    red, red0 = pair("B04")
    nir, nir0 = pair("B08")
    swir, swir0 = pair("B11")
    cirrus = pair("B10")[0] if "B10" in bands else np.zeros_like(blue)
    gain = blue - blue0
    flat = (blue > 0.75 * red) & (red - red0 > 0.5 * gain)

    cloud = (blue > _CLOUD_BLUE) & (gain > _CLOUD_GAIN) & flat & (nir > 0.9 * red)
    thin = (gain > _THIN_GAIN[0]) & (gain < _THIN_GAIN[1]) & flat & (nir > nir0 * 0.9)
    thin &= (cirrus > _CIRRUS) | (np.abs(swir - swir0) < 0.05)
    # Ground that turned brighter between the dates has sharp edges; veils do not.
    thin &= ndimage.uniform_filter(thin.astype(np.float32), 9) > 0.6
    land = nir0 > _WATER_NIR
    shade = land & (nir < _SHADE * nir0) & (swir < _SHADE * swir0) & (gain < 0.03) & (cirrus < _CIRRUS)
    shade &= ndimage.uniform_filter(shade.astype(np.float32), 5) > 0.6
    near = ndimage.uniform_filter(cloud.astype(np.float32), 151) > 0  # 1.5 km at 20 m
    shade &= near
    same = (np.abs(gain) < _SAME_BLUE) & (cirrus < _CIRRUS / 2)
    same &= _within(nir, nir0) & _within(swir, swir0)
    same &= ~ndimage.binary_dilation(cloud | shade | thin, iterations=3)

    out = np.full(blue.shape, IGNORE, np.uint8)
    for place, mask in ((0, same), (1, shade), (2, thin), (3, cloud)):
        out[mask] = place
    return out


def _within(now: FloatArray, before: FloatArray) -> npt.NDArray[np.bool_]:
    low, high = _SAME
    inside: npt.NDArray[np.bool_] = (now > low * before) & (now < high * before)
    return inside
