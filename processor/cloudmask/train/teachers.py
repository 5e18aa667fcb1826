"""Soft labels from other networks, through their cards, each only at resolutions where it is right."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

import numpy as np

from ..array_source import ArraySource
from ..bands import Level
from ..catalog import load_model
from ..classes import SURFACE_CLASSES, CloudClass
from ..model import Model
from ..options import Options
from ..pipeline import predict
from .recipe import TeacherSpec
from .sample import FloatArray, Sample, clear_by_labels

log = logging.getLogger(__name__)

_TOLERANCE = 1.6
"""A teacher is asked about pixels up to this many times finer or coarser than it is right at."""


def class_groups(known: Sequence[CloudClass]) -> tuple[int, ...]:
    """Group of each of ``SURFACE_CLASSES`` that a model with these classes tells apart.

    A model without a semi-transparent class means both kinds by its cloud; one without shadow
    counts shadow as clear.
    """
    group = {c: i for i, c in enumerate(SURFACE_CLASSES)}
    if CloudClass.SEMI_TRANSPARENT_CLOUD not in known:
        group[CloudClass.SEMI_TRANSPARENT_CLOUD] = group[CloudClass.CLOUD]
    if CloudClass.CLOUD_SHADOW not in known:
        group[CloudClass.CLOUD_SHADOW] = group[CloudClass.CLEAR]
    return tuple(group[c] for c in SURFACE_CLASSES)


def add_soft_labels(
    samples: Sequence[Sample], bands: Sequence[str], level: Level, teachers: Sequence[TeacherSpec]
) -> list[Sample]:
    """Samples with the probabilities of the first teacher that fits each.

    Samples that are clear by their labels are left alone: they are clear whatever a teacher says.
    So is a sample that lacks a band a teacher needs, or whose resolution is not the teacher's.
    """
    models = [(load_model(t.model), t) for t in teachers]
    out = []
    for sample in samples:
        soft: FloatArray | None = None
        groups, trust = sample.groups, 0.0
        taught = not clear_by_labels(sample.values, sample.labels)
        for model, spec in models if taught else []:
            soft = _ask(model, spec, sample, bands, level)
            if soft is not None:
                groups, trust = class_groups(model.card.classes), spec.weight
                break
        out.append(dataclasses.replace(sample, soft=soft, groups=groups, trust=trust))
    return out


def _ask(
    model: Model, spec: TeacherSpec, sample: Sample, bands: Sequence[str], level: Level
) -> FloatArray | None:
    ratio = max(spec.gsd / sample.gsd, sample.gsd / spec.gsd)
    if ratio > _TOLERANCE:
        log.info("%s: teacher %s is not asked at %g m", sample.name, model.card.name, sample.gsd)
        return None
    there = [i for i, b in enumerate(bands) if np.isfinite(sample.values[i]).any()]
    if not set(model.card.bands) <= {bands[i] for i in there}:
        return None
    source = ArraySource(
        sample.values[there], [bands[i] for i in there], gsd=sample.gsd, level=level, name=sample.name
    )
    mask = predict(source, model, Options(probabilities=True), out_gsd=sample.gsd)
    return mask.probabilities
