"""One labelled piece of imagery, and the resampling it may go through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..classes import SURFACE_CLASSES, CloudClass

FloatArray = npt.NDArray[np.floating[Any]]
ByteArray = npt.NDArray[np.uint8]

IGNORE = 255
"""Label of a pixel that teaches nothing; 0 to 3 are places in ``SURFACE_CLASSES``."""


@dataclass(frozen=True)
class Sample:
    """Reflectance with labels.

    Attributes
    ----------
    name : str
        For records.
    values : float32 or float16 (bands, rows, cols)
        Reflectance, NaN where missing; a band that was not there is NaN everywhere.
    labels : uint8 (rows, cols)
        0 clear, 1 shadow, 2 semi-transparent cloud, 3 cloud, 255 not labelled.
    gsd : float
        Ground sampling distance, metres.
    sun_azimuth : float
        Degrees clockwise from up; NaN if unknown.
    soft : float32 (4, rows, cols) or None
        A teacher's probabilities in the order of ``SURFACE_CLASSES``, NaN where it says nothing.
    groups : tuple of int
        Group of each class that the teacher tells apart, ``(0, 1, 2, 2)`` for one that knows one
        kind of cloud.
    trust : float
        Weight of what the teacher says.
    """

    name: str
    values: FloatArray
    labels: ByteArray
    gsd: float
    sun_azimuth: float = float("nan")
    soft: FloatArray | None = None
    groups: tuple[int, ...] = tuple(range(len(SURFACE_CLASSES)))
    trust: float = 0.0


def bands_there(values: FloatArray) -> npt.NDArray[np.bool_]:
    """Which bands of (bands, rows, cols) have any value (bool (bands,))."""
    return np.asarray(np.isfinite(values).any(axis=(1, 2)), np.bool_)


def clear_by_labels(values: FloatArray, labels: ByteArray) -> bool:
    """Whether all pixels of (bands, rows, cols) that have data are labelled clear, and there are any."""
    if not np.isin(labels, (0, IGNORE)).all() or not (labels == 0).any():
        return False
    unsure = labels == IGNORE
    return bool(np.isnan(values[:, unsure]).all())


def labels_from_codes(codes: npt.NDArray[np.integer]) -> ByteArray:
    """Class codes of the package (``CloudClass``) to training labels, any shape."""
    table = np.full(256, IGNORE, np.uint8)
    for place, member in enumerate(SURFACE_CLASSES):
        table[int(member)] = place
    labels: ByteArray = table[codes.astype(np.uint8)]
    return labels


def codes_from_labels(labels: ByteArray) -> ByteArray:
    """Training labels to class codes, any shape; ignored pixels become UNDEFINED."""
    table = np.full(256, int(CloudClass.UNDEFINED), np.uint8)
    table[: len(SURFACE_CLASSES)] = [int(c) for c in SURFACE_CLASSES]
    return table[labels]


def average_blocks(values: FloatArray, factor: int) -> FloatArray:
    """Mean of blocks of `factor` by `factor` pixels of (bands, rows, cols); NaN if any is missing."""
    bands, rows, cols = values.shape
    rows, cols = rows // factor, cols // factor
    blocks = values[:, : rows * factor, : cols * factor].reshape(bands, rows, factor, cols, factor)
    means: FloatArray = blocks.mean(axis=(2, 4), dtype=np.float32)
    return means


def vote_blocks(labels: ByteArray, factor: int) -> ByteArray:
    """Label of blocks by majority; a block without one (more than half) is ignored."""
    rows, cols = labels.shape[0] // factor, labels.shape[1] // factor
    blocks = labels[: rows * factor, : cols * factor].reshape(rows, factor, cols, factor)
    out = np.full((rows, cols), IGNORE, np.uint8)
    for place in range(len(SURFACE_CLASSES)):
        out[(blocks == place).sum(axis=(1, 3)) * 2 > factor * factor] = place
    return out


def coarsen(sample: Sample, factor: int) -> Sample:
    """The sample at `factor` times its ground sampling distance."""
    if factor == 1:
        return sample
    return Sample(
        name=sample.name,
        values=average_blocks(sample.values, factor),
        labels=vote_blocks(sample.labels, factor),
        gsd=sample.gsd * factor,
        sun_azimuth=sample.sun_azimuth,
    )
