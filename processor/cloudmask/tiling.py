"""Overlapping tiles and their blending.

Tiles on a scene form a lattice: a list of tiles along rows times a list along columns. Blending
weights are products of one-dimensional weights that sum to 1 over the tiles at every pixel, so
tiles can be added up in any order and need no division afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .errors import UsageError
from .grid import ROWS

_WEIGHT_STEPS = 1024  # Weights are multiples of 1/1024, exact in binary, and sum to exactly 1.


@dataclass(frozen=True)
class TileAxis:
    """Tiles along one axis.

    Attributes
    ----------
    size : int
        Pixels on the axis.
    tile : int
        Pixels of a tile; the axis is padded to it where it is shorter.
    margin : int
        Pixels at a tile's edge that its network cannot judge well; neighbours overlap by at
        least twice as many, and weights rise over the overlap.
    multiple : int
        Tiles start at multiples of it: a network that halves its resolution k times gives the same
        for a pixel wherever a tile starts only if tiles start at multiples of 2^k.
    blind : int
        Pixels at a tile's edge that count for nothing, at most `margin`: weights rise further in.

    Raises
    ------
    UsageError
        If a tile is too small for its margin.
    """

    size: int
    tile: int
    margin: int
    multiple: int = 1
    blind: int = 0

    def __post_init__(self) -> None:
        if self._step <= 0:
            raise UsageError(
                f"tile size: expected more than twice the model's margin of {self.margin} px, "
                f"found {self.tile} px"
            )

    @property
    def _step(self) -> int:
        return (self.tile - 2 * self.margin) // self.multiple * self.multiple

    @property
    def padded(self) -> int:
        """Pixels including the padding."""
        return self.starts[-1] + self.tile

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """First pixel of each tile; the last tile is moved back to end with the axis or just behind it."""
        if self.size <= self.tile:
            return (0,)
        last = -(-(self.size - self.tile) // self.multiple) * self.multiple
        return (*range(0, last, self._step), last)

    @cached_property
    def weights(self) -> npt.NDArray[np.float32]:
        """Blending weights, float32 (tiles, tile), 0 to 1; they sum to 1 at every pixel."""
        # A ramp over the overlap; multiples of 1/steps so that sums have no rounding error.
        # The ends of the axis are no edges: there is nothing beyond them that a tile could lack.
        rise = np.arange(self.tile) + 1
        most = max(1, 2 * (self.margin - self.blind))
        raw = np.zeros((len(self.starts), self.padded))
        for i, start in enumerate(self.starts):
            left = rise if i > 0 else self.tile
            right = rise[::-1] if i + 1 < len(self.starts) else self.tile
            # Where no tile is sure, a trace of weight, which blending makes 1.
            raw[i, start : start + self.tile] = np.clip(np.minimum(left, right) - self.blind, 1e-6, most)
        share = np.floor(raw / raw.sum(axis=0) * _WEIGHT_STEPS)
        # What rounding down lost goes to the tile that weighs most there.
        share[raw.argmax(axis=0), np.arange(self.padded)] += _WEIGHT_STEPS - share.sum(axis=0)
        out = np.stack([share[i, s : s + self.tile] for i, s in enumerate(self.starts)])
        return (out / _WEIGHT_STEPS).astype(np.float32)


class RowBlender:
    """Adds up the tiles of a scene row by row of tiles, and hands out the finished pixel rows.

    Memory is that of one row of tiles. Tiles of a row may come in any order; rows of tiles come
    from top to bottom.

    Parameters
    ----------
    rows, cols : TileAxis
        The lattice.
    planes : int
        Planes of a tile, e.g. classes.
    """

    def __init__(self, rows: TileAxis, cols: TileAxis, planes: int) -> None:
        self.rows = rows
        self.cols = cols
        self._sum = np.zeros((planes, rows.tile, cols.padded), np.float32)
        self._top = 0
        self._done = 0  # rows handed out, which make room when they are done with

    def add(self, row: int, col: int, tile: npt.NDArray[np.float32]) -> None:
        """Add the tile (planes, tile rows, tile cols) at a place of the lattice."""
        self._make_room()
        start = self.cols.starts[col]
        target = self._sum[:, :, start : start + self.cols.tile]
        down, across = self.rows.weights[row], self.cols.weights[col]
        # A few rows at a time, so that what is added stays in the processor's cache.
        for first in range(0, self.rows.tile, ROWS):
            here = slice(first, first + ROWS)
            target[:, here] += tile[:, here] * (down[here, None] * across)

    def finish(self, row: int) -> tuple[int, npt.NDArray[np.float32]]:
        """End a row of tiles.

        Returns
        -------
        first : int
            First pixel row handed out.
        values : float32 (planes, n, cols)
            The rows that no later tile touches, without padding; good until tiles are added again.
        """
        self._make_room()
        starts = self.rows.starts
        end = starts[row + 1] if row + 1 < len(starts) else self.rows.padded
        first, self._done = self._top, end - self._top
        self._top = end
        inside = min(self._done, max(0, self.rows.size - first))
        return first, self._sum[:, :inside, : self.cols.size]

    def _make_room(self) -> None:
        if self._done:
            keep = self._sum[:, self._done :].copy()
            self._sum[:, : keep.shape[1]] = keep
            self._sum[:, keep.shape[1] :] = 0
            self._done = 0


def row_windows(axis: TileAxis, align: int = 1) -> Iterator[tuple[int, int]]:
    """New pixel rows that each row of tiles needs beyond those before it, half-open.

    Ends are rounded up to a multiple of `align` (the last one to the axis' end), so that strips
    are whole pixels on a second grid as well.
    """
    done = 0
    for start in axis.starts:
        end = min(axis.size, -(-(start + axis.tile) // align) * align)
        yield done, max(done, end)
        done = max(done, end)
