"""Bands that SNAP has interpolated onto a finer grid, half a pixel aside of where they belong.

Bilinear and bicubic upsampling (``InterpolationScaler`` of snap-gpf, SNAP 12 to 14) scale an image
with a translation of half a pixel, after which pixel i has the value at its north-western corner,
not at its middle: 10 m off on a grid of 20 m. Downsampled bands and nearest neighbours are right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# Three values cut to whole digital numbers bend a line by less; reflectance was such, of 1e-4.
_ROUNDING = {"i": 2.0, "u": 2.0, "f": 2.5e-4}
_STRAIGHT = 0.1  # of the bends where most are: what is left at no-data
_LINES = 64  # looked at


def stands_at_corner(raw: npt.NDArray[Any], ratio: int) -> bool:
    """Whether rows of a band are interpolated so that pixels stand for their corner.

    An interpolated line bends at the samples it was made of. They lie on a pixel where the ratio is
    even and between two where it is odd; of lines in their right place the contrary is true, others
    bend everywhere.

    Parameters
    ----------
    raw : (rows, cols)
        Raw values, 0 or NaN where there is no data.
    ratio : int
        Pixels of the grid a sample of the band.

    Returns
    -------
    bool
        True, SNAP's default, also where there is nothing to tell it by.
    """
    lines = raw[:: max(1, len(raw) // _LINES)].astype(np.float64)
    steps = np.diff(lines, axis=1)
    bends = np.abs(np.diff(steps, axis=1)) > _ROUNDING[raw.dtype.kind]
    known = (lines[:, 2:] > 0) & (lines[:, 1:-1] > 0) & (lines[:, :-2] > 0)
    bent = _shares(bends, known, ratio)
    if bent.max() == 0:
        return True
    level = _shares(steps == 0, (lines[:, 1:] > 0) & (lines[:, :-1] > 0), ratio)
    if (level >= 1 - _STRAIGHT).sum() == ratio - 1:
        return False  # nearest neighbours: all steps are between samples
    return int((bent > _STRAIGHT * bent.max()).sum()) == (2 if ratio % 2 else 1)


def _shares(true: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_], ratio: int) -> npt.NDArray[np.float64]:
    """Share of True among the known, for each place of a pixel within a sample."""
    return np.array(
        [
            true[:, k::ratio][known[:, k::ratio]].mean() if known[:, k::ratio].any() else 0
            for k in range(ratio)
        ]
    )


def move_to_middle(values: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """Interpolate half a pixel further on along an axis, which becomes one pixel shorter."""
    here, there = (values[:-1], values[1:]) if axis == 0 else (values[:, :-1], values[:, 1:])
    out: npt.NDArray[np.float32] = (here + there) * np.float32(0.5)
    return out
