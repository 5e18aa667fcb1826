"""Probabilities to classes, small objects, and buffers; all distances in metres."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from .classes import SURFACE_CLASSES, CloudClass

ClassArray = npt.NDArray[np.uint8]

_PRIORITY = (CloudClass.CLOUD, CloudClass.SEMI_TRANSPARENT_CLOUD, CloudClass.CLOUD_SHADOW)
_CODES = np.array([int(c) for c in SURFACE_CLASSES], np.uint8)


def classify(
    probabilities: npt.NDArray[np.float32], thresholds: Mapping[CloudClass, float] | None = None
) -> ClassArray:
    """Class codes from class probabilities.

    Without thresholds the most probable class wins. A class with a threshold takes every pixel
    where its probability reaches it, and no other; where several do, cloud comes before
    semi-transparent cloud before shadow. The rest goes to the most probable of clear and the
    classes without a threshold.

    Parameters
    ----------
    probabilities : float32 (4, rows, cols), 0 to 1
        Planes in the order of ``SURFACE_CLASSES``.
    thresholds : mapping of CloudClass to float, optional
        Probabilities from 0 to 1.

    Returns
    -------
    uint8 (rows, cols)
        Codes 1 to 4.
    """
    thresholds = thresholds or {}
    free = [i for i, c in enumerate(SURFACE_CLASSES) if c not in thresholds]
    best = probabilities[free[0]].copy()
    out = np.full(best.shape, _CODES[free[0]], np.uint8)
    for plane in free[1:]:
        # One pass a plane: argmax over the first axis strides through memory, and is far slower.
        better = probabilities[plane] > best
        np.copyto(best, probabilities[plane], where=better)
        out[better] = _CODES[plane]
    for member in reversed(_PRIORITY):
        if member in thresholds:
            plane = SURFACE_CLASSES.index(member)
            out[probabilities[plane] >= thresholds[member]] = int(member)
    return out


def remove_small(classes: ClassArray, min_area: float, gsd: float) -> ClassArray:
    """Turn small objects clear.

    Cloud and semi-transparent cloud that touch (8 neighbours) are one object, shadow another.

    Parameters
    ----------
    classes : uint8 (rows, cols)
        Class codes.
    min_area : float
        Objects smaller than this, square metres, become clear.
    gsd : float
        Ground sampling distance, metres.
    """
    least = int(np.ceil(min_area / gsd**2 - 1e-9))
    if least <= 1:
        return classes
    from scipy import ndimage  # a third of the time that a run takes to start

    out: ClassArray = classes.copy()
    groups = ((CloudClass.CLOUD, CloudClass.SEMI_TRANSPARENT_CLOUD), (CloudClass.CLOUD_SHADOW,))
    for group in groups:
        member = np.isin(classes, [int(c) for c in group])
        labels, count = ndimage.label(member, structure=np.ones((3, 3), bool))
        if count == 0:
            continue
        small = np.bincount(labels.ravel()) < least
        small[0] = False
        out[small[labels]] = int(CloudClass.CLEAR)
    return out


def dilate_disc(mask: npt.NDArray[np.bool_], radius: float) -> npt.NDArray[np.bool_]:
    """All pixels whose centre lies within `radius` pixels of the centre of a set one.

    The exact Euclidean disc, made of one horizontal dilation a row of the disc: for the radii
    that buffers have this is many times faster than a distance transform.
    """
    reach = int(np.floor(radius + 1e-9))
    if reach < 1 or not mask.any():
        return mask
    from scipy import ndimage

    source = mask.astype(np.uint8)
    out = np.zeros_like(source)
    wide: dict[int, npt.NDArray[np.uint8]] = {}
    rows = mask.shape[0]
    for dy in range(min(reach, rows - 1) + 1):
        half = int(np.floor(np.sqrt(max(radius**2 - dy**2, 0.0)) + 1e-9))
        if half not in wide:
            wide = {half: ndimage.maximum_filter1d(source, 2 * half + 1, axis=1, mode="constant")}
        row = wide[half]
        np.maximum(out[dy:], row[: rows - dy], out=out[dy:])
        if dy:
            np.maximum(out[:-dy], row[dy:], out=out[:-dy])
    return out.astype(bool)


def buffer_classes(classes: ClassArray, cloud: float, shadow: float, gsd: float) -> ClassArray:
    """Grow cloud, semi-transparent cloud and shadow into clear pixels.

    Only clear pixels change, so that no buffer hides what was seen; where buffers meet, cloud
    comes before semi-transparent cloud before shadow.

    Parameters
    ----------
    classes : uint8 (rows, cols)
        Class codes.
    cloud : float
        Distance for cloud and semi-transparent cloud, metres.
    shadow : float
        Distance for cloud shadow, metres.
    gsd : float
        Ground sampling distance, metres.
    """
    reach = {
        CloudClass.CLOUD_SHADOW: shadow,
        CloudClass.SEMI_TRANSPARENT_CLOUD: cloud,
        CloudClass.CLOUD: cloud,
    }
    if not any(distance >= gsd for distance in reach.values()):
        return classes
    clear = classes == int(CloudClass.CLEAR)
    out: ClassArray = classes.copy()
    for member, distance in reach.items():
        if distance >= gsd:
            out[clear & dilate_disc(classes == int(member), distance / gsd)] = int(member)
    return out


def postprocess(
    classes: ClassArray, *, gsd: float, min_area: float, cloud_buffer: float, shadow_buffer: float
) -> ClassArray:
    """Remove small objects, then buffer what is left (uint8 (rows, cols), metres)."""
    kept = remove_small(classes, min_area, gsd)
    return buffer_classes(kept, cloud_buffer, shadow_buffer, gsd)
