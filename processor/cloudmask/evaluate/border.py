"""The band along class borders, where a reference drawn by hand is least certain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..classes import CloudClass


def near_border(reference: npt.NDArray[np.uint8], pixels: int) -> npt.NDArray[np.bool_]:
    """Pixels within a distance of a border between classes of the reference.

    A pixel is near if a pixel of another class lies in the square of half-width `pixels` around
    it. Undefined pixels are no class of their own: their edge is no border.

    Parameters
    ----------
    reference : uint8 (rows, cols)
        Codes of :class:`CloudClass`.
    pixels : int
        Distance; 0 gives an empty band.

    Returns
    -------
    bool (rows, cols)
    """
    if pixels < 1:
        return np.zeros(reference.shape, dtype=bool)
    known = (reference != int(CloudClass.UNDEFINED)) & (reference != int(CloudClass.MISSING))
    size = 2 * pixels + 1
    low = ndimage.minimum_filter(np.where(known, reference, 255), size, mode="nearest")
    high = ndimage.maximum_filter(np.where(known, reference, 0), size, mode="nearest")
    near: npt.NDArray[np.bool_] = known & (low < high)
    return near
