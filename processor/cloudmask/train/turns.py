"""Rotations and reflections that leave the sun where Sentinel-2 can see it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_EAST = (15.0, 190.0)
"""Sun azimuths, degrees, of Sentinel-2's descending node at 10:30 local solar time, outside the
polar regions: the sun is never in the west, so a turned image must not put it there."""
_USUAL_AZIMUTH = 140.0


@dataclass(frozen=True)
class Turn:
    """A rotation or reflection of the square: transpose first, then flip rows, then columns."""

    transpose: bool
    flip_rows: bool
    flip_cols: bool

    def azimuth(self, degrees: float) -> float:
        """Where a direction (clockwise from up) points after the turn."""
        east, south = math.sin(math.radians(degrees)), -math.cos(math.radians(degrees))
        if self.transpose:
            east, south = south, east
        if self.flip_rows:
            south = -south
        if self.flip_cols:
            east = -east
        return math.degrees(math.atan2(east, -south)) % 360.0

    def apply(self, array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Turn the last two axes; a view."""
        if self.transpose:
            array = array.swapaxes(-1, -2)
        if self.flip_rows:
            array = array[..., ::-1, :]
        if self.flip_cols:
            array = array[..., ::-1]
        return array


_TURNS = tuple(Turn(t, r, c) for t in (False, True) for r in (False, True) for c in (False, True))


def possible_turns(sun_azimuth: float) -> list[Turn]:
    """Turns after which the sun stands where Sentinel-2 can see it; never empty.

    An unknown azimuth (NaN) is taken to be that of a northern mid-latitude.
    """
    azimuth = _USUAL_AZIMUTH if math.isnan(sun_azimuth) else sun_azimuth
    good = [t for t in _TURNS if _EAST[0] <= t.azimuth(azimuth) <= _EAST[1]]
    return good or [_TURNS[0]]
