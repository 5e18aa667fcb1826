"""False alarms on scenes that are clear throughout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..classes import SURFACE_CLASSES, CloudClass
from ..metrics import FloatArray, overall
from .bootstrap import BootstrapSettings, bootstrap
from .labels import LabelKind
from .numbers import Json, number
from .run import SceneResult

_CLEAR = int(CloudClass.CLEAR)
_CLOUD = [int(CloudClass.SEMI_TRANSPARENT_CLOUD), int(CloudClass.CLOUD)]
_SHADOW = [int(CloudClass.CLOUD_SHADOW)]
_SEEN = [int(c) for c in SURFACE_CLASSES]


def false_alarms(
    results: Sequence[SceneResult], masks: Sequence[str], kind: LabelKind, settings: BootstrapSettings
) -> Json:
    """Share of pixels that each mask flags in scenes whose reference holds nothing but clear.

    Returns
    -------
    dict
        By mask, for masks that saw such a scene: ``flagged`` (cloud or shadow) with an interval over
        products, ``flagged_cloud``, ``flagged_shadow``, the median and the worst scene.
    """
    out: Json = {}
    for mask in masks:
        seen = [r for r in results if mask in r.counts and _is_clear(r.counts[mask].own)]
        if seen:
            rows = np.stack([r.counts[mask].own[_CLEAR] for r in seen])
            out[mask] = _rates(rows, seen, kind, settings)
    return out


def _is_clear(matrix: npt.NDArray[np.int64]) -> bool:
    labelled = matrix[_SEEN].sum()
    return bool(labelled == matrix[_CLEAR].sum() and matrix[_CLEAR, _SEEN].sum() > 0)


def _rates(
    rows: npt.NDArray[np.int64], results: Sequence[SceneResult], kind: LabelKind, settings: BootstrapSettings
) -> Json:
    """Rates from counts (scenes, 6) by mask class."""
    pixels, cloud, shadow = rows[:, _SEEN].sum(1), rows[:, _CLOUD].sum(1), rows[:, _SHADOW].sum(1)
    flagged: FloatArray = (cloud + shadow) / pixels
    worst = int(np.argmax(flagged))
    # As matrices of a two-class comparison, so that the one bootstrap serves: wrong is flagged.
    boxes = np.zeros((len(rows), 2, 2))
    boxes[:, 0, 0], boxes[:, 0, 1] = pixels - cloud - shadow, cloud + shadow
    clusters = np.unique([r.product for r in results], return_inverse=True)[1]
    interval = bootstrap(boxes, clusters, {"rate": lambda m: 1 - overall(m)}, settings)["rate"]
    total = float(pixels.sum())
    return {
        "labels": kind.value,
        "scenes": len(rows),
        "pixels": int(total),
        "flagged": number((cloud.sum() + shadow.sum()) / total, interval.low, interval.high),
        "flagged_cloud": number(cloud.sum() / total),
        "flagged_shadow": number(shadow.sum() / total),
        "median_scene": number(np.median(flagged)),
        "worst_scene": {"name": results[worst].name, "flagged": float(flagged[worst])},
        "by_scene": {r.name: float(v) for r, v in zip(results, flagged, strict=True)},
    }
