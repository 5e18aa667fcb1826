"""Random changes that a real image could have undergone, on batches and on single patches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from .recipe import AugmentSpec
from .sample import IGNORE

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


def choose_bands(
    rng: np.random.Generator, there: npt.NDArray[np.bool_], bands: Sequence[str], spec: AugmentSpec
) -> npt.NDArray[np.bool_]:
    """Bands to keep of those that are there (bool (bands,)).

    With probability ``spec.drop`` one of ``spec.band_sets`` is kept, or, as often as any one set,
    each band with probability one half, at least three.
    """
    if spec.drop <= 0 or rng.random() >= spec.drop:
        return there
    pick = int(rng.integers(len(spec.band_sets) + 1))
    if pick < len(spec.band_sets):
        keep = there & np.array([b in spec.band_sets[pick] for b in bands])
    else:
        keep = there & (rng.random(len(bands)) < 0.5)
    return keep if keep.sum() >= min(3, int(there.sum())) else there


def shake(
    rng: np.random.Generator, values: npt.NDArray[np.float32], spec: AugmentSpec
) -> npt.NDArray[np.float32]:
    """Brightness, band calibration and noise of reflectance (bands, rows, cols), in place."""
    if spec.gain > 0:
        values *= np.float32(math.exp(rng.uniform(-spec.gain, spec.gain)))
    if spec.band_gain > 0:
        values *= np.exp(rng.normal(0, spec.band_gain, (len(values), 1, 1))).astype(np.float32)
    if spec.noise > 0:
        sigma = np.float32(rng.uniform(0, spec.noise))
        values += rng.standard_normal(values.shape, np.float32) * sigma
    return values


def blank(
    rng: np.random.Generator, values: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8], spec: AugmentSpec
) -> None:
    """Sometimes cut off a side along a slanted line, as the edge of a swath does; in place."""
    if rng.random() >= spec.missing:
        return
    rows, cols = labels.shape
    angle, offset = rng.uniform(0, 2 * math.pi), rng.uniform(0.2, 0.5) * min(rows, cols)
    y, x = np.mgrid[:rows, :cols]
    gone = (y - rows / 2) * math.sin(angle) + (x - cols / 2) * math.cos(angle) > offset
    values[:, gone] = np.nan
    labels[gone] = IGNORE


def zoom(x: torch.Tensor, size: int) -> torch.Tensor:
    """Resample the last two axes of (n, bands, rows, cols) to `size`, averaging where it shrinks."""
    if x.shape[-1] == size:
        return x
    if x.shape[-1] > size:
        return torch.nn.functional.interpolate(x, size=(size, size), mode="area")
    return torch.nn.functional.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)


def zoom_labels(labels: torch.Tensor, size: int) -> torch.Tensor:
    """Nearest label of (n, rows, cols) at `size`."""
    if labels.shape[-1] == size:
        return labels
    picked = torch.nn.functional.interpolate(labels[:, None].float(), size=(size, size), mode="nearest")
    return picked[:, 0].to(labels.dtype)
