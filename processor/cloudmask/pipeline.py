"""From a scene and a network to a mask, in strips of bounded memory.

Strips of the scene are read ahead (:mod:`cloudmask.strips`) while the network works on those
before; each row of tiles is blended into the rows above, and rows that no later tile touches go on
to the output grid, where they become classes. Only the result itself is ever held whole.
"""

from __future__ import annotations

import logging
import math
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from .classes import SURFACE_CLASSES, CloudClass
from .errors import InputError, ModelError
from .grid import ROWS, AxisMap, BoolArray, FloatArray, Grid, resample
from .model import Model
from .options import Options
from .postprocess import classify, postprocess
from .result import Mask
from .source import Source
from .strips import PlacedStrip, StripReader, TileRow
from .tiling import RowBlender, TileAxis

log = logging.getLogger(__name__)

IN_FLIGHT = 2
"""Batches in work at a time: while one is in the network the next is put together and the last is
blended. Two callers also leave fewer of the network's threads waiting for each other."""

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
        remedy = ""
        if not set(absent) & set(card.required):
            remedy = "; it can do without, but has to know when it is loaded: load_model(..., bands=[...])"
        raise InputError(
            f"{source.name}: model {card.name} needs band {', '.join(absent)}, "
            f"found {', '.join(source.bands)}{remedy}"
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
        self.batch = min(max(1, model.batch_size), len(self.cols.starts))
        self.callers = min(IN_FLIGHT, len(self.rows.starts) * -(-len(self.cols.starts) // self.batch))
        self.network = model.shared(self.callers)
        self.classes = np.full(out.shape, int(CloudClass.MISSING), np.uint8)
        self.saturated = np.zeros(out.shape, bool)
        self.missing = np.zeros(out.shape, bool)
        self.probabilities: FloatArray | None = None
        if options.probabilities:
            self.probabilities = np.full((len(SURFACE_CLASSES), *out.shape), np.nan, np.float32)
        self.seconds = dict.fromkeys(("inference", "postprocess", "total"), 0.0)
        # Memory of batches that are done with, for those to come.
        self._buffers: list[FloatArray] = []

    def execute(self, progress: Progress | None) -> None:
        blender = RowBlender(self.rows, self.cols, len(self.model.card.classes))
        emitter = _Emitter(self)
        reader = StripReader(self.source, self.model.card, self.rows, self.out.gsd)
        self.seconds = {**reader.seconds, **self.seconds}
        total = len(self.rows.starts) * len(self.cols.starts)
        done = 0
        with ThreadPoolExecutor(self.callers, "cloudmask-infer") as pool:
            ahead: deque[_Batch] = deque()
            try:
                for batch in self._batches(reader, pool):
                    ahead.append(batch)
                    if len(ahead) > IN_FLIGHT:
                        done += self._finish(ahead.popleft(), blender, emitter, reader)
                    if progress is not None:
                        progress(done, total)
                while ahead:
                    done += self._finish(ahead.popleft(), blender, emitter, reader)
                    if progress is not None:
                        progress(done, total)
            finally:  # after an error nobody waits for what was begun
                for batch in ahead:
                    batch.result.cancel()
        self.seconds |= reader.seconds

    def _batches(self, reader: StripReader, pool: ThreadPoolExecutor) -> Iterator[_Batch]:
        """Tiles given to the network, row by row of tiles, as fast as their pixels come.

        The tiles of a batch are put together in the thread that runs the network over them, while
        another batch is in the network.
        """
        size = self.batch
        shape = size, len(self.model.card.bands), self.rows.tile, self.cols.tile
        strips: list[PlacedStrip] = []
        for row, more in enumerate(reader.rows()):
            for placed in more:
                top, strip = round(placed.first * self.work.gsd / self.out.gsd), placed.strip
                self.missing[top : top + len(strip.missing)] = strip.missing
                self.saturated[top : top + len(strip.saturated)] = strip.saturated
                strips.append(placed)
            start = self.rows.starts[row]
            strips = [placed for placed in strips if placed.stop > start]
            tiles = TileRow(list(strips), start, self.rows.tile, self.cols, self.model.card.input)
            # A tile without one valid pixel needs no network: its place stays missing.
            wanted = tiles.wanted()
            groups = [wanted[k : k + size] for k in range(0, len(wanted), size)] or [[]]
            for group in groups:
                skipped = len(self.cols.starts) - len(wanted) if group is groups[0] else 0
                buffer = self._buffers.pop() if self._buffers else np.empty(shape, np.float32)
                result = pool.submit(self._infer, tiles, group, buffer)
                yield _Batch(row, group, skipped, buffer, result, tiles if group is groups[-1] else None)

    def _infer(self, tiles: TileRow, group: list[int], buffer: FloatArray) -> FloatArray | None:
        """Probabilities (n, classes, rows, cols) of the tiles at some places of a row."""
        if not group:
            return None
        for place, target in zip(group, buffer, strict=False):
            tiles.cut(place, target)
        return self.network.predict(buffer[: len(group)])

    def _finish(self, batch: _Batch, blender: RowBlender, emitter: _Emitter, reader: StripReader) -> int:
        """Blend a batch, in the order of the tiles, and write the row it ends; returns tiles settled."""
        begun = time.perf_counter()
        found = batch.result.result()
        if found is not None:
            for col, tile in zip(batch.cols, found, strict=True):
                blender.add(batch.row, col, tile)
        self._buffers.append(batch.buffer)
        self.seconds["inference"] += time.perf_counter() - begun
        if batch.ended is not None:
            emitter.feed(*blender.finish(batch.row), batch.ended.known)
            if batch.row + 1 < len(self.rows.starts):
                reader.give_back(batch.ended.above(self.rows.starts[batch.row + 1]))
        return len(batch.cols) + batch.skipped


class _Batch(NamedTuple):
    """Tiles of a row that go through the network together."""

    row: int
    cols: list[int]
    skipped: int
    """Tiles settled with it that need no network."""
    buffer: FloatArray
    result: Future[FloatArray | None]
    ended: TileRow | None
    """The row of tiles, with its last batch."""


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
        begun = time.perf_counter()
        # A few rows at a time, so that what lies between two steps stays in the processor's cache.
        for start in range(0, planes.shape[1], ROWS):
            here = slice(start, start + ROWS)
            self._take(first + start, planes[:, here], tiles_valid[: planes.shape[1]][here])
        self._run.seconds["postprocess"] += time.perf_counter() - begun

    def _take(self, first: int, planes: FloatArray, valid: BoolArray) -> None:
        run = self._run
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
        else:  # whoever gives rows may use their memory again
            self._planes, self._valid = self._planes.copy(), self._valid.copy()

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
