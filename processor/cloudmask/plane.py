"""Rows of one band as a source stores them, with what is known of their validity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .grid import AxisMap, BoolArray, FloatArray

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


def any_valid(
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
