"""Bands that SNAP has interpolated onto a finer grid, half a pixel aside of where they belong.

Bilinear and bicubic upsampling (``InterpolationScaler`` of snap-gpf, SNAP 12 to 14) scale an image
with a translation of half a pixel, after which pixel i has the value at its north-western corner,
not at its middle: 10 m off on a grid of 20 m. Outermost pixels are mixed with 0, and beside no-data pixels
are 0 whose own sample is valid. Where the band begins with a whole sample, its samples can be found again;
else pixels are moved. Downsampled bands and nearest neighbours are right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# Three values cut to whole digital numbers bend a line by less; reflectance was such, of 1e-4.
_ROUNDING = {"i": 2.0, "u": 2.0, "f": 2.5e-4}
_STRAIGHT = 0.1  # of the bends where most are: what is left at no-data
_LINES = 64  # looked at
_CUT = 0.45
"""What cutting to whole digital numbers takes, on average: half a number but for those that were whole."""
_Floats = npt.NDArray[np.float64]


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
    lines, steps, bent = _bends(raw, ratio)
    if bent.max() == 0:
        return True
    level = _shares(steps == 0, (lines[:, 1:] > 0) & (lines[:, :-1] > 0), ratio)
    if (level >= 1 - _STRAIGHT).sum() == ratio - 1:
        return False  # nearest neighbours: all steps are between samples
    return int((bent > _STRAIGHT * bent.max()).sum()) == (2 if ratio % 2 else 1)


def begins_with_a_sample(raw: npt.NDArray[Any], ratio: int) -> bool:
    """Whether a band that :func:`stands_at_corner` begins with a whole sample along both axes.

    SNAP's subset may cut it anywhere. Where nothing shows it, it is taken to be cut.

    Parameters
    ----------
    raw : (rows, cols)
        Raw values, 0 or NaN where there is no data.
    ratio : int
        Pixels of the grid a sample of the band.
    """
    expected = {ratio // 2 - 1, (ratio - 1) // 2}  # of the bends, the first of which is of pixel 1
    for image in (raw, raw.T):
        bent = _bends(image, ratio)[2] if image.shape[1] > 2 * ratio else np.zeros(1)
        if bent.max() == 0 or set(np.flatnonzero(bent > _STRAIGHT * bent.max())) != expected:
            return False
    return True


def _bends(raw: npt.NDArray[Any], ratio: int) -> tuple[_Floats, _Floats, _Floats]:
    """Some rows, their steps from pixel to pixel, and for each place within a sample how often they bend."""
    lines = raw[:: max(1, len(raw) // _LINES)].astype(np.float64)
    steps = np.diff(lines, axis=1)
    bends = np.abs(np.diff(steps, axis=1)) > _ROUNDING[raw.dtype.kind]
    known = (lines[:, 2:] > 0) & (lines[:, 1:-1] > 0) & (lines[:, :-2] > 0)
    return lines, steps, _shares(bends, known, ratio)


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


def recover(raw: npt.NDArray[Any], ratio: int) -> npt.NDArray[Any]:
    """Samples that a band was interpolated from, see :func:`stands_at_corner`.

    Pixel i has the value at ``i / ratio - 1/2`` samples. With an even ratio sample k is thus pixel
    ``ratio * (k + 1/2)``; with 3 it is where the lines through two pixels on either side of it meet.

    Parameters
    ----------
    raw : (ratio * rows [+ 1], ratio * cols [+ 1])
        Raw values from the first pixel of a sample on, 0 or NaN where there is no data; with the pixel behind
        the last sample, where there is one.
    ratio : {2, 3, 6}
        Pixels of the grid a sample of the band.

    Returns
    -------
    array (rows, cols) of `raw`'s type
        0 where there is no data.
    """
    whole = raw.dtype.kind in "iu"
    image = raw.astype(np.float32)
    image[image == 0] = np.nan
    if whole and ratio == 3:
        image += np.float32(_CUT)
    for _ in range(2):
        image = _along(image, ratio).T
    if whole:
        image = np.clip(np.rint(image), 1, np.iinfo(raw.dtype).max)
    return np.nan_to_num(image, nan=0.0).astype(raw.dtype)


def _along(image: npt.NDArray[np.float32], ratio: int) -> npt.NDArray[np.float32]:
    """Samples along the first axis; beside no-data what the pixels that are there say of them."""
    count = len(image) // ratio
    places = [image[k::ratio][:count] for k in range(ratio)]
    after = np.full_like(places[0], np.nan)
    behind = image[ratio::ratio][:count]
    after[: len(behind)] = behind
    middle = ratio // 2
    if ratio == 3:
        below, above = 1.5 * places[1] - 0.5 * places[0], 1.5 * places[2] - 0.5 * after
        guesses = [(below + above) / 2, below, above, places[1], places[2]]
    else:
        guesses = [places[middle], places[middle - 1], places[middle + 1] if ratio > 2 else after]
    out = guesses[0]
    for guess in guesses[1:]:
        out = np.where(np.isnan(out), guess, out)
    return out
