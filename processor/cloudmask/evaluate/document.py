"""The result of an evaluation as one JSON document; every report is written from it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from .. import __version__
from ..classes import CloudClass
from .bootstrap import MIN_UNITS, BootstrapSettings
from .labels import LabelKind
from .masks.base import MaskSource
from .numbers import Json
from .protocols import Protocol
from .references.registry import REFERENCES, Selection
from .run import SceneResult
from .scoring import claims_of, score_all

FORMAT = "cloudmask-evaluation/1"


def make_document(
    results: Sequence[SceneResult],
    masks: Sequence[MaskSource],
    protocol: Protocol,
    settings: BootstrapSettings,
    *,
    kind: str,
    path: Path,
    selection: Selection,
    tolerance: float,
    made: datetime | None = None,
) -> Json:
    """Scores of a run with all that is needed to repeat it.

    Parameters
    ----------
    results : sequence of SceneResult
        What was counted.
    masks : sequence of MaskSource
        What was scored.
    protocol, settings, kind, path, selection, tolerance
        As the run was told; of the path only the last part is kept.
    made : datetime, optional
        Time of making; now by default.
    """
    reference = REFERENCES[kind]
    return {
        "format": FORMAT,
        "cloudmask": __version__,
        "made": (made or datetime.now(timezone.utc)).strftime("%Y-%m-%d %H:%M UTC"),
        "reference": {
            "kind": kind,
            "title": reference.title,
            "licence": reference.licence,
            "source": reference.source,
            "name": path.name,
            "named": selection.title,
            "split": selection.split if reference.splits else None,
            "limit": selection.limit,
            "scenes": len(results),
        },
        "protocol": {
            "name": protocol.name,
            "title": protocol.title,
            "source": protocol.source,
            "text": protocol.text,
            "headlines": [vars(h) for h in protocol.headlines],
        },
        "bootstrap": {
            "draws": settings.draws,
            "seed": settings.seed,
            "level": settings.level,
            "unit": "product",
            "min_units": MIN_UNITS,
            "method": "percentile",
        },
        "border_tolerance_m": tolerance,
        "masks": [
            {
                "name": m.name,
                "title": m.title,
                "claims": [c.key for c in sorted(_claims(m, results))],
                "setting": m.setting,
                "scenes": sum(m.name in r.counts for r in results),
                "unavailable": {r.name: r.reasons[m.name] for r in results if m.name in r.reasons},
            }
            for m in masks
        ],
        "groups": score_all(results, [m.name for m in masks], protocol, settings),
    }


def _claims(mask: MaskSource, results: Sequence[SceneResult]) -> frozenset[CloudClass]:
    """Classes a mask is judged on in one group of scenes or another; what it set out to, if in none."""
    groups = [[r for r in results if r.kind is kind] for kind in LabelKind]
    judged = frozenset[CloudClass]().union(*(claims_of(mask.name, group) for group in groups))
    return judged or mask.claims


def to_json(document: Json) -> str:
    """Text of a document; floats to 12 significant digits, so that reruns give the same file."""
    return json.dumps(_rounded(document), indent=1, ensure_ascii=False) + "\n"


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    return value
