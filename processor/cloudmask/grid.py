"""Georeferenced grids, and resampling between them that knows which samples are valid.

A scene covers one piece of ground; every band, the model and the mask each see it on a grid of
their own spacing. :class:`Grid` says where such a grid lies, :class:`AxisMap` how the samples of
one relate to another along one axis: area-weighted means where the target is coarser, linear
interpolation where it is finer. Missing samples never take part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .errors import InputError

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

ROWS = 64
"""Rows worked on at a time, so that what lies between two steps stays in the processor's cache."""
_EPS = 1e-6  # of a pixel; absorbs the rounding of coordinates stored as text


@dataclass(frozen=True)
class Grid:
    """A north-up raster grid.

    Attributes
    ----------
    crs : str or None
        Coordinate reference system as ``"EPSG:32635"`` or WKT; None if the pixels have none.
    left, top : float
        Map coordinates of the outer corner of the first pixel.
    gsd : float
        Nominal ground sampling distance, metres: 10, 20 or 60 for Sentinel-2 bands. Models,
        buffers and areas use it.
    pixel_size : float
        Pixel size in map units. It differs from `gsd` only for thinned-out products, whose
        images have fewer pixels than their nominal resolution needs, and for geographic grids.
    rows, cols : int
        Size in pixels.

    Raises
    ------
    InputError
        If a size or spacing is not positive.
    """

    crs: str | None
    left: float
    top: float
    gsd: float
    pixel_size: float
    rows: int
    cols: int

    def __post_init__(self) -> None:
        if self.rows < 1 or self.cols < 1:
            raise InputError(f"grid: expected at least one pixel, found {self.rows} x {self.cols}")
        if not (self.gsd > 0 and self.pixel_size > 0):
            raise InputError(
                f"grid: expected positive spacing, found gsd {self.gsd:g} m, pixel size {self.pixel_size:g}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.rows, self.cols

    @property
    def transform(self) -> tuple[float, float, float, float, float, float]:
        """Affine coefficients a, b, c, d, e, f: x = a*col + b*row + c, y = d*col + e*row + f."""
        return self.pixel_size, 0.0, self.left, 0.0, -self.pixel_size, self.top

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in map units."""
        return (
            self.left,
            self.top - self.rows * self.pixel_size,
            self.left + self.cols * self.pixel_size,
            self.top,
        )

    def at(self, gsd: float) -> Grid:
        """The grid with the same origin and ground at another nominal spacing (metres).

        Where the ground is no whole number of pixels the last one reaches beyond it.
        """
        if gsd == self.gsd:
            return self
        factor = gsd / self.gsd
        return Grid(
            self.crs,
            self.left,
            self.top,
            gsd,
            self.pixel_size * factor,
            max(1, math.ceil(self.rows / factor - _EPS)),
            max(1, math.ceil(self.cols / factor - _EPS)),
        )

    def subset(self, row: int, col: int, rows: int, cols: int) -> Grid:
        """The part that starts at a pixel and has a size."""
        return Grid(
            self.crs,
            self.left + col * self.pixel_size,
            self.top - row * self.pixel_size,
            self.gsd,
            self.pixel_size,
            rows,
            cols,
        )


@dataclass(frozen=True)
class AxisMap:
    """How target samples along one axis are made of source samples.

    Attributes
    ----------
    ratio : float
        Target spacing over source spacing.
    n_source : int
        Source samples on the axis.
    start, stop : int
        The target samples wanted, half-open, counted from the common origin.

    Notes
    -----
    Target sample t covers [t, t+1)*ratio in source samples. For ``ratio >= 1`` it is the mean of
    the covered source samples weighted by the covered length; for ``ratio < 1`` the linear
    interpolation between the two source samples whose centres enclose its centre, held constant
    beyond the outer centres.
    """

    ratio: float
    n_source: int
    start: int
    stop: int

    @cached_property
    def _taps(self) -> tuple[npt.NDArray[np.intp], FloatArray]:
        """Source indices and weights, each (taps, targets); weights sum to 1 over taps."""
        target = np.arange(self.start, self.stop, dtype=np.float64)
        last = self.n_source - 1
        if self.ratio >= 1:
            low = target * self.ratio
            high = np.minimum(low + self.ratio, self.n_source)
            first = np.floor(low + _EPS).astype(np.intp)
            count = math.ceil(self.ratio - _EPS) + (0 if float(self.ratio).is_integer() else 1)
            index = first + np.arange(count, dtype=np.intp)[:, None]
            cover = np.minimum(index + 1, high) - np.maximum(index, low)
            weight = np.where(cover > _EPS, cover, 0.0)
            # A target wholly beyond the source repeats the last sample.
            weight[0] = np.where(weight.sum(axis=0) > 0, weight[0], 1.0)
        else:
            centre = np.clip((target + 0.5) * self.ratio - 0.5, 0.0, last)
            first = np.floor(centre).astype(np.intp)
            index = first + np.arange(2, dtype=np.intp)[:, None]
            weight = np.stack([1.0 - (centre - first), centre - first])
        used = weight.any(axis=1)
        weight = weight[used] / weight.sum(axis=0)
        return np.clip(index[used], 0, last), weight.astype(np.float32)

    @property
    def identity(self) -> bool:
        """Whether target samples are source samples, in order."""
        return self.ratio == 1 and self.stop <= self.n_source

    @cached_property
    def source(self) -> tuple[int, int]:
        """First and past-last source sample that the targets need."""
        index, _ = self._taps
        return int(index.min()), int(index.max()) + 1

    @cached_property
    def _finer(self) -> int:
        """How many targets a source sample has, where that is a whole number above 1; else 0."""
        factor = round(1 / self.ratio)
        return factor if factor > 1 and abs(self.ratio * factor - 1) < _EPS else 0

    def apply(self, array: FloatArray, axis: int) -> FloatArray:
        """Resample an array whose `axis` holds the samples ``source[0]:source[1]``."""
        if self.identity:
            return array
        if self._finer:
            return self._interpolate(array, axis)
        index, weight = self._taps
        index = index - self.source[0]
        shape = [1] * array.ndim
        shape[axis] = -1
        steps = np.diff(index, axis=1)
        factor = int(steps.flat[0]) if steps.size else 1
        regular = steps.size > 0 and factor > 0 and bool((steps == factor).all())
        out: FloatArray | None = None
        for tap in range(len(index)):
            if regular:  # A strided view reads the same samples without an index lookup each.
                where: list[slice] = [slice(None)] * array.ndim
                where[axis] = slice(int(index[tap, 0]), int(index[tap, -1]) + 1, factor)
                part = array[tuple(where)]
            else:
                part = np.take(array, index[tap], axis=axis)
            term = part * weight[tap].reshape(shape)
            out = term if out is None else np.add(out, term, out=out)
        assert out is not None  # weights sum to 1, so at least one tap is used
        return out

    def _interpolate(self, array: FloatArray, axis: int) -> FloatArray:
        """:meth:`apply` for a whole number n of targets a sample: every n-th has the same weights."""
        factor = self._finer
        first, stop = self.source
        # One more sample at either end stands for what is held constant beyond the outer centres.
        pads = [(0, 0)] * array.ndim
        pads[axis] = (1, 1)
        samples = np.moveaxis(np.pad(array, pads, mode="edge"), axis, 0)
        size = list(array.shape)
        size[axis] = self.stop - self.start
        out = np.empty(size, np.float32)
        targets = np.moveaxis(out, axis, 0)
        for phase in range(min(factor, self.stop - self.start)):
            centre = (self.start + phase + 0.5) / factor - 0.5
            whole = math.floor(centre + _EPS)
            share = np.float32(max(centre - whole, 0.0))
            part = targets[phase::factor]
            # Targets beyond the last sample repeat it.
            index = np.clip(np.arange(len(part)) + whole, first - 1, stop) - (first - 1)
            here: slice | npt.NDArray[np.intp] = index
            there: slice | npt.NDArray[np.intp] = np.minimum(index + 1, len(samples) - 1)
            if index[-1] + 1 < len(samples) and index[-1] - index[0] == len(part) - 1:
                here = slice(int(index[0]), int(index[-1]) + 1)
                there = slice(here.start + 1, here.stop + 1)
            if share < _EPS:
                part[...] = samples[here]
            else:
                term = samples[there] - samples[here]
                term *= share
                term += samples[here]
                part[...] = term
        return out

    def any(self, array: BoolArray, axis: int, first: int) -> BoolArray:
        """Whether any sample on the ground of each target is True.

        `axis` of the array holds samples from `first` on; samples that it does not hold are False.
        """
        low = np.arange(self.start, self.stop, dtype=np.float64) * self.ratio
        last = self.n_source - 1
        begin = np.minimum(np.floor(low + _EPS), last).astype(np.intp) - first
        end = np.minimum(np.ceil(low + self.ratio - _EPS), last + 1).astype(np.intp) - first
        held = array.shape[axis]
        begin, end = np.clip(begin, 0, held), np.clip(end, 0, held)
        if held == len(begin) and bool((begin == np.arange(held)).all() and (end == begin + 1).all()):
            return array
        shape = [1] * array.ndim
        shape[axis] = -1
        size = list(array.shape)
        size[axis] = len(begin)
        out = np.zeros(size, bool)
        # One pass for each sample of a target, in bytes: running sums would take four and more.
        for offset in range(int((end - begin).max(initial=0))):
            here = begin + offset
            inside = here < end
            part = np.take(array, np.minimum(here, held - 1), axis=axis)
            out |= part if inside.all() else part & inside.reshape(shape)
        return out


def resample(
    values: FloatArray,
    valid: BoolArray | None,
    rows: AxisMap,
    cols: AxisMap,
    out: FloatArray | None = None,
) -> FloatArray:
    """Resample a plane onto another grid without letting missing samples in.

    Parameters
    ----------
    values : float32 (rows, cols)
        Samples ``rows.source`` by ``cols.source``.
    valid : bool (rows, cols) or None
        Which samples may be used; None means all.
    rows, cols : AxisMap
        The targets wanted on each axis.
    out : float32 (target rows, target cols), optional
        Where to put the result.

    Returns
    -------
    float32 (target rows, target cols)
        The mean or interpolation of valid samples alone; NaN where none contributes.
    """
    if valid is not None and bool(valid.all()):
        valid = None
    if rows.identity and cols.identity:
        if valid is None and out is None:
            return values
        out = np.empty_like(values) if out is None else out
        out[:] = values
        if valid is not None:
            np.copyto(out, np.float32(np.nan), where=~valid)
        return out
    if out is None:
        out = np.empty((rows.stop - rows.start, cols.stop - cols.start), np.float32)
    top = rows.source[0]
    # A few rows at a time, so that what lies between the two axes stays in the processor's cache.
    for start in range(rows.start, rows.stop, ROWS):
        part = replace(rows, start=start, stop=min(start + ROWS, rows.stop))
        here = slice(part.source[0] - top, part.source[1] - top)
        done = _resample_rows(values[here], None if valid is None else valid[here], part, cols)
        out[start - rows.start : part.stop - rows.start] = done
    return out


def _resample_rows(values: FloatArray, valid: BoolArray | None, rows: AxisMap, cols: AxisMap) -> FloatArray:
    if valid is None:
        return cols.apply(rows.apply(values, 0), 1)
    weight = cols.apply(rows.apply(valid.astype(np.float32), 0), 1)
    total = cols.apply(rows.apply(np.where(valid, values, np.float32(0)), 0), 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight > _EPS, total / weight, np.float32(np.nan)).astype(np.float32)
