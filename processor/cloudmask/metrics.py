"""Agreement between two classifications: one confusion matrix, every score from it.

The matrix counts pixels by reference class (rows) and mask class (columns) in the codes of
:class:`~cloudmask.classes.CloudClass`; :mod:`cloudmask.evaluate.schemes` folds it to the classes a
comparison is about. All scores take stacks of matrices ``(..., k, k)``: one for all pixels, one a
patch, one a bootstrap draw.

A score whose denominator is zero (a class that neither side has) is NaN, never 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from .classes import CloudClass
from .errors import InputError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Metric = Callable[[npt.NDArray[np.generic]], FloatArray]

N_CODES = len(CloudClass)


def confusion(reference: npt.ArrayLike, predicted: npt.ArrayLike, name: str = "mask") -> IntArray:
    """Count pixels by reference and mask class.

    Parameters
    ----------
    reference, predicted : integer arrays of one shape
        Codes of :class:`CloudClass`.
    name : str
        For messages.

    Returns
    -------
    int64 (6, 6)
        Rows are reference codes, columns mask codes.

    Raises
    ------
    InputError
        If the shapes differ or a code is none of :class:`CloudClass`.
    """
    ref, pred = np.asarray(reference), np.asarray(predicted)
    if ref.shape != pred.shape:
        raise InputError(f"{name}: expected the reference's size {ref.shape}, found {pred.shape}")
    for what, codes in (("reference", ref), (name, pred)):
        if codes.dtype.kind not in "iu":
            raise InputError(f"{what}: expected integer class codes, found {codes.dtype}")
        if codes.size and (int(codes.min()) < 0 or int(codes.max()) >= N_CODES):
            strange = sorted({int(v) for v in np.unique(codes)} - set(range(N_CODES)))[:8]
            raise InputError(f"{what}: unknown class codes {strange}; known are 0 to {N_CODES - 1}")
    flat = ref.astype(np.int64).ravel() * N_CODES + pred.astype(np.int64).ravel()
    return np.bincount(flat, minlength=N_CODES**2).reshape(N_CODES, N_CODES).astype(np.int64)


def _ratio(top: npt.NDArray[np.generic], bottom: npt.NDArray[np.generic]) -> FloatArray:
    numerator = np.asarray(top, dtype=np.float64)
    denominator = np.asarray(bottom, dtype=np.float64)
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator != 0)
    return out


def _parts(matrix: npt.NDArray[np.generic]) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Hits, reference totals, mask totals ``(..., k)`` and all pixels ``(..., 1)``."""
    counts = np.asarray(matrix, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return hits, counts.sum(-1), counts.sum(-2), counts.sum((-1, -2))[..., None]


def users_accuracy(matrix: npt.NDArray[np.generic]) -> FloatArray:
    """Precision of each class ``(..., k)``: of the pixels called so, how many are."""
    hits, _, mask, _ = _parts(matrix)
    return _ratio(hits, mask)


def producers_accuracy(matrix: npt.NDArray[np.generic]) -> FloatArray:
    """Recall of each class ``(..., k)``: of the pixels that are so, how many are called so."""
    hits, reference, _, _ = _parts(matrix)
    return _ratio(hits, reference)


def dice(matrix: npt.NDArray[np.generic]) -> FloatArray:
    """Dice coefficient, the same as F1, of each class ``(..., k)``: 2 TP / (2 TP + FP + FN)."""
    hits, reference, mask, _ = _parts(matrix)
    return _ratio(2 * hits, reference + mask)


def iou(matrix: npt.NDArray[np.generic]) -> FloatArray:
    """Intersection over union (Jaccard index) of each class ``(..., k)``."""
    hits, reference, mask, _ = _parts(matrix)
    return _ratio(hits, reference + mask - hits)


def balanced(matrix: npt.NDArray[np.generic]) -> FloatArray:
    """Balanced accuracy of each class against the rest ``(..., k)``.

    The mean of sensitivity and specificity, BOA in CMIX (Skakun et al. 2022, Remote Sensing of
    Environment 274:112990) and CloudSEN12; undefined where the class or the rest is absent.
    """
    hits, reference, mask, total = _parts(matrix)
    rest = total - reference
    return 0.5 * (_ratio(hits, reference) + _ratio(rest - (mask - hits), rest))


def overall(matrix: npt.NDArray[np.generic]) -> FloatArray:
    """Share of pixels on which both agree ``(...,)``."""
    hits, _, _, total = _parts(matrix)
    return _ratio(hits.sum(-1), total[..., 0])


def kappa(matrix: npt.NDArray[np.generic]) -> FloatArray:
    """Cohen's kappa ``(...,)``: agreement beyond that of independent guesses (Cohen 1960)."""
    hits, reference, mask, total = _parts(matrix)
    expected = (reference * mask).sum(-1)
    total = total[..., 0]
    return _ratio(hits.sum(-1) * total - expected, total * total - expected)


def mean_of(metric: Metric) -> Metric:
    """Make the unweighted mean over classes of a per-class metric, undefined classes left out."""

    def mean(matrix: npt.NDArray[np.generic]) -> FloatArray:
        values = metric(matrix)
        known = ~np.isnan(values)
        return _ratio(np.where(known, values, 0).sum(-1), known.sum(-1))

    return mean


CLASS_METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "users_accuracy": users_accuracy,
        "producers_accuracy": producers_accuracy,
        "dice": dice,
        "iou": iou,
        "balanced_accuracy": balanced,
    }
)
OVERALL_METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "overall_accuracy": overall,
        "kappa": kappa,
        "mean_dice": mean_of(dice),
        "mean_iou": mean_of(iou),
        "mean_producers_accuracy": mean_of(producers_accuracy),
    }
)


def median_per_patch(matrices: npt.NDArray[np.generic], metric: Metric) -> FloatArray:
    """Median over patches ``(n, k, k)`` of a metric, patches where it is undefined left out."""
    values = metric(matrices)
    return nan_median(values)


def nan_median(values: FloatArray) -> FloatArray:
    """Median along the first axis of the defined values; NaN, without a warning, where none is."""
    ordered = np.sort(values, axis=0)  # NaN goes last
    n = (~np.isnan(values)).sum(axis=0)
    low, high = np.maximum(n - 1, 0) // 2, n // 2
    high = np.minimum(high, values.shape[0] - 1)
    pick = np.take_along_axis(ordered, np.stack([low, high]).reshape(2, *values.shape[1:]), axis=0)
    median: FloatArray = pick.mean(axis=0)
    return median
