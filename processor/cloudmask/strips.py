"""From strips of a scene to a network's tiles: reading ahead, cutting, normalising.

Strips are read in threads of their own while the network works, and stay as they came: a tile is
put together from the strips that it lies on, and normalised on the way.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .card import InputSpec, ModelCard
from .grid import ROWS, BoolArray, FloatArray
from .source import Source, Strip
from .tiling import TileAxis, row_windows

_STRIP = 256
"""Rows of the model's grid read at a time, about: few enough that a decoder still holds the blocks
that a strip shares with the one before."""
_AHEAD = 4
"""Strips asked for before they are needed, which are read while the network works."""


@dataclass(frozen=True)
class PlacedStrip:
    """Some rows of a scene, and where they lie.

    Attributes
    ----------
    first : int
        Row of the model's grid that it begins at.
    strip : Strip
        What was read.
    known : bool (rows, cols) or None
        Where no band is missing; None if that is everywhere.
    memory : float32
        What the values lie in.
    """

    first: int
    strip: Strip
    known: BoolArray | None
    memory: FloatArray

    @property
    def stop(self) -> int:
        """Past-last row."""
        return self.first + int(self.strip.values.shape[1])


class TileRow:
    """The pixel rows under one row of tiles.

    Parameters
    ----------
    strips : list of PlacedStrip
        Strips without gaps that hold all of the scene's rows under the tiles.
    start : int
        First row of the tiles.
    side : int
        Rows of a tile; those beyond the scene are mirrored.
    cols : TileAxis
        Tiles along columns.
    normalisation : InputSpec
        What the network wants.
    """

    def __init__(
        self, strips: list[PlacedStrip], start: int, side: int, cols: TileAxis, normalisation: InputSpec
    ) -> None:
        self._strips, self._start, self._side, self._cols = strips, start, side, cols
        self._normalisation = normalisation
        self.known = np.zeros((side, cols.size), bool)
        """Where no band is missing, bool (tile rows, scene cols); False beyond the scene."""
        for piece, here, there in self._pieces():
            self.known[there] = True if piece.known is None else piece.known[here]

    def _pieces(self) -> Iterator[tuple[PlacedStrip, slice, slice]]:
        """Strips with their rows that lie under the tiles, and where these are in a tile."""
        for piece in self._strips:
            low, high = max(piece.first, self._start), min(piece.stop, self._start + self._side)
            if low < high:
                yield (
                    piece,
                    slice(low - piece.first, high - piece.first),
                    slice(low - self._start, high - self._start),
                )

    def above(self, row: int) -> list[PlacedStrip]:
        """Strips that end above a row of the scene."""
        return [strip for strip in self._strips if strip.stop <= row]

    def wanted(self) -> list[int]:
        """Places of the tiles that hold a known pixel; the others need no network."""
        return [
            i
            for i, start in enumerate(self._cols.starts)
            if self.known[:, start : start + self._cols.tile].any()
        ]

    def cut(self, col: int, out: FloatArray) -> None:
        """Put a tile together.

        Mirrored ground keeps the scene's edges free of a false border.

        Parameters
        ----------
        col : int
            Place of the tile along the columns.
        out : float32 (bands, tile rows, tile cols)
            Where to put it, as input of the network.
        """
        left = self._cols.starts[col]
        width = min(self._cols.tile, self._cols.size - left)
        height = 0
        for piece, here, there in self._pieces():
            values, target = piece.strip.values[:, here, left : left + width], out[:, there, :width]
            self._normalisation.normalise(values, target, complete=piece.known is None)
            height = there.stop
        _mirror(out[:, :height], width, 2)
        _mirror(out, height, 1)


def _mirror(array: FloatArray, size: int, axis: int) -> None:
    """Fill what lies behind the first `size` samples of an axis by reflecting them, as often as it takes."""
    samples = np.moveaxis(array, axis, 0)
    while size < len(samples):
        count = min(size, len(samples) - size)
        samples[size : size + count] = samples[size - count : size][::-1]
        size += count


class StripReader:
    """Reads a scene's strips ahead, row of tiles by row of tiles.

    Parameters
    ----------
    source : Source
        The scene.
    card : ModelCard
        Bands and spacing.
    rows : TileAxis
        Tiles along rows.
    out_gsd : float
        Spacing of the mask, metres; strips are whole pixels of it.

    Attributes
    ----------
    seconds : dict of str to float
        Time spent waiting for strips, and on loading and resampling them (all threads together).
    """

    def __init__(self, source: Source, card: ModelCard, rows: TileAxis, out_gsd: float) -> None:
        self._source, self._card, self._out_gsd = source, card, out_gsd
        self._lock = threading.Lock()
        self.seconds = dict.fromkeys(("read_wait", "load_work", "resample_work"), 0.0)
        align = (Fraction(card.gsd) / Fraction(out_gsd)).limit_denominator(1000).denominator
        height = max(1, _STRIP // align) * align
        self._height = height
        self._spare: list[FloatArray] = []
        self._rows = [
            [(low, min(low + height, stop)) for low in range(start, stop, height)]
            for start, stop in row_windows(rows, align)
        ]

    def rows(self) -> Iterator[Iterator[PlacedStrip]]:
        """For each row of tiles the strips it needs beyond those before it.

        A row may need none, where rounding up to whole output pixels has brought all its rows already.
        """
        wanted = iter([strip for row in self._rows for strip in row])
        with ThreadPoolExecutor(self._source.readers, "cloudmask-read") as pool:
            ahead: deque[Future[PlacedStrip]] = deque()

            def ask() -> None:
                rows = next(wanted, None)
                if rows is not None:
                    ahead.append(pool.submit(self._read, rows))

            def take(count: int) -> Iterator[PlacedStrip]:
                for _ in range(count):
                    begun = time.perf_counter()
                    found = ahead.popleft().result()
                    self.seconds["read_wait"] += time.perf_counter() - begun
                    self.seconds["load_work"] += found.strip.load_seconds
                    self.seconds["resample_work"] += found.strip.resample_seconds
                    ask()
                    yield found

            for _ in range(_AHEAD):
                ask()
            try:
                for row in self._rows:
                    yield take(len(row))
            finally:  # after an error nobody waits for what was asked for
                for future in ahead:
                    future.cancel()

    def _read(self, rows: tuple[int, int]) -> PlacedStrip:
        card = self._card
        with self._lock:
            memory = self._spare.pop() if self._spare else None
        if memory is None:
            cols = self._source.grid.at(card.gsd).cols
            memory = np.empty((len(card.bands), self._height, cols), np.float32)
        strip = self._source.read(card.bands, card.gsd, rows, self._out_gsd, memory)
        known = None if strip.complete else _all_known(strip.values)
        return PlacedStrip(rows[0], strip, known, memory)

    def give_back(self, strips: Iterable[PlacedStrip]) -> None:
        """Let strips that nobody reads any more lend their memory to others: fresh memory costs time."""
        with self._lock:
            self._spare += [strip.memory for strip in strips]


def _all_known(values: FloatArray) -> BoolArray:
    """Where no band of (bands, rows, cols) is NaN."""
    known = np.empty(values.shape[1:], bool)
    for start in range(0, len(known), ROWS):
        part = values[:, start : start + ROWS]
        unknown = np.isnan(part[0])
        for plane in part[1:]:
            unknown |= np.isnan(plane)
        np.logical_not(unknown, out=known[start : start + ROWS])
    return known
