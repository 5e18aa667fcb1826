"""Bands at a wavelet level of their JPEG 2000 image, with no-data told apart before it is mixed in.

A digital number of 0 is no data. A sample of a wavelet level is a weighted mean of a neighbourhood,
in which zeros would dilute what is next to them. Where a level shows a border of no-data, the
blocks it crosses are decoded in full and averaged over valid pixels only.

A sample of a level stands where the first of its pixels does, not in their middle: at level 1 that is
a quarter of a sample, 5 m for a 10 m band, to the north-west. Samples are moved to the middle, so
that bands read at different levels, and masks made elsewhere from means of pixels, lie on each other.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from .grid import ROWS, FloatArray
from .jp2 import BandImage, Header
from .plane import Plane, make_plane
from .radiometry import NODATA_DN, SATURATED_DN, SATURATED_MIXED, Radiometry

Block = tuple[int, int, int, int]
"""First and past-last row, first and past-last column; samples of a wavelet level."""


class LevelImage:
    """A band read at a wavelet level of its image.

    Parameters
    ----------
    image, header
        The image.
    level : int
        1 or more; samples are ``2**level`` pixels wide.
    spacing : float
        Of the full image, nominal metres.
    radiometry : Radiometry
        Of the band.
    """

    def __init__(
        self, image: BandImage, header: Header, level: int, spacing: float, radiometry: Radiometry
    ) -> None:
        self._image, self._header, self._level = image, header, level
        self._spacing, self._radiometry = spacing, radiometry
        # The reversible wavelet (ISO/IEC 15444-1, Annex F: 5/3) mixes no-data into samples that lie up
        # to 4 - 4 / 2**level away from the next sample that is no-data throughout; one more as samples
        # are interpolated with their neighbours.
        self._reach = min(level + 1, 4) + 1
        self._side = max(1, header.block // 2**level)
        self._size = tuple(-(-n // 2**level) for n in (header.rows, header.cols))
        self._is_mixed: dict[tuple[int, int], bool] = {}

    def read(self, rows: tuple[int, int], cols: tuple[int, int], out: FloatArray | None = None) -> Plane:
        """Read a window.

        Parameters
        ----------
        rows, cols : tuple of int
            The window, half-open, in samples of the level.
        out : float32 (rows, cols), optional
            Where to put the values.

        Returns
        -------
        Plane
            Reflectance; validity is exact, also inside samples (``finer``), where the level shows
            no-data. Gaps narrower than about ``2**level`` pixels in the midst of valid ones may pass
            unseen; they weigh little in a sample.

        Raises
        ------
        InputError
            If the image cannot be decoded.
        """
        header, factor = self._header, 2**self._level
        dn, mixed = self._read_and_judge(rows, cols)
        # Sample k of the low-pass band is centred on pixel k * factor (ISO/IEC 15444-1, Annex F); the
        # pixels it stands for have their centre (factor - 1) / 2 pixels further on.
        values = _moved(dn, self._radiometry, (factor - 1) / (2 * factor), out)
        dn = dn[:-1, :-1]
        valid, saturated = dn != NODATA_DN, dn >= SATURATED_MIXED
        patches = []
        for r0, r1, c0, c1 in mixed:
            full = self._image.read(
                0,
                (r0 * factor, min(r1 * factor, header.rows)),
                (c0 * factor, min(c1 * factor, header.cols)),
            )
            known = full != NODATA_DN
            total, count = _block_sum(full, factor), _block_sum(known, factor)  # no-data adds nothing
            place = slice(r0 - rows[0], r1 - rows[0]), slice(c0 - cols[0], c1 - cols[0])
            values[place] = self._radiometry.reflectance(total / np.maximum(count, 1))
            valid[place] = count > 0
            saturated[place] = _block_sum(full == SATURATED_DN, factor) > 0
            patches.append((r0 * factor, c0 * factor, known, self._spacing))
        return make_plane(values, valid, saturated, tuple(patches))

    def _read_and_judge(
        self, rows: tuple[int, int], cols: tuple[int, int]
    ) -> tuple[npt.NDArray[np.uint16], list[Block]]:
        """Digital numbers of a window with one more row and column, and its blocks with no-data mixed in.

        Blocks are judged whole, with all around them as far as the wavelet reaches, so that what comes
        out does not depend on how a scene is cut into windows; each is judged once.
        """
        side, reach, (last_row, last_col) = self._side, self._reach, self._size
        starts = (range(low // side * side, high, side) for low, high in (rows, cols))
        blocks = [(row, col) for row, col in product(*starts)]
        unknown = [block for block in blocks if block not in self._is_mixed]
        low, high = (rows[0], cols[0]), (rows[1] + 1, cols[1] + 1)
        for row, col in unknown:
            low = min(low[0], row - reach), min(low[1], col - reach)
            high = max(high[0], row + side + reach), max(high[1], col + side + reach)
        top, left = max(0, low[0]), max(0, low[1])
        dn = self._image.read(self._level, (top, min(last_row, high[0])), (left, min(last_col, high[1])))
        if unknown:
            self._judge(dn, top, left, unknown)
        mixed = [
            (max(row, rows[0]), min(row + side, rows[1]), max(col, cols[0]), min(col + side, cols[1]))
            for row, col in blocks
            if self._is_mixed[row, col]
        ]
        window = dn[rows[0] - top : rows[1] + 1 - top, cols[0] - left : cols[1] + 1 - left]
        lack = rows[1] + 1 - rows[0] - window.shape[0], cols[1] + 1 - cols[0] - window.shape[1]
        if any(lack):  # the last samples of the image have no neighbour beyond them
            window = np.pad(window, ((0, lack[0]), (0, lack[1])), mode="edge")
        return window, mixed

    def _judge(self, dn: npt.NDArray[np.uint16], top: int, left: int, blocks: list[tuple[int, int]]) -> None:
        """See which blocks have no-data mixed in, from all samples in and around them.

        Such a block holds zeros or, in products with a negative offset, numbers so low (half the offset:
        a reflectance of -0.05) that only zeros among their pixels explain them.
        """
        low = -0.5 * self._radiometry.offset
        reach, side = self._reach, self._side
        zero = dn == NODATA_DN
        suspect = zero | (dn < low) if low > 0 else zero
        any_suspect = bool(suspect.any())
        for row, col in blocks:
            around = (
                slice(max(0, row - reach - top), row + side + reach - top),
                slice(max(0, col - reach - left), col + side + reach - left),
            )
            self._is_mixed[row, col] = (
                any_suspect and bool(suspect[around].any()) and not bool(zero[around].all())
            )


def _moved(
    dn: npt.NDArray[np.uint16], radiometry: Radiometry, part: float, out: FloatArray | None
) -> FloatArray:
    """Reflectance `part` of a sample further on along both axes, which become one sample shorter."""
    if out is None:
        out = np.empty((dn.shape[0] - 1, dn.shape[1] - 1), np.float32)
    for start in range(0, len(out), ROWS):
        block = radiometry.reflectance(dn[start : start + ROWS + 1])
        out[start : start + ROWS] = _shift(_shift(block, part, 0), part, 1)
    return out


def _shift(values: FloatArray, part: float, axis: int) -> FloatArray:
    """Interpolate `part` of a sample further on along an axis, which becomes one sample shorter."""
    here, there = (values[:-1], values[1:]) if axis == 0 else (values[:, :-1], values[:, 1:])
    out: FloatArray = here * np.float32(1 - part)
    out += there * np.float32(part)
    return out


def _block_sum(array: npt.NDArray[np.generic], factor: int) -> npt.NDArray[np.uint32]:
    """Sums over factor x factor pixels; a partial block at the end counts what it has."""
    rows, cols = (-(-n // factor) for n in array.shape)
    out = np.zeros((rows, cols), np.uint32)
    for down in range(factor):
        for across in range(factor):
            part = array[down::factor, across::factor]
            out[: part.shape[0], : part.shape[1]] += part
    return out
