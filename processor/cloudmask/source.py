"""Scenes as the pipeline reads them: strip by strip, every band on the grid asked for.

:class:`PlaneSource` turns "here are some rows of one band as it is stored" into strips; a reader
of files, arrays or a host program only says how to load rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .bands import Level
from .errors import InputError
from .grid import AxisMap, BoolArray, FloatArray, Grid, any_valid, resample


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
    """

    values: FloatArray
    missing: BoolArray
    saturated: BoolArray


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

    def read(self, bands: Sequence[str], gsd: float, rows: tuple[int, int], out_gsd: float) -> Strip:
        """Read rows ``rows[0]:rows[1]`` of ``grid.at(gsd)``."""
        ...


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
    finer : tuple of (int, BoolArray, float), ...
        Validity known at a finer spacing than the plane's: (first row, first column, mask,
        spacing), rows and columns counted on the finer grid of the whole band.
    """

    values: FloatArray
    valid: BoolArray | None = None
    saturated: BoolArray | None = None
    finer: tuple[tuple[int, int, BoolArray, float], ...] = ()


@dataclass(frozen=True)
class PlaneLayout:
    """Spacing (nominal metres) and size of a band as a source would load it."""

    spacing: float
    rows: int
    cols: int


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

    @abstractmethod
    def layout(self, band: str, gsd: float) -> PlaneLayout:
        """How the band would be loaded for use at a spacing: the coarsest plane no coarser than it."""

    @abstractmethod
    def load(self, band: str, layout: PlaneLayout, start: int, stop: int) -> Plane:
        """Load rows ``start:stop`` of the plane."""

    def read(self, bands: Sequence[str], gsd: float, rows: tuple[int, int], out_gsd: float) -> Strip:
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

        def one(band: str) -> tuple[FloatArray, BoolArray | None, BoolArray | None]:
            return self._read_band(band, work, rows, out, out_rows)

        parts = list(self._pool.map(one, bands) if self._pool else map(one, bands))
        missing = np.zeros((out_rows[1] - out_rows[0], out.cols), bool)
        saturated = np.zeros_like(missing)
        for _, band_missing, band_saturated in parts:
            if band_missing is not None:
                missing |= band_missing
            if band_saturated is not None:
                saturated |= band_saturated
        return Strip(np.stack([values for values, _, _ in parts]), missing, saturated)

    def _read_band(
        self, band: str, work: Grid, rows: tuple[int, int], out: Grid, out_rows: tuple[int, int]
    ) -> tuple[FloatArray, BoolArray | None, BoolArray | None]:
        layout = self.layout(band, work.gsd)
        work_map = [
            AxisMap(work.gsd / layout.spacing, layout.rows, *rows),
            AxisMap(work.gsd / layout.spacing, layout.cols, 0, work.cols),
        ]
        out_map = [
            AxisMap(out.gsd / layout.spacing, layout.rows, *out_rows),
            AxisMap(out.gsd / layout.spacing, layout.cols, 0, out.cols),
        ]
        start = min(work_map[0].source[0], out_map[0].source[0])
        stop = max(work_map[0].source[1], out_map[0].source[1])
        plane = self.load(band, layout, start, stop)

        def cut(array: npt.NDArray[np.generic], maps: list[AxisMap]) -> npt.NDArray[np.generic]:
            (r0, r1), (c0, c1) = maps[0].source, maps[1].source
            return array[r0 - start : r1 - start, c0:c1]

        values = resample(
            cut(plane.values, work_map),  # type: ignore[arg-type]
            None if plane.valid is None else cut(plane.valid, work_map),  # type: ignore[arg-type]
            *work_map,
        )
        missing = None
        if plane.valid is not None:
            missing = ~any_valid(cut(plane.valid, out_map), *out_map)  # type: ignore[arg-type]
            for patch in plane.finer:
                _refine(missing, patch, out.gsd, out_rows[0])
        saturated = None
        if plane.saturated is not None:
            saturated = any_valid(cut(plane.saturated, out_map), *out_map)  # type: ignore[arg-type]
        return values, missing, saturated


def _refine(
    missing: BoolArray, patch: tuple[int, int, BoolArray, float], out_gsd: float, first: int
) -> None:
    """Overwrite `missing` (output rows from `first` on) where validity is known more finely."""
    row, col, valid, spacing = patch
    ratio = out_gsd / spacing
    maps = []
    for offset, size in ((row, valid.shape[0]), (col, valid.shape[1])):
        # Output pixels that lie wholly inside the patch; its edges are whole plane samples.
        low, high = int(np.ceil(offset / ratio - 1e-6)), int(np.floor((offset + size) / ratio + 1e-6))
        maps.append((low, high, AxisMap(ratio, offset + size, low, high)))
    (r0, r1, row_map), (c0, c1, col_map) = maps
    if r1 <= r0 or c1 <= c0:
        return
    (a, b), (c, d) = row_map.source, col_map.source
    fine = ~any_valid(valid[a - row : b - row, c - col : d - col], row_map, col_map)
    top, bottom = max(r0, first), min(r1, first + missing.shape[0])
    right = min(c1, missing.shape[1])
    if bottom > top and right > c0:
        missing[top - first : bottom - first, c0:right] = fine[top - r0 : bottom - r0, : right - c0]
