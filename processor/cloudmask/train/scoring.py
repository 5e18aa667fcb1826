"""Scores of a net during training: Dice on patches, false alarms on clear scenes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..classes import SURFACE_CLASSES, CloudClass
from ..metrics import confusion, dice
from .batches import Normalisation
from .net import UNet
from .pool import PatchSet
from .sample import IGNORE, ByteArray, FloatArray, bands_there, codes_from_labels

_CODES = np.array([int(c) for c in SURFACE_CLASSES], np.uint8)


def predict_classes(net: UNet, normalisation: Normalisation, values: FloatArray) -> ByteArray:
    """Labels (uint8 (rows, cols), 0 to 3) of reflectance (bands, rows, cols) of any size."""
    return np.asarray(predict_probabilities(net, normalisation, values).argmax(0), np.uint8)


@torch.no_grad()
def predict_probabilities(net: UNet, normalisation: Normalisation, values: FloatArray) -> FloatArray:
    """Probabilities (4, rows, cols) of reflectance (bands, rows, cols) of any size."""
    device = next(net.parameters()).device
    rows, cols = values.shape[1:]
    pads = [(0, -rows % net.multiple), (0, -cols % net.multiple)]
    padded = np.pad(values.astype(np.float32), [(0, 0), *pads], "symmetric")
    absent = ~bands_there(values)
    x = normalisation.apply(torch.from_numpy(padded[None])).to(device)
    logits = net(x, torch.from_numpy(absent[None]).float().to(device)).float()
    probabilities: FloatArray = logits.softmax(1)[0, :, :rows, :cols].cpu().numpy()
    return probabilities


def score_set(net: UNet, normalisation: Normalisation, patches: PatchSet) -> dict[str, float]:
    """Dice of each class, their mean, overall accuracy and number of pixels over a set of patches."""
    matrix: npt.NDArray[np.int64] = np.zeros((len(CloudClass), len(CloudClass)), np.int64)
    for i in range(len(patches)):
        sample = patches.get(i)
        found = predict_classes(net, normalisation, sample.values)
        matrix += confusion(codes_from_labels(sample.labels), codes_from_labels(found))
    return scores_from(matrix)


def scores_from(matrix: npt.NDArray[np.int64]) -> dict[str, float]:
    """Scores of a confusion matrix in class codes."""
    four = matrix[np.ix_(_CODES, _CODES)]
    per_class = dice(four)
    out = {c.key: _plain(v) for c, v in zip(SURFACE_CLASSES, per_class, strict=True)}
    known = per_class[~np.isnan(per_class)]
    out["mean"] = _plain(float(known.mean()) if known.size else math.nan)
    out["accuracy"] = _plain(float(np.trace(four) / max(1, four.sum())))
    out["pixels"] = float(four.sum())
    return out


def score_scene(net: UNet, normalisation: Normalisation, patches: PatchSet) -> list[dict[str, Any]]:
    """For each whole scene the share of every class, false alarms where it is clear, and Dice."""
    out = []
    for i in range(len(patches)):
        sample = patches.get(i)
        found = predict_classes(net, normalisation, sample.values)
        valid = ~np.isnan(sample.values).all(axis=0)
        row: dict[str, Any] = {"name": sample.name}
        row["shares"] = {
            c.key: float((found[valid] == place).mean()) for place, c in enumerate(SURFACE_CLASSES)
        }
        known = sample.labels != IGNORE
        clear = known & (sample.labels == 0)
        if clear.any():
            row["false"] = float((found[clear] != 0).mean())
        if bool((sample.labels[known] != 0).any()):
            matrix = confusion(codes_from_labels(sample.labels), codes_from_labels(found))
            row["scores"] = scores_from(matrix)
        out.append(row)
    return out


def selection_score(validation: dict[str, float], scenes: Sequence[dict[str, Any]]) -> float:
    """Figure that picks the best epoch: mean Dice less mean false alarms, at most .2 a scene.

    What there is no data for does not count.
    """
    false = [min(0.2, row["false"]) for row in scenes if "false" in row]
    mean = validation["mean"]
    return (0.0 if math.isnan(mean) else mean) - (float(np.mean(false)) if false else 0.0)


def _plain(value: float) -> float:
    return float("nan") if math.isnan(value) else round(float(value), 5)
