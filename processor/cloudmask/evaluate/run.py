"""Running every mask on every scene and counting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..classes import CloudClass
from ..errors import InputError
from ..metrics import IntArray, confusion
from .border import near_border
from .labels import LabelKind
from .masks.base import MaskSource, Pixels, Unavailable
from .pictures import Pictures, draw_mask, draw_scene
from .scene import SILENT, ClassArray, Scene, on_labels

log = logging.getLogger(__name__)

BreakdownKey = tuple[str, str]
Progress = Callable[[int, int, str], None]
"""Called with scenes done, scenes in all, and what is being done."""


@dataclass(frozen=True)
class Counts:
    """Confusion matrices of one mask on one scene, int64 (6, 6) each.

    Attributes
    ----------
    own : IntArray
        All labelled pixels.
    common : IntArray
        Labelled pixels on which every mask of the scene says something.
    inner : IntArray
        Those of `common` away from class borders of the reference.
    parts : mapping of (breakdown, value) to IntArray
        `common`, by surface, season, ...
    """

    own: IntArray
    common: IntArray
    inner: IntArray
    parts: Mapping[BreakdownKey, IntArray]


@dataclass(frozen=True)
class SceneResult:
    """What came out for one scene.

    Attributes
    ----------
    name, product : str
        Of the scene.
    kind : LabelKind
        Of its labels.
    labelled : int
        Labelled pixels.
    counts : mapping of mask name to Counts
        Masks that had something to say.
    claims : mapping of mask name to frozenset of CloudClass
        What those masks tell apart here.
    reasons : mapping of mask name to str
        Why the others had not.
    pictures : Pictures or None
        For the report.
    """

    name: str
    product: str
    kind: LabelKind
    labelled: int
    counts: Mapping[str, Counts]
    claims: Mapping[str, frozenset[CloudClass]]
    reasons: Mapping[str, str]
    pictures: Pictures | None = field(default=None, repr=False)


def run_masks(
    scenes: Sequence[Scene],
    masks: Sequence[MaskSource],
    *,
    tolerance: float = 20.0,
    pictures: int = 12,
    threads: int = 1,
    progress: Progress | None = None,
) -> list[SceneResult]:
    """Score masks scene by scene.

    Parameters
    ----------
    scenes : sequence of Scene
        Labelled scenes.
    masks : sequence of MaskSource
        What to score.
    tolerance : float
        Half-width of the band along reference borders that the second count leaves out, metres.
    pictures : int
        Keep pictures of at most so many scenes, those with most classes first.
    threads : int
        For decoding products.
    progress : callable, optional
        See :data:`Progress`.

    Raises
    ------
    InputError
        If a mask's file does not fit a scene, or no mask has anything to say about any scene.
    """
    chosen = _worth_showing(scenes, pictures)
    results = []
    for i, scene in enumerate(scenes):
        keep = i in chosen
        if progress:
            progress(i, len(scenes), scene.name)
        results.append(_one_scene(scene, masks, tolerance, keep, threads))
    if progress:
        progress(len(scenes), len(scenes), "")
    if not any(r.counts for r in results):
        reasons = "; ".join(f"{name}: {why}" for name, why in results[0].reasons.items())
        raise InputError(
            f"no mask has anything to say about any of {len(results)} scenes; first scene: {reasons}"
        )
    return results


def _worth_showing(scenes: Sequence[Scene], wanted: int) -> set[int]:
    """Indices of scenes to draw: those with most classes, evenly spread where there are many."""
    classes = [len(set(np.unique(s.labels).tolist()) - set(SILENT)) for s in scenes]
    chosen: set[int] = set()
    for most in sorted(set(classes), reverse=True):
        alike = [i for i, n in enumerate(classes) if n == most]
        room = min(wanted - len(chosen), len(alike))
        chosen |= {alike[i * len(alike) // room] for i in range(room)}
    return chosen


def _one_scene(
    scene: Scene, masks: Sequence[MaskSource], tolerance: float, keep: bool, threads: int
) -> SceneResult:
    predicted: dict[str, ClassArray] = {}
    claims: dict[str, frozenset[CloudClass]] = {}
    reasons: dict[str, str] = {}
    drawn: dict[str, bytes] = {}
    with Pixels(scene, threads) as pixels:
        for mask in masks:
            try:
                prediction = mask.predict(pixels)
            except Unavailable as reason:
                reasons[mask.name] = str(reason)
                log.info("%s: no %s: %s", scene.name, mask.name, reason)
                continue
            predicted[mask.name] = on_labels(prediction, scene, mask.name)
            claims[mask.name] = mask.claims if prediction.claims is None else prediction.claims
            if keep:
                drawn[mask.name] = draw_mask(prediction, scene)
        shown = draw_scene(pixels, predicted, drawn, claims) if keep and predicted else None
    return SceneResult(
        scene.name,
        scene.product,
        scene.kind,
        scene.labelled,
        _count(scene, predicted, tolerance),
        claims,
        reasons,
        shown,
    )


def _count(scene: Scene, predicted: Mapping[str, ClassArray], tolerance: float) -> dict[str, Counts]:
    labels = scene.labels
    seen: npt.NDArray[np.bool_] = ~np.isin(labels, SILENT)
    for classes in predicted.values():
        seen &= ~np.isin(classes, SILENT)
    band = round(tolerance / scene.grid.gsd) if scene.points is None else 0  # single pixels have no border
    inner = seen & ~near_border(labels, band) if band else seen
    parts: dict[BreakdownKey, npt.NDArray[np.bool_]] = {}
    for title, values in scene.breakdown.items():
        if isinstance(values, str):
            parts[title, values] = seen
        else:
            parts.update({(title, str(v)): seen & (values == v) for v in np.unique(values)})
    return {
        name: Counts(
            own=confusion(labels, classes, name),
            common=confusion(labels[seen], classes[seen], name),
            inner=confusion(labels[inner], classes[inner], name),
            parts={key: confusion(labels[at], classes[at], name) for key, at in parts.items() if at.any()},
        )
        for name, classes in predicted.items()
    }
