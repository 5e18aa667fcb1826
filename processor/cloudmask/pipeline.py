"""From a scene and a network to a mask, in strips of bounded memory.

Strips of the scene are read ahead while the network works on those before; each row of tiles is
blended into the rows above, and rows that no later tile touches go on to the output grid, where
they become classes. Only the result itself is ever held whole.
"""

from __future__ import annotations

import logging
import math
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction

import numpy as np

from .classes import SURFACE_CLASSES, CloudClass
from .errors import InputError, ModelError
from .grid import ROWS, AxisMap, BoolArray, FloatArray, Grid, resample
from .model import Model
from .options import Options
from .postprocess import classify, postprocess
from .result import Mask
from .source import Source, Strip
from .tiling import RowBlender, TileAxis, row_windows

log = logging.getLogger(__name__)

_STRIP = 256
"""Rows of the model's grid read at a time, about."""

Progress = Callable[[int, int], None]
"""Called with tiles done and tiles in all; may raise to stop."""


def tile_axes(model: Model, options: Options, shape: tuple[int, int]) -> tuple[TileAxis, TileAxis]:
    """Tiles along rows and along columns of a scene of some shape on the model's grid.

    On each axis as few as the size asked for allows, and no larger than so many need. So they depend on
    the scene, the network and the size asked for, and on nothing else.
    """
    tile = model.card.tile
    wanted = options.tile_size or tile.size
    if tile.fixed and wanted != tile.size:
        log.warning("model %s works in tiles of %d px only; tile size kept", model.card.name, tile.size)
        wanted = tile.size
    # A network tied to one size could not start its tiles at multiples of it and have them overlap.
    place = 1 if tile.multiple == tile.size else tile.multiple
    least = -(-(2 * tile.margin + place) // tile.multiple)
    most = max(least, -(-wanted // tile.multiple))

    def axis(pixels: int) -> TileAxis:
        def tiles(count: int) -> TileAxis:
            return TileAxis(pixels, count * tile.multiple, tile.margin, place, tile.blind)

        fewest = len(tiles(most).starts)
        sides = range(least, most + 1)
        smallest = bisect_left(sides, -fewest, key=lambda count: -len(tiles(count).starts))
        return tiles(sides[smallest])

    return axis(shape[0]), axis(shape[1])


def predict(
    source: Source,
    model: Model,
    options: Options,
    *,
    progress: Progress | None = None,
    out_gsd: float | None = None,
) -> Mask:
    """Mask a scene.

    Parameters
    ----------
    source : Source
        The scene.
    model : Model
        The network.
    options : Options
        What to do.
    progress : callable, optional
        See :data:`Progress`.
    out_gsd : float, optional
        Spacing of the mask, metres, in place of ``options.resolution``: scenes that do not come
        from a product keep their own.

    Raises
    ------
    InputError
        If the scene lacks a band or cannot be read.
    ModelError
        If scene and model are of different levels, or the network fails.
    """
    started = time.perf_counter()
    card = model.card
    if card.level != source.level:
        raise ModelError(
            f"{source.name} is {source.level} but model {card.name} is for {card.level}; "
            "leave --model out to get one that fits"
        )
    absent = [b for b in card.bands if b not in source.bands]
    if absent:
        raise InputError(
            f"{source.name}: model {card.name} needs band {', '.join(absent)}, "
            f"found {', '.join(source.bands)}"
        )
    work, out = source.grid.at(card.gsd), source.grid.at(out_gsd or float(options.resolution))
    run = _Run(source, model, options, work, out)
    run.execute(progress)

    begun = time.perf_counter()
    classes = postprocess(
        run.classes,
        gsd=out.gsd,
        min_area=options.min_area,
        cloud_buffer=options.cloud_buffer,
        shadow_buffer=options.shadow_buffer,
    )
    run.seconds["postprocess"] += time.perf_counter() - begun
    run.seconds["total"] = time.perf_counter() - started
    return Mask(
        classes=classes,
        probabilities=run.probabilities,
        saturated=run.saturated,
        grid=out,
        name=source.name,
        level=source.level,
        options=options,
        model=card,
        device=model.device,
        timing={key: round(value, 4) for key, value in run.seconds.items()},
    )


class _Run:
    """One pass over a scene; holds the result while it grows."""

    def __init__(self, source: Source, model: Model, options: Options, work: Grid, out: Grid) -> None:
        self.source, self.model, self.options, self.work, self.out = source, model, options, work, out
        self.rows, self.cols = tile_axes(model, options, work.shape)
        self.classes = np.full(out.shape, int(CloudClass.MISSING), np.uint8)
        self.saturated = np.zeros(out.shape, bool)
        self.missing = np.zeros(out.shape, bool)
        self.probabilities: FloatArray | None = None
        if options.probabilities:
            self.probabilities = np.full((len(SURFACE_CLASSES), *out.shape), np.nan, np.float32)
        self.seconds = dict.fromkeys(
            ("read_wait", "load_work", "resample_work", "inference", "postprocess", "total"), 0.0
        )

    def execute(self, progress: Progress | None) -> None:
        blender = RowBlender(self.rows, self.cols, len(self.model.card.classes))
        window = _Window(self.rows.tile, self.cols.padded)
        emitter = _Emitter(self)
        total = len(self.rows.starts) * len(self.cols.starts)
        done = 0
        for row, strips in enumerate(self._strips()):
            for first, strip in strips:
                top = round(first * self.work.gsd / self.out.gsd)
                self.missing[top : top + len(strip.missing)] = strip.missing
                self.saturated[top : top + len(strip.saturated)] = strip.saturated
                window.append(self.model.card.input.normalise(strip.values), _all_known(strip.values))
                del strip
            tiles, tiles_valid = window.advance(self.rows.starts[row])
            begun = time.perf_counter()
            for count in self._infer(blender, row, tiles, tiles_valid):
                done += count
                if progress is not None:
                    progress(done, total)
            self.seconds["inference"] += time.perf_counter() - begun
            emitter.feed(*blender.finish(row), tiles_valid)

    def _strips(self) -> Iterator[Iterator[tuple[int, Strip]]]:
        """For each row of tiles the strips it needs beyond those before it, each with its first row's number.

        While a row is worked on, the strips of the next are read. Strips are low, so that a decoder
        still holds the blocks that a strip shares with the one before; a row may need none, where
        rounding up to whole output pixels has brought all its rows already.
        """
        card = self.model.card
        align = (Fraction(card.gsd) / Fraction(self.out.gsd)).limit_denominator(1000).denominator
        height = max(1, _STRIP // align) * align
        rows = [
            [(low, min(low + height, stop)) for low in range(start, stop, height)]
            for start, stop in row_windows(self.rows, align)
        ]
        wanted = iter([strip for row in rows for strip in row])
        most = max(len(row) for row in rows) + 1
        with ThreadPoolExecutor(1, "cloudmask-read") as pool:
            ahead: deque[Future[Strip]] = deque()

            def ask() -> None:
                strip = next(wanted, None)
                if strip is not None:
                    ahead.append(pool.submit(self.source.read, card.bands, card.gsd, strip, self.out.gsd))

            def take(row: list[tuple[int, int]]) -> Iterator[tuple[int, Strip]]:
                for start, _ in row:
                    begun = time.perf_counter()
                    strip = ahead.popleft().result()
                    self.seconds["read_wait"] += time.perf_counter() - begun
                    self.seconds["load_work"] += strip.load_seconds
                    self.seconds["resample_work"] += strip.resample_seconds
                    ask()
                    yield start, strip

            for _ in range(most):
                ask()
            try:
                for row in rows:
                    yield take(row)
            finally:  # after an error nobody waits for what was asked for
                for future in ahead:
                    future.cancel()

    def _infer(self, blender: RowBlender, row: int, tiles: FloatArray, valid: BoolArray) -> Iterator[int]:
        """Run the network over one row of tiles; yields how many tiles each step settled."""
        side = self.cols.tile
        # A tile without one valid pixel needs no network: its place stays missing.
        wanted = [
            (i, start) for i, start in enumerate(self.cols.starts) if valid[:, start : start + side].any()
        ]
        yield len(self.cols.starts) - len(wanted)
        size = max(1, self.model.batch_size)
        for k in range(0, len(wanted), size):
            group = wanted[k : k + size]
            batch = np.stack([tiles[:, :, start : start + side] for _, start in group])
            for (col, _), result in zip(group, self.model.predict(batch), strict=True):
                blender.add(row, col, result)
            yield len(group)


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


class _Window:
    """The pixel rows under the current row of tiles, padded to whole tiles by reflection."""

    def __init__(self, side: int, width: int) -> None:
        self._side, self._width = side, width
        self._parts: list[tuple[FloatArray, BoolArray]] = []
        self._top = 0

    def append(self, values: FloatArray, valid: BoolArray) -> None:
        """Add rows below; values (bands, rows, cols), valid (rows, cols)."""
        self._parts.append((values, valid))

    def advance(self, top: int) -> tuple[FloatArray, BoolArray]:
        """Drop the rows above `top` and return one tile's height of values and validity."""
        first_values, first_valid = self._parts[0]
        drop = top - self._top
        self._parts[0] = first_values[:, drop:], first_valid[drop:]
        del first_values, first_valid
        values = np.concatenate([v for v, _ in self._parts], axis=1)
        valid = np.concatenate([v for _, v in self._parts])
        self._parts, self._top = [(values, valid)], top
        values, valid = values[:, : self._side], valid[: self._side]
        lack = (self._side - values.shape[1], self._width - values.shape[2])
        if any(n > 0 for n in lack):
            # Mirrored ground keeps edges free of a false border; symmetric also serves where the
            # scene is smaller than the padding.
            values = np.pad(values, ((0, 0), (0, lack[0]), (0, lack[1])), mode="symmetric")
            valid = np.pad(valid, ((0, lack[0]), (0, lack[1])), constant_values=False)
        return values, valid


class _Emitter:
    """Takes finished rows on the model's grid and writes classes on the output grid."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._first = 0  # first model row still held
        self._planes: FloatArray | None = None
        self._valid: BoolArray | None = None
        self._next = 0  # next output row to write

    def feed(self, first: int, planes: FloatArray, tiles_valid: BoolArray) -> None:
        """Take rows (planes, n, cols) that begin at model row `first`."""
        run = self._run
        begun = time.perf_counter()
        valid = tiles_valid[: planes.shape[1], : run.work.cols]
        if self._planes is None or self._valid is None:
            self._planes, self._valid = planes, valid
        else:
            self._planes = np.concatenate([self._planes, planes], axis=1)
            self._valid = np.concatenate([self._valid, valid])
        end = first + planes.shape[1]
        ratio = run.out.gsd / run.work.gsd
        if end >= run.work.rows:
            stop = run.out.rows
        elif ratio >= 1:
            stop = math.floor(end / ratio + 1e-6)
        else:  # the last row whose lower neighbour for interpolation is here
            stop = min(math.ceil((end - 0.5) / ratio - 0.5 - 1e-6), run.out.rows)
        if stop > self._next:
            self._write(self._next, stop)
        run.seconds["postprocess"] += time.perf_counter() - begun

    def _write(self, start: int, stop: int) -> None:
        run = self._run
        assert self._planes is not None
        assert self._valid is not None
        ratio = run.out.gsd / run.work.gsd
        rows = AxisMap(ratio, run.work.rows, start, stop)
        cols = AxisMap(ratio, run.work.cols, 0, run.out.cols)
        low, high = (edge - self._first for edge in rows.source)
        valid = self._valid[low:high]
        every = bool(valid.all())
        strip = np.zeros((len(SURFACE_CLASSES), stop - start, run.out.cols), np.float32)
        for plane, place in run.model.card.planes():
            strip[place] = resample(self._planes[plane, low:high], None if every else valid, rows, cols)
        missing = run.missing[start:stop]
        if not every:
            missing |= np.isnan(strip).any(axis=0)
        classes = classify(strip, run.options.thresholds())
        classes[missing] = int(CloudClass.MISSING)
        run.classes[start:stop] = classes
        if run.probabilities is not None:
            strip[:, missing] = np.nan
            run.probabilities[:, start:stop] = strip
        self._next = stop
        if stop < run.out.rows:
            keep = AxisMap(ratio, run.work.rows, stop, stop + 1).source[0]
            self._planes = self._planes[:, keep - self._first :].copy()
            self._valid = self._valid[keep - self._first :].copy()
            self._first = keep
