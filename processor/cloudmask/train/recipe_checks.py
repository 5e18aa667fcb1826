"""What a recipe's numbers and names may be, and what has to fit what."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..bands import LEVEL_BANDS, parse_bands, parse_level
from ..errors import InputError, UsageError
from .recipe import (
    LABEL_KINDS,
    SOURCE_KINDS,
    AugmentSpec,
    ExportSpec,
    LossSpec,
    ModelSpec,
    Recipe,
    ScheduleSpec,
    SourceSpec,
    TeacherSpec,
)


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; `above` and `below` leave out `low` and `high` themselves.

    NaN and the infinities, which TOML can write, are in no range.
    """

    low: float
    high: float
    above: bool = False
    below: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number is in the range."""
        inside = self.low < value if self.above else self.low <= value
        return inside and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        first = f"above {self.low:.16g}," if self.above else f"from {self.low:.16g}"
        last = f"below {self.high:.16g}" if self.below else f"{self.high:.16g}"
        return f"{first} to {last}"


_SHARE = Range(0, 1)
_GSD = Range(5, 500)  # of a model card
_COUNT = 10_000_000
_SEED = Range(0, 2**53)  # whole numbers that JSON keeps

RANGES: Mapping[type, Mapping[str, Range]] = MappingProxyType(
    {
        Recipe: {"gsd": _GSD, "patch": Range(32, 4096), "seed": _SEED},
        ModelSpec: {"widths": Range(1, 4096), "bottom": Range(0, 64)},
        AugmentSpec: {
            "gain": Range(0, 2),
            "band_gain": Range(0, 1),
            "noise": Range(0, 1),
            "scale": Range(0, 2),
            "sharpness": _SHARE,
            "missing": _SHARE,
            "flood": _SHARE,
            "haze": _SHARE,
            "veil": _SHARE,
            "relight": _SHARE,
            "drop": _SHARE,
        },
        ScheduleSpec: {
            "epochs": Range(1, _COUNT),
            "steps": Range(1, _COUNT),
            "batch": Range(1, 4096),
            "crop": Range(32, 4096),
            "rate": Range(0, 1, above=True),
            "weight_decay": Range(0, 10),
            "warmup": Range(0, _COUNT),
            "average": _SHARE,
            "patience": Range(0, _COUNT),
            "encoder_rate": Range(0, 100),
            "anchor": Range(0, 1, below=True),
            "simulated": Range(0, 1, above=True),
        },
        LossSpec: {
            "class_weights": Range(0, 1000, above=True),
            "dice": Range(0, 1000),
            "smoothing": Range(0, 1, below=True),
            "consistency": Range(0, 1000),
        },
        SourceSpec: {"weight": Range(0, 1e6), "count": Range(0, _COUNT), "seed": _SEED},
        TeacherSpec: {"gsd": _GSD, "weight": Range(0, 1000)},
        ExportSpec: {"rank": Range(-999, 1000), "offsets": Range(-1000, 1000)},
    }
)
"""What every number of a recipe may be; of a list, each of its numbers."""

SIMULATION_OPTIONS: Mapping[str, Range] = MappingProxyType(
    {"procedural": _SHARE, "clear": _SHARE, "cover": _SHARE, "aerosol": Range(0, 3)}
)
"""What the numbers among a simulation's options may be."""
_SIMULATED_GSD = 120  # metres; the simulator makes no coarser scenes

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_NAME_WORDS = "1 to 64 letters, digits, '.', '_' and '-' that begin and end with a letter or digit"
_TAKEN = ("recipe", "versions", "metrics")
"""JSON files of a run folder, which a model's card must not replace."""


def check_recipe(recipe: Recipe, where: str) -> Recipe:
    """Return the recipe with names in canonical form.

    Raises
    ------
    UsageError
        If a number is not in its range (:data:`RANGES`), a name cannot be a file's, or values do not fit
        each other.
    """
    _check_ranges(recipe, where)
    try:
        level, bands = parse_level(recipe.level), parse_bands(recipe.bands)
        sets = tuple(parse_bands(s) for s in recipe.augment.band_sets)
        smooth = parse_bands(recipe.model.smooth)
        exports = tuple(
            dataclasses.replace(e, bands=parse_bands(e.bands), optional=parse_bands(e.optional))
            for e in recipe.exports
        )
    except InputError as error:
        raise UsageError(f"{where}: {error}") from error
    absent = [b for b in bands if b not in LEVEL_BANDS[level]]
    if absent:
        raise UsageError(f"{where}: level {level} has no band {', '.join(absent)}; remove it from 'bands'")
    _require(bool(bands), where, "bands", "at least one band", list(recipe.bands))
    if not recipe.train:
        raise UsageError(f"{where}: no [[train]] source; name at least one")
    _require(recipe.patch % 32 == 0 and recipe.patch > 0, where, "patch", "a multiple of 32", recipe.patch)
    crop = recipe.schedule.crop
    _require(
        crop % 32 == 0 and 0 < crop <= recipe.patch, where, "schedule.crop", "a multiple of 32 <= patch", crop
    )
    _require(
        len(recipe.loss.class_weights) == 4,
        where,
        "loss.class_weights",
        "four numbers",
        recipe.loss.class_weights,
    )
    _require(
        recipe.model.transform in ("none", "sqrt"),
        where,
        "model.transform",
        "none or sqrt",
        recipe.model.transform,
    )
    _require(set(smooth) <= set(bands), where, "model.smooth", f"some of {', '.join(bands)}", smooth)
    schedule = recipe.schedule
    _require(
        recipe.loss.consistency == 0 or schedule.batch % 2 == 0,
        where,
        "schedule.batch",
        "an even number with loss.consistency",
        schedule.batch,
    )
    widths = recipe.model.widths
    _require(2 <= len(widths) <= 5, where, "model.widths", "2 to 5 numbers", list(widths))
    # Batch norms need two values of each channel, at the coarsest stride as well.
    _require(
        schedule.batch > 1 or crop > 2 ** len(widths),
        where,
        "schedule.batch",
        f"2 or more with {len(widths)} model.widths and a crop of {crop}",
        schedule.batch,
    )
    known = schedule.optimiser in ("adamw", "muon")
    _require(known, where, "schedule.optimiser", "adamw or muon", schedule.optimiser)
    _require(schedule.select in ("best", "last"), where, "schedule.select", "best or last", schedule.select)
    for key in ("veil", "relight"):
        share = getattr(recipe.augment, key)
        _require(share == 0 or level == "L1C", where, f"augment.{key}", "0 at L2A", share)
    for table in ("train", "validation", "scenes"):
        for number, source in enumerate(getattr(recipe, table), 1):
            _check_source(source, recipe, where, f"[[{table}]] {number}: ")
    heaviest = max(source.weight for source in recipe.train)
    _require(heaviest > 0, where, "[[train]] weight", "more than 0 for one source at least", heaviest)
    _check_names(recipe, where)
    for chosen in sets:
        _require(
            set(chosen) <= set(bands), where, "augment.band_sets", f"subsets of {', '.join(bands)}", chosen
        )
    for export in exports:
        inside = set(export.bands) <= set(bands)
        _require(inside, where, "exports.bands", f"subsets of {', '.join(bands)}", export.bands)
        there = export.bands or bands
        _require(
            set(export.optional) < set(there),
            where,
            "exports.optional",
            f"some, but not all, of {', '.join(there)}",
            export.optional,
        )
        _require(len(export.offsets) in (0, 4), where, "exports.offsets", "four numbers", export.offsets)
    augment = dataclasses.replace(recipe.augment, band_sets=sets)
    model = dataclasses.replace(recipe.model, smooth=smooth)
    return dataclasses.replace(
        recipe, level=level, bands=bands, model=model, augment=augment, exports=exports
    )


def _check_ranges(table: Any, where: str, path: str = "") -> None:
    """Hold every number of a recipe's table, and of those within it, against :data:`RANGES`."""
    ranges = RANGES[type(table)]
    for entry in dataclasses.fields(table):
        value = getattr(table, entry.name)
        items = value if isinstance(value, tuple) else (value,)
        for number, item in enumerate(items, 1):
            if dataclasses.is_dataclass(item):
                inner = f"[[{entry.name}]] {number}: " if items is value else f"{entry.name}."
                _check_ranges(item, where, inner)
            elif isinstance(item, (int, float)) and not isinstance(item, bool):
                allowed = ranges[entry.name]
                _require(allowed.holds(item), where, path + entry.name, f"a number {allowed}", item)


def _check_source(spec: SourceSpec, recipe: Recipe, where: str, path: str) -> None:
    _require(spec.kind in SOURCE_KINDS, where, f"{path}kind", " or ".join(SOURCE_KINDS), spec.kind)
    _require(spec.labels in LABEL_KINDS, where, f"{path}labels", " or ".join(LABEL_KINDS), spec.labels)
    try:
        json.dumps(dict(spec.options), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{where}: {path}options: expected texts, numbers and lists of them: {error}"
        ) from error
    if spec.kind != "simulation":
        return
    _require(spec.count > 0, where, f"{path}count", "1 patch or more", spec.count)
    _require(recipe.gsd <= _SIMULATED_GSD, where, "gsd", f"up to {_SIMULATED_GSD} to simulate", recipe.gsd)
    for key, allowed in SIMULATION_OPTIONS.items():
        value = spec.options.get(key, allowed.low)
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and allowed.holds(value)
        _require(good, where, f"{path}options.{key}", f"a number {allowed}", value)


def _check_names(recipe: Recipe, where: str) -> None:
    """What becomes a file's name, or stands in every card."""
    for key in ("version", "licence"):
        _require(bool(getattr(recipe, key).strip()), where, key, "a text, for the card", getattr(recipe, key))
    _require(float(recipe.gsd).is_integer(), where, "gsd", "whole metres", recipe.gsd)
    _require(_NAME.fullmatch(recipe.name) is not None, where, "name", _NAME_WORDS, recipe.name)
    exports = recipe.exports or (ExportSpec(recipe.name),)
    for export in exports:
        _require(_NAME.fullmatch(export.name) is not None, where, "exports.name", _NAME_WORDS, export.name)
    written = [e.name for e in exports] + [f"{e.name}-int8" for e in exports if e.int8]
    for name in written:
        # Some file systems tell no capitals from small letters.
        same = [n for n in (*_TAKEN, *written) if n.casefold() == name.casefold()]
        expected = f"a name of its own for each model, and none of {', '.join(_TAKEN)}"
        _require(len(same) == 1, where, "exports.name", expected, name)


def check_int8(recipe: Recipe, where: str) -> None:
    """See that there will be pixels to make int8 copies by; a stored recipe may do without.

    Raises
    ------
    UsageError
        If a copy is asked for, and no real pixels to calibrate it or to check it.
    """
    real = sum(source.kind == "arrays" for source in recipe.train)
    for export in recipe.exports:
        if export.int8 and not (real and recipe.scenes):
            raise UsageError(
                f"{where}: exports.int8 of {export.name}: needs real pixels to calibrate, from a [[train]] "
                f"source of kind 'arrays', and others to check, from [[scenes]]; found {real} and "
                f"{len(recipe.scenes)}; add them, or leave int8 out"
            )


def _require(good: bool, where: str, key: str, expected: str, found: object) -> None:
    if not good:
        raise UsageError(f"{where}: {key}: expected {expected}, found {found!r}")
