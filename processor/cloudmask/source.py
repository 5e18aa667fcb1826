"""Scenes as the pipeline reads them: strip by strip, every band on the grid asked for.

:class:`PlaneSource` turns "here are some rows of one band as it is stored" into strips; a reader
of files, arrays or a host program only says how to load rows.
"""

from __future__ import annotations

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from .bands import Level
from .errors import InputError
from .grid import AxisMap, BoolArray, FloatArray, Grid, resample
from .plane import Plane, PlaneLayout, any_valid

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True)
class Strip:
    """Some rows of a scene.

    Attributes
    ----------
    values : float32 (bands, rows, cols)
        Reflectance at the spacing asked for, NaN where no valid sample contributes.
    missing : bool (out rows, out cols)
        On the output grid, the same ground: where any of the bands has no data at all.
    saturated : bool (out rows, out cols)
        On the output grid: where any of the bands is saturated.
    complete : bool
        Whether no value is NaN, as far as is known without a look at each.
    load_seconds, resample_seconds : float
        Time spent on loading bands and on resampling them, all threads together.
    """

    values: FloatArray
    missing: BoolArray
    saturated: BoolArray
    complete: bool = False
    load_seconds: float = 0.0
    resample_seconds: float = 0.0


class Source(Protocol):
    """A scene that strips are read from, top to bottom.

    Attributes
    ----------
    name : str
        Product name, for records.
    level : {"L1C", "L2A"}
        Processing level.
    grid : Grid
        The finest grid of the scene.
    bands : tuple of str
        Bands that can be read.
    readers : int
        How many threads may read strips at a time.
    """

    name: str
    level: Level
    grid: Grid
    bands: tuple[str, ...]
    readers: int

    def read(
        self,
        bands: Sequence[str],
        gsd: float,
        rows: tuple[int, int],
        out_gsd: float,
        memory: FloatArray | None = None,
    ) -> Strip:
        """Read rows ``rows[0]:rows[1]`` of ``grid.at(gsd)``.

        The values lie in `memory` (float32 (bands, at least as many rows, cols)) if that is given.
        """
        ...


class _Part(NamedTuple):
    """One band of a strip; None where nothing is missing, or saturated."""

    missing: BoolArray | None
    saturated: BoolArray | None
    complete: bool
    load_seconds: float
    resample_seconds: float


class PlaneSource(ABC):
    """A source whose bands are stored planes; sub-classes say how to load rows of one.

    Parameters
    ----------
    name, level, grid, bands
        See :class:`Source`.
    pool : Executor, optional
        Loads bands side by side.
    readers : int
        How many threads may read strips at a time.
    """

    def __init__(
        self,
        name: str,
        level: Level,
        grid: Grid,
        bands: tuple[str, ...],
        pool: Executor | None = None,
        readers: int = 1,
    ) -> None:
        self.name = name
        self.level = level
        self.grid = grid
        self.bands = bands
        self.readers = readers
        self._pool = pool
        # Where the grid begins inside the stored planes, nominal metres from their corner.
        self._origin = (0.0, 0.0)

    def subset(self, row: int, col: int, rows: int, cols: int) -> PlaneSource:
        """The part of the scene that starts at a pixel of `grid` and has a size in its pixels.

        Row and column should be multiples of every spacing the part is read at, or its pixels
        would not lie on the whole scene's.
        """
        part = copy.copy(self)
        part.grid = self.grid.subset(row, col, rows, cols)
        part._origin = (self._origin[0] + row * self.grid.gsd, self._origin[1] + col * self.grid.gsd)
        return part

    @abstractmethod
    def layout(self, band: str, gsd: float) -> PlaneLayout:
        """How the band would be loaded for use at a spacing: the coarsest plane no coarser than it."""

    @abstractmethod
    def load(
        self,
        band: str,
        layout: PlaneLayout,
        rows: tuple[int, int],
        cols: tuple[int, int],
        out: FloatArray | None = None,
    ) -> Plane:
        """Load the window of half-open `rows` and `cols` of the plane; its values may be put into `out`."""

    def read(
        self,
        bands: Sequence[str],
        gsd: float,
        rows: tuple[int, int],
        out_gsd: float,
        memory: FloatArray | None = None,
    ) -> Strip:
        """Read rows ``rows[0]:rows[1]`` of ``grid.at(gsd)``; see :class:`Source`.

        Raises
        ------
        InputError
            If a band is not in the scene.
        """
        absent = [b for b in bands if b not in self.bands]
        if absent:
            raise InputError(
                f"{self.name}: no band {', '.join(absent)}; the product has {', '.join(self.bands)}"
            )
        work, out = self.grid.at(gsd), self.grid.at(out_gsd)
        factor = gsd / out_gsd
        out_rows = (
            round(rows[0] * factor),
            out.rows if rows[1] >= work.rows else round(rows[1] * factor),
        )

        if memory is None:
            memory = np.empty((len(bands), rows[1] - rows[0], work.cols), np.float32)
        values = memory[:, : rows[1] - rows[0]]

        def one(band: str, target: FloatArray) -> _Part:
            return self._read_band(band, work, rows, out, out_rows, target)

        parts = list(self._pool.map(one, bands, values) if self._pool else map(one, bands, values))
        missing = np.zeros((out_rows[1] - out_rows[0], out.cols), bool)
        saturated = np.zeros_like(missing)
        for part in parts:
            if part.missing is not None:
                missing |= part.missing
            if part.saturated is not None:
                saturated |= part.saturated
        return Strip(
            values,
            missing,
            saturated,
            all(part.complete for part in parts),
            sum(part.load_seconds for part in parts),
            sum(part.resample_seconds for part in parts),
        )

    def _read_band(
        self,
        band: str,
        work: Grid,
        rows: tuple[int, int],
        out: Grid,
        out_rows: tuple[int, int],
        target: FloatArray,
    ) -> _Part:
        begun = time.perf_counter()
        layout = self.layout(band, work.gsd)
        out_cols = (0, out.cols)
        work_map = self._maps(layout, work.gsd, rows, (0, work.cols))
        out_map = self._maps(layout, out.gsd, out_rows, out_cols)
        window = [
            (min(a.source[0], b.source[0]), max(a.source[1], b.source[1]))
            for a, b in zip(work_map, out_map, strict=True)
        ]
        # Where the plane is what is wanted as it is, it need not be copied there.
        ready = all(a.identity and a.source == w for a, w in zip(work_map, window, strict=True))
        plane = self.load(band, layout, window[0], window[1], target if ready else None)
        loaded = time.perf_counter()

        def cut(array: npt.NDArray[_Scalar], maps: list[AxisMap]) -> npt.NDArray[_Scalar]:
            (r0, r1), (c0, c1) = maps[0].source, maps[1].source
            (top, _), (left, _) = window
            return array[r0 - top : r1 - top, c0 - left : c1 - left]

        valid = None if plane.valid is None else cut(plane.valid, work_map)
        if plane.values is not target:
            resample(cut(plane.values, work_map), valid, work_map[0], work_map[1], target)
        elif valid is not None:
            np.copyto(target, np.float32(np.nan), where=~valid)
        corner = window[0][0], window[1][0]
        missing = None
        if plane.valid is not None or plane.finer:
            missing = ~any_valid(plane, layout, corner, out_map, out.gsd)
        saturated = None
        if plane.saturated is not None:
            saturated = out_map[1].any(out_map[0].any(plane.saturated, 0, corner[0]), 1, corner[1])
        return _Part(missing, saturated, plane.valid is None, loaded - begun, time.perf_counter() - loaded)

    def _maps(
        self, layout: PlaneLayout, gsd: float, rows: tuple[int, int], cols: tuple[int, int]
    ) -> list[AxisMap]:
        """Axis maps from a stored plane to rows and columns of the scene at a spacing."""
        ratio = gsd / layout.spacing
        down, across = (round(metres / gsd) for metres in self._origin)
        return [
            AxisMap(ratio, layout.rows, down + rows[0], down + rows[1]),
            AxisMap(ratio, layout.cols, across + cols[0], across + cols[1]),
        ]
