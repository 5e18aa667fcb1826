"""Random changes that a real image could have undergone, on batches and on single patches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from .recipe import AugmentSpec
from .sample import IGNORE


def choose_bands(
    rng: np.random.Generator, there: npt.NDArray[np.bool_], bands: Sequence[str], spec: AugmentSpec
) -> npt.NDArray[np.bool_]:
    """Bands to keep of those that are there (bool (bands,)).

    With probability ``spec.drop`` bands are left out. Every other time those of one of ``spec.band_sets`` are
    kept; else what all of these sets have in common, and of the other bands as many as it happens: a net
    that has only met a few sets can fail badly with another.
    """
    if spec.drop <= 0 or rng.random() >= spec.drop:
        return there
    sets = [np.array([b in chosen for b in bands]) for chosen in spec.band_sets]
    if sets and rng.random() < 0.5:
        keep = there & sets[int(rng.integers(len(sets)))]
    else:
        common = np.logical_and.reduce(sets) if sets else np.zeros(len(bands), bool)
        keep = there & (common | (rng.random(len(bands)) < rng.random()))
    return keep if keep.sum() >= min(3, int(there.sum())) else there


_QUIET = {"B10": 0.1}
"""Noise of a band relative to that of others. B10 is dark and has a tenth of their noise
(:func:`cloudmask.simulate.sensor.noise_level`); more would bury thin cirrus, which adds thousandths to it."""


class Noise:
    """White noise cut from one bank, which costs a tenth of drawing it anew for every patch.

    Parameters
    ----------
    bands : sequence of str
        Bands of the patches, in order.
    side : int
        Rows and columns of the largest patch.
    """

    def __init__(self, bands: Sequence[str], side: int) -> None:
        rng = np.random.default_rng(0)
        self._bank = rng.standard_normal((len(bands), side + 64, side + 64), np.float32)
        self._deviation = np.array([_QUIET.get(band, 1.0) for band in bands], np.float32)

    def cut(self, rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """A patch (bands, rows, cols) of deviation 1, or what :data:`_QUIET` says, from a random place."""
        _, rows, cols = shape
        top, left = int(rng.integers(65)), int(rng.integers(65))
        first = int(rng.integers(len(self._bank)))
        order = (np.arange(shape[0]) + first) % len(self._bank)
        noise = self._bank[order, top : top + rows, left : left + cols]
        return noise * self._deviation[:, None, None]


def shake(
    rng: np.random.Generator, values: npt.NDArray[np.float32], spec: AugmentSpec, noise: Noise
) -> npt.NDArray[np.float32]:
    """Brightness, band calibration and noise of reflectance (bands, rows, cols), in place."""
    log_gain = rng.normal(0, spec.band_gain, len(values)) + rng.uniform(-spec.gain, spec.gain)
    values *= np.exp(log_gain).astype(np.float32)[:, None, None]
    if spec.noise > 0:
        sigma = np.float32(rng.uniform(0, spec.noise))
        values += sigma * noise.cut(rng, values.shape)
    return values


def sharpen(rng: np.random.Generator, batch: torch.Tensor, spec: AugmentSpec) -> torch.Tensor:
    """Make bands softer or a little sharper, as resamplers and wavelet levels do; in place.

    Half of the patches of (n, bands, rows, cols), normalised and without NaN, are taken; each of their
    bands is mixed with its 3 x 3 binomial mean by 0 to ``spec.sharpness``, or taken away from it by up
    to half of that. The outermost pixels stay.
    """
    if spec.sharpness <= 0:
        return batch
    for i in np.flatnonzero(rng.random(len(batch)) < 0.5):
        patch = batch[i]
        share = rng.uniform(-0.5 * spec.sharpness, spec.sharpness, (len(patch), 1, 1))
        inner = patch[:, 1:-1, 1:-1]
        inner.add_((_binomial(patch) - inner) * torch.from_numpy(share.astype(np.float32)))
    return batch


SOFTER, ROUGHER = 0.25, 0.5
"""Most of what :func:`resampled` changes. In a simulated cloudy product a 5/3 wavelet level of the bands
of 10 m differs from means of pixels at 20 m by -.21 to -.25 times their detail (what a 3 x 3 binomial mean
takes away), and by a residue of .49 to .52 times its amplitude, white, with a correlation of .6 to .8 between
bands."""


def resampled(rng: np.random.Generator, batch: torch.Tensor, finer: Sequence[int]) -> torch.Tensor:
    """What another resampler might have made of the same pixels; a copy.

    Parameters
    ----------
    rng : numpy.random.Generator
    batch : float32 (n, bands, rows, cols)
        Normalised and without NaN.
    finer : sequence of int
        Bands that were brought to the batch's spacing from finer pixels: only these change.

    Returns
    -------
    float32 (n, bands, rows, cols)
    """
    out = batch.clone()
    n, _, rows, cols = batch.shape
    common = torch.from_numpy(rng.standard_normal((n, rows, cols), np.float32))
    softer = torch.from_numpy(rng.uniform(-SOFTER, SOFTER, (n, 1, 1)).astype(np.float32))
    rougher = torch.from_numpy(rng.uniform(0, ROUGHER, (n, 1, 1)).astype(np.float32))
    for band in finer:
        plane = batch[:, band]
        detail = plane - _binomial(_bordered(plane))
        # Of normal numbers the mean size is .8 of the deviation.
        amplitude = _binomial(_bordered(detail.abs())) / 0.8
        own = torch.from_numpy(rng.standard_normal((n, rows, cols), np.float32))
        out[:, band] += rougher * amplitude * (0.8 * common + 0.6 * own) - softer * detail
    return out


def _binomial(planes: torch.Tensor) -> torch.Tensor:
    """3 x 3 binomial mean of (n, rows, cols), without the outermost pixels."""
    soft = planes[:, :-2] + planes[:, 2:]
    soft.add_(planes[:, 1:-1], alpha=2)
    soft = soft[:, :, :-2] + soft[:, :, 2:] + 2 * soft[:, :, 1:-1]
    return soft / 16


def _bordered(planes: torch.Tensor) -> torch.Tensor:
    """Planes (n, rows, cols) with their outermost pixels repeated once."""
    return torch.nn.functional.pad(planes, (1, 1, 1, 1), mode="replicate")


def blank(
    rng: np.random.Generator,
    values: npt.NDArray[np.float32],
    labels: npt.NDArray[np.uint8],
    spec: AugmentSpec,
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
    """Resample the last two axes of (n, bands, rows, cols) to `size`."""
    if x.shape[-1] == size:
        return x
    return torch.nn.functional.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)


def zoom_labels(labels: torch.Tensor, size: int) -> torch.Tensor:
    """Nearest label of (n, rows, cols) at `size`, by the centres of pixels, as :func:`zoom` has them."""
    if labels.shape[-1] == size:
        return labels
    picked = torch.nn.functional.interpolate(labels[:, None].float(), size=(size, size), mode="nearest-exact")
    return picked[:, 0].to(labels.dtype)
