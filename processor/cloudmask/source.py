"""Scenes as the pipeline reads them: strip by strip, every band on the grid asked for.

:class:`PlaneSource` turns "here are some rows of one band as it is stored" into strips; a reader
of files, arrays or a host program only says how to load rows.
"""

from __future__ import annotations

import copy
import math
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
    """

    name: str
    level: Level
    grid: Grid
    bands: tuple[str, ...]

    def read(
        self,
        bands: Sequence[str],
        gsd: float,
        rows: tuple[int, int],
        out_gsd: float,
        memory: FloatArray | None = None,
    ) -> Strip:
        """Read rows ``rows[0]:rows[1]`` of ``grid.at(gsd)``.

        The values are the caller's to change. They lie in `memory` (float32 (bands, at least as many
        rows, cols)) if that is given.
        """
        ...


Patch = tuple[int, int, BoolArray, float]
"""First row, first column, validity, spacing; counted on the finer grid of the whole band."""


@dataclass(frozen=True)
class Plane:
    """Rows of one band as stored, before resampling.

    Attributes
    ----------
    values : float32 (rows, cols)
        Reflectance; anything where not valid.
    valid : bool (rows, cols) or None
        None if every sample is.
    saturated : bool (rows, cols) or None
        None if no sample is.
    finer : tuple of Patch
        Pieces where validity is known at a finer spacing than the plane's.
    """

    values: FloatArray
    valid: BoolArray | None = None
    saturated: BoolArray | None = None
    finer: tuple[Patch, ...] = ()


_SATURATED_REFLECTANCE = np.float32(1.5)
"""Stands for a saturated sample: brighter than nearly all cloud, and in a network's range."""


def make_plane(
    values: FloatArray, valid: BoolArray, saturated: BoolArray, finer: tuple[Patch, ...] = ()
) -> Plane:
    """A plane whose saturated samples have a reflectance a network can take; `values` are changed."""
    if saturated.any():
        values[saturated] = _SATURATED_REFLECTANCE
    return Plane(
        values,
        None if bool(valid.all()) else valid,
        saturated if bool(saturated.any()) else None,
        finer,
    )


@dataclass(frozen=True)
class PlaneLayout:
    """Spacing (nominal metres) and size of a band as a source would load it."""

    spacing: float
    rows: int
    cols: int


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
    """

    def __init__(
        self, name: str, level: Level, grid: Grid, bands: tuple[str, ...], pool: Executor | None = None
    ) -> None:
        self.name = name
        self.level = level
        self.grid = grid
        self.bands = bands
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
    def load(self, band: str, layout: PlaneLayout, rows: tuple[int, int], cols: tuple[int, int]) -> Plane:
        """Load the window of half-open `rows` and `cols` of the plane."""

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
        plane = self.load(band, layout, window[0], window[1])
        loaded = time.perf_counter()

        def cut(array: npt.NDArray[_Scalar], maps: list[AxisMap]) -> npt.NDArray[_Scalar]:
            (r0, r1), (c0, c1) = maps[0].source, maps[1].source
            (top, _), (left, _) = window
            return array[r0 - top : r1 - top, c0 - left : c1 - left]

        valid = None if plane.valid is None else cut(plane.valid, work_map)
        resample(cut(plane.values, work_map), valid, work_map[0], work_map[1], target)
        corner = window[0][0], window[1][0]
        missing = None
        if plane.valid is not None or plane.finer:
            missing = ~_any_valid(plane, layout, corner, out_map, out.gsd)
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


def _any_valid(
    plane: Plane, layout: PlaneLayout, corner: tuple[int, int], targets: list[AxisMap], gsd: float
) -> BoolArray:
    """Whether any valid sample lies on the ground of each target.

    Where validity is known more finely than the plane's samples, that decides.

    Parameters
    ----------
    plane, layout
        The plane, and the layout of the whole band.
    corner : tuple of int
        The plane's first row and column in the whole band.
    targets : list of AxisMap
        Rows and columns wanted.
    gsd : float
        Spacing of the targets, metres.
    """
    shape = plane.values.shape
    valid = np.ones(shape, bool) if plane.valid is None else plane.valid.copy()
    for row, col, finer, spacing in plane.finer:
        factor = round(layout.spacing / spacing)
        place = (
            slice(low // factor - first, -(-(low + size) // factor) - first)
            for low, size, first in zip((row, col), finer.shape, corner, strict=True)
        )
        valid[tuple(place)] = False
    down, across = targets
    out = across.any(down.any(valid, 0, corner[0]), 1, corner[1])
    for row, col, finer, spacing in plane.finer:
        ratio, factor = gsd / spacing, round(layout.spacing / spacing)
        maps = []
        sides = zip((row, col), finer.shape, targets, (layout.rows, layout.cols), strict=True)
        for low, size, target, end in sides:
            # Targets that touch the piece; those beyond the end of the band repeat its last sample.
            start = max(target.start, math.floor(low / ratio + 1e-6))
            at_end = -(-(low + size) // factor) >= end
            stop = target.stop if at_end else min(target.stop, math.ceil((low + size) / ratio - 1e-6))
            maps.append(AxisMap(ratio, low + size, start, max(start, stop)))
        found = maps[1].any(maps[0].any(finer, 0, row), 1, col)
        first_row, first_col = maps[0].start - down.start, maps[1].start - across.start
        out[first_row : first_row + found.shape[0], first_col : first_col + found.shape[1]] |= found
    return out
