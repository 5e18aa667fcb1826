"""Batches of augmented crops, each a function of the seed and the step alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ..bands import BANDS
from . import augment
from .floods import flood
from .light import haze, relight, veil
from .pool import PatchSet
from .recipe import Recipe
from .sample import IGNORE, FloatArray, Sample, bands_there
from .turns import possible_turns


@dataclass(frozen=True)
class Batch:
    """Tensors of one step; see :class:`cloudmask.train.net.UNet` and :mod:`.losses`.

    With ``loss.consistency`` its second half shows the patches of the first as another resampler might have
    left them.
    """

    values: torch.Tensor
    absent: torch.Tensor
    labels: torch.Tensor
    soft: torch.Tensor | None
    groups: torch.Tensor
    trust: torch.Tensor


@dataclass(frozen=True)
class Normalisation:
    """``(transform(reflectance) - mean) / std``, as a model card has it."""

    transform: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def apply(self, values: torch.Tensor) -> torch.Tensor:
        """Normalise (n, bands, rows, cols) in place; NaN becomes 0."""
        if self.transform == "sqrt":
            values.clamp_(min=0).sqrt_()
        mean = torch.tensor(self.mean).view(1, -1, 1, 1)
        std = torch.tensor(self.std).view(1, -1, 1, 1)
        return values.sub_(mean).div_(std).nan_to_num_(0.0, 0.0, 0.0)


class Batches:
    """Draws crops from several sets by weight.

    Parameters
    ----------
    recipe : Recipe
        Crop, batch size, augmentation and seed.
    sets : sequence of (float, PatchSet)
        Weight and patches of each source.
    normalisation : Normalisation, optional
        May be set later, after :meth:`statistics`.
    """

    def __init__(self, recipe: Recipe, sets: Sequence[tuple[float, PatchSet]]) -> None:
        self.recipe = recipe
        self.sets = [(w, s) for w, s in sets if w > 0 and len(s)]
        total = sum(w for w, _ in self.sets)
        self._odds = [w / total for w, _ in self.sets]
        self.normalisation: Normalisation | None = None
        self._noise = augment.Noise(recipe.bands, recipe.patch)
        self._finer = [i for i, band in enumerate(recipe.bands) if BANDS[band].gsd < recipe.gsd]

    def statistics(self, draws: int = 256) -> Normalisation:
        """Mean and deviation of each band, after the transformation, over random crops."""
        rng = np.random.default_rng([self.recipe.seed, 0xA11])
        bands = len(self.recipe.bands)
        total, square, count = np.zeros(bands), np.zeros(bands), np.zeros(bands)
        for _ in range(draws):
            values = self._pick(rng).values[:, ::8, ::8]
            values = values.reshape(bands, -1).astype(np.float64)
            if self.recipe.model.transform == "sqrt":
                values = np.sqrt(np.maximum(values, 0))
            known = np.isfinite(values)
            values = np.where(known, values, 0.0)
            total += values.sum(1)
            square += (values**2).sum(1)
            count += known.sum(1)
        count = np.maximum(count, 1)
        mean = total / count
        std = np.sqrt(np.maximum(square / count - mean**2, 1e-6))
        return Normalisation(
            self.recipe.model.transform,
            tuple(round(float(v), 5) for v in mean),
            tuple(round(float(max(v, 1e-3)), 5) for v in std),
        )

    def _pick(self, rng: np.random.Generator) -> Sample:
        _, chosen = self.sets[int(rng.choice(len(self.sets), p=self._odds))]
        return chosen.get(int(rng.choice(len(chosen), p=chosen.odds)))

    def batch(self, step: int) -> Batch:
        """The batch of a step, the same whenever it is asked for."""
        assert self.normalisation is not None
        recipe, spec = self.recipe, self.recipe.augment
        rng = np.random.default_rng([recipe.seed, step])
        crop = recipe.schedule.crop
        side = crop
        if spec.scale > 0:
            side = int(round(crop * np.exp(rng.uniform(-spec.scale, spec.scale)) / 2) * 2)
            side = min(side, recipe.patch)
        values, labels, softs, groups, trust, absent = [], [], [], [], [], []
        views = 2 if recipe.loss.consistency > 0 else 1
        for _ in range(recipe.schedule.batch // views):
            sample = window(self._pick(rng), side, rng)
            x, y, soft = sample.values, sample.labels, sample.soft
            if spec.turn:
                turns = possible_turns(sample.sun_azimuth)
                turn = turns[int(rng.integers(len(turns)))]
                x, y = np.ascontiguousarray(turn.apply(x)), np.ascontiguousarray(turn.apply(y))
                soft = None if soft is None else np.ascontiguousarray(turn.apply(soft))
            if spec.flood > 0 and rng.random() < spec.flood:
                flood(rng, x, y, recipe.bands, recipe.level)
            if spec.haze > 0 and rng.random() < spec.haze:
                haze(rng, x, y, recipe.bands, recipe.level)
            if spec.veil > 0 and rng.random() < spec.veil:
                veil(rng, x, y, recipe.bands)
            if spec.relight > 0 and rng.random() < spec.relight:
                relight(rng, x, y, recipe.bands)
            x = augment.shake(rng, x, spec, self._noise)
            augment.blank(rng, x, y, spec)
            there = bands_there(x)
            keep = augment.choose_bands(rng, there, recipe.bands, spec)
            x[~keep] = np.nan
            values.append(x)
            labels.append(y)
            softs.append(soft)
            groups.append(sample.groups)
            trust.append(sample.trust)
            absent.append(~keep)
        normalised = self.normalisation.apply(torch.from_numpy(np.stack(values)))
        normalised = augment.sharpen(rng, normalised, spec)
        if views > 1:
            normalised = torch.cat([normalised, augment.resampled(rng, normalised, self._finer)])
        return Batch(
            values=augment.zoom(normalised, crop),
            absent=torch.from_numpy(np.stack(absent * views)).float(),
            labels=augment.zoom_labels(torch.from_numpy(np.stack(labels * views)), crop).long(),
            soft=_stack_soft(softs * views, side, crop),
            groups=torch.tensor(groups * views),
            trust=torch.tensor(trust * views),
        )

    def stream(self, start: int, stop: int) -> Iterator[Batch]:
        """Batches of the steps from `start` to `stop`, each made while the one before is used."""
        with ThreadPoolExecutor(1, "cloudmask-batches") as pool:
            ahead = pool.submit(self.batch, start) if start < stop else None
            for step in range(start, stop):
                assert ahead is not None
                ready = ahead.result()
                ahead = pool.submit(self.batch, step + 1) if step + 1 < stop else None
                yield ready


def _stack_soft(softs: Sequence[FloatArray | None], side: int, crop: int) -> torch.Tensor | None:
    if all(s is None for s in softs):
        return None
    empty = np.full((4, side, side), np.nan, np.float32)
    stacked = torch.from_numpy(np.stack([empty if s is None else s for s in softs]))
    if side == crop:
        return stacked
    return torch.nn.functional.interpolate(stacked, size=(crop, crop), mode="nearest-exact")


def window(sample: Sample, side: int, rng: np.random.Generator) -> Sample:
    """A random square of `side` pixels, copied; a smaller sample is padded.

    Clear ground is mirrored. Where cloud or shadow is about, a mirror would put shadows on the
    wrong side of their clouds, so there the padding is missing.
    """
    rows, cols = sample.labels.shape
    lack = (max(0, side - rows), max(0, side - cols))
    x, y, soft = sample.values, sample.labels, sample.soft
    if any(lack):
        before = [int(rng.integers(n + 1)) for n in lack]
        pads = [(b, n - b) for b, n in zip(before, lack, strict=True)]
        plain = bool(np.isin(y, (0, IGNORE)).all()) and soft is None
        if plain and min(rows, cols) * 3 >= side:
            x, y = np.pad(x, [(0, 0), *pads], "symmetric"), np.pad(y, pads, "symmetric")
        else:
            x = np.pad(x, [(0, 0), *pads], constant_values=np.nan)
            y = np.pad(y, pads, constant_values=IGNORE)
            soft = None if soft is None else np.pad(soft, [(0, 0), *pads], constant_values=np.nan)
        rows, cols = y.shape
    top, left = int(rng.integers(rows - side + 1)), int(rng.integers(cols - side + 1))
    cut = np.s_[..., top : top + side, left : left + side]

    def copy(array: FloatArray) -> npt.NDArray[np.float32]:
        return np.array(array[cut], np.float32)

    return Sample(
        sample.name,
        copy(x),
        np.array(y[cut]),
        sample.gsd,
        sample.sun_azimuth,
        None if soft is None else copy(soft),
        sample.groups,
        sample.trust,
    )
