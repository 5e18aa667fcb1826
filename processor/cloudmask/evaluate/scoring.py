"""From counts to scores: pooled and per patch, with intervals, by label kind.

Label kinds are never pooled together: agreement with a draft and accuracy against people's labels
are different things.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..classes import CloudClass
from ..metrics import (
    CLASS_METRICS,
    OVERALL_METRICS,
    FloatArray,
    IntArray,
    Metric,
    mean_of,
    median_per_patch,
)
from .bootstrap import BootstrapSettings, Interval, bootstrap
from .clear_scenes import false_alarms
from .labels import LabelKind
from .numbers import Json, number
from .protocols import Protocol
from .run import Counts, SceneResult
from .schemes import Scheme

Pick = Callable[[Counts], IntArray]


def score_all(
    results: Sequence[SceneResult],
    masks: Sequence[str],
    protocol: Protocol,
    settings: BootstrapSettings,
) -> list[Json]:
    """One block of scores for each label kind there is, in the order of :class:`LabelKind`."""
    blocks = []
    for kind in LabelKind:
        own = [r for r in results if r.kind is kind]
        if own:
            blocks.append(_Group(own, kind, masks, protocol, settings).block())
    return blocks


def claims_of(mask: str, results: Sequence[SceneResult]) -> frozenset[CloudClass]:
    """Classes that a mask tells apart on every scene it is scored on; empty if it is on none.

    A mask of ours may take a model of four classes for some scenes and of two for others. Pooled, it can
    only be judged on what all of them tell apart.
    """
    there = [r.claims[mask] for r in results if mask in r.claims]
    return frozenset.intersection(*there) if there else frozenset()


class _Group:
    """Scenes with labels of one kind."""

    def __init__(
        self,
        results: Sequence[SceneResult],
        kind: LabelKind,
        masks: Sequence[str],
        protocol: Protocol,
        settings: BootstrapSettings,
    ) -> None:
        self.results, self.kind = list(results), kind
        self.protocol, self.settings = protocol, settings
        self.masks = [m for m in masks if any(m in r.counts for r in results)]
        self.claims = {m: claims_of(m, results) for m in self.masks}
        self.common = [r for r in results if set(self.masks) <= set(r.counts)]

    def block(self) -> Json:
        """Everything about the group."""
        out: Json = {
            "labels": self.kind.value,
            "is_accuracy": self.kind.is_accuracy,
            "note": self.kind.note,
            "scenes": [r.name for r in self.results],
            "labelled_pixels": sum(r.labelled for r in self.results),
            "clear_scenes": false_alarms(self.results, self.masks, self.kind, self.settings),
        }
        if self.kind is LabelKind.CLEAR:
            return out
        out["common"] = self._selection(self.common, lambda c: c.common)
        out["own"] = self._selection(self.results, lambda c: c.own)
        out["away_from_borders"] = self._selection(self.common, lambda c: c.inner)
        out["breakdown"] = self._breakdown()
        return out

    def _selection(self, results: Sequence[SceneResult], pick: Pick) -> Json:
        schemes: Json = {}
        for scheme in self.protocol.scheme_list():
            rows = {}
            for mask in self.masks:
                if self._judged(mask, scheme):
                    there = [r for r in results if mask in r.counts]
                    if there:
                        rows[mask] = self._scores(mask, there, pick, scheme)
            schemes[scheme.name] = {
                "title": scheme.title,
                "classes": list(scheme.names),
                "target": scheme.target,
                "absent": _absent(scheme, rows),
                "masks": rows,
            }
        return {"scenes": len(results), "scene_names": [r.name for r in results], "schemes": schemes}

    def _judged(self, mask: str, scheme: Scheme) -> bool:
        return scheme.claimed_by(self.claims[mask]) or (self.protocol.partial and len(scheme.groups) > 2)

    def _scores(self, mask: str, results: Sequence[SceneResult], pick: Pick, scheme: Scheme) -> Json:
        raw = np.stack([pick(r.counts[mask]) for r in results])
        folded = np.asarray(scheme.fold(raw))
        claimed = np.array([bool(members & self.claims[mask]) for _, members in scheme.groups])
        class_metrics = {n: _only(m, claimed) for n, m in CLASS_METRICS.items()}
        overall = dict(OVERALL_METRICS)
        for name, of in (
            ("mean_dice", "dice"),
            ("mean_iou", "iou"),
            ("mean_producers_accuracy", "producers_accuracy"),
        ):
            overall[name] = mean_of(class_metrics[of])
        every = {**class_metrics, **overall}
        products = [r.product for r in results]
        clusters = np.unique(products, return_inverse=True)[1]
        pooled = folded.sum(0)
        out: Json = {
            "labels": self.kind.value,
            "scenes": len(results),
            "resampled_units": len(set(products)),
            "pixels": int(pooled.sum()),
            "unobserved_pixels": int(np.sum(scheme.unobserved(raw))),
            "matrix": pooled.tolist(),
        }
        for pooling in ("pooled", "median_per_patch"):
            patch = pooling == "median_per_patch"
            values = {n: median_per_patch(folded, m) if patch else m(pooled) for n, m in every.items()}
            ranges = bootstrap(folded, clusters, every, self.settings, per_patch=patch)
            out[pooling] = self._named(scheme, values, ranges)
        out["patches_defined"] = {
            group: int(np.count_nonzero(~np.isnan(class_metrics["balanced_accuracy"](folded)[:, i])))
            for i, group in enumerate(scheme.names)
        }
        if self.protocol.bands and scheme.target:
            out["patch_shares"] = self._bands(folded, scheme)
        return out

    def _named(
        self, scheme: Scheme, values: Mapping[str, FloatArray], ranges: Mapping[str, Interval]
    ) -> Json:
        """Scores as JSON; under draft labels no key says accuracy."""
        classes: Json = {group: {} for group in scheme.names}
        out: Json = {"classes": classes}
        for name, value in values.items():
            key, interval = self.kind.metric_name(name), ranges[name]
            if value.ndim == 0:
                out[key] = number(value, interval.low, interval.high)
            else:
                for i, group in enumerate(scheme.names):
                    classes[group][key] = number(value[i], interval.low[i], interval.high[i])
        return out

    def _bands(self, folded: IntArray, scheme: Scheme) -> Json:
        """Shares of patches with low, middle and high accuracies of the target class."""
        at = scheme.names.index(scheme.target)
        out: Json = {}
        for name in ("producers_accuracy", "users_accuracy"):
            values = CLASS_METRICS[name](folded)[:, at]
            values = values[~np.isnan(values)]
            n = max(len(values), 1)
            low, high = float((values < 0.1).sum()) / n, float((values > 0.9).sum()) / n
            out[self.kind.metric_name(name)] = {
                "patches": len(values),
                "low": low,
                "middle": 1 - low - high if len(values) else 0.0,
                "high": high,
            }
        return out

    def _breakdown(self) -> Json:
        """Dice and agreement by surface, season, ..., on the pixels all masks share; no intervals."""
        keys = sorted({k for r in self.common for c in r.counts.values() for k in c.parts})
        out: Json = {}
        scheme = next(s for s in self.protocol.scheme_list())
        for title, value in keys:
            for mask in self.masks:
                parts = [
                    r.counts[mask].parts[title, value]
                    for r in self.common
                    if (title, value) in r.counts[mask].parts
                ]
                judged = next((s for s in self.protocol.scheme_list() if self._judged(mask, s)), scheme)
                matrix = np.asarray(judged.fold(np.sum(parts, axis=0)))
                row = {
                    "labels": self.kind.value,
                    "scheme": judged.name,
                    "pixels": int(matrix.sum()),
                    "scenes": len(parts),
                    **{
                        self.kind.metric_name(n): number(OVERALL_METRICS[n](matrix))
                        for n in ("overall_accuracy", "mean_dice", "mean_producers_accuracy")
                    },
                }
                out.setdefault(title, {}).setdefault(value, {})[mask] = row
        return out


def _absent(scheme: Scheme, rows: Mapping[str, Json]) -> list[str]:
    """Classes that no reference pixel of a comparison has, for any of its masks."""
    totals = [np.sum(row["matrix"], axis=1) for row in rows.values()]
    return [name for i, name in enumerate(scheme.names) if totals and not any(t[i] for t in totals)]


def _only(metric: Metric, claimed: np.ndarray[Any, np.dtype[np.bool_]]) -> Metric:
    """A class metric that is undefined for classes the mask does not claim."""
    return lambda matrix: np.where(claimed, metric(matrix), np.nan)
