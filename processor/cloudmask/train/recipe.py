"""The recipe of a training run: a TOML file read into frozen dataclasses, every mistake named."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..bands import LEVEL_BANDS, Level, parse_bands, parse_level
from ..errors import InputError, UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SOURCE_KINDS = ("simulation", "arrays", "reference")
LABEL_KINDS = ("file", "clear", "difference", "none")


@dataclass(frozen=True)
class SourceSpec:
    """One source of patches.

    Attributes
    ----------
    kind : str
        ``simulation``, ``arrays`` (``.npz`` files) or ``reference`` (KappaSet, CloudSEN12, ...).
    weight : float
        Share of this source in a batch, relative to the others'.
    path : str
        Folder of arrays or of the reference set; of clear scenes to use as surfaces for a simulation.
    files : tuple of str
        Names inside `path`, ``name.npz`` or ``name.npz:key`` where the array is not called ``x``.
    labels : str
        For arrays: ``file`` (array ``y``), ``clear`` (every valid pixel), ``difference`` (from the clear
        date in ``clear``), ``none`` (only the teachers' soft labels).
    format : str
        For a reference set: the name of its reader.
    count : int
        Number of patches of a simulation, of crops of a reference set.
    seed : int
        First seed of a simulation; patch `i` has seed ``seed + i``.
    teach : bool
        Whether teachers are asked about these arrays.
    options : mapping
        Passed to the simulator as they are.
    """

    kind: str
    weight: float = 1.0
    path: str = ""
    files: tuple[str, ...] = ()
    labels: str = "file"
    format: str = ""
    count: int = 0
    seed: int = 0
    teach: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TeacherSpec:
    """A model whose predictions are soft labels, only at resolutions at which it is right."""

    model: str
    gsd: float
    weight: float = 0.3


@dataclass(frozen=True)
class ModelSpec:
    """The net: see :class:`cloudmask.train.net.UNet`; `smooth` names bands."""

    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    bottom: int = 0
    features: tuple[str, ...] = ()
    transform: str = "sqrt"
    smooth: tuple[str, ...] = ()


@dataclass(frozen=True)
class AugmentSpec:
    """Ranges of the random changes to a training patch; 0 switches one off."""

    gain: float = 0.15
    band_gain: float = 0.03
    noise: float = 0.003
    scale: float = 0.3
    sharpness: float = 0.0
    turn: bool = True
    missing: float = 0.1
    flood: float = 0.0
    haze: float = 0.0
    relight: float = 0.0
    band_sets: tuple[tuple[str, ...], ...] = ()
    drop: float = 0.0


@dataclass(frozen=True)
class ScheduleSpec:
    """Length and pace of a run, and which weights are exported.

    `optimiser` is ``adamw``, or ``muon`` for the kernels inside the net and AdamW for the rest.
    `select` is the epoch: ``best`` by the selection score, or the ``last``. With `anchor`, a share of the
    weights that the run started from (``--init``) is mixed in, which keeps what they knew and the run's data
    do not show (Wortsman et al. 2022, CVPR, "Robust fine-tuning of zero-shot models").
    """

    epochs: int = 30
    steps: int = 200
    batch: int = 16
    crop: int = 192
    optimiser: str = "adamw"
    rate: float = 2e-3
    weight_decay: float = 1e-2
    warmup: int = 100
    average: float = 0.998
    patience: int = 0
    freeze_encoder: bool = False
    encoder_rate: float = 1.0
    select: str = "best"
    anchor: float = 0.0


@dataclass(frozen=True)
class LossSpec:
    """Weights of the loss: per class in the order clear, shadow, semi-transparent, cloud.

    With `consistency`, half as many patches make a batch, each twice: as it is and as another resampler might
    have left it; differences in what the net says of the two count with this weight.
    """

    class_weights: tuple[float, ...] = (1.0, 2.0, 1.5, 1.0)
    dice: float = 0.5
    smoothing: float = 0.02
    consistency: float = 0.0


@dataclass(frozen=True)
class ExportSpec:
    """One model to write at the end.

    Attributes
    ----------
    name : str
        Name of the file and in the card.
    title : str
        Title in the card.
    bands : tuple of str
        Bands it takes; none means all of the recipe's.
    optional : tuple of str
        Of these, bands that a product may lack; ``augment.band_sets`` should have taught it to do without.
    rank : int
        Rank in the card: among models that fit a product, the highest is the default.
    int8 : bool
        Whether to write ``NAME-int8.onnx`` too.
    offsets : tuple of float
        Added to the logits of clear, shadow, semi-transparent cloud, cloud: the operating point, chosen
        on development scenes. None means zero.
    limits : tuple of str
        What the model is known not to do well, for the card.
    """

    name: str
    title: str = ""
    bands: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    rank: int = 0
    int8: bool = False
    offsets: tuple[float, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on.

    Attributes
    ----------
    name, version : str
        Name and version of the model that comes out.
    level : "L1C" or "L2A"
        Level of all imagery.
    bands : tuple of str
        Input bands in order.
    gsd : float
        Ground sampling distance of the patches, metres.
    patch : int
        Edge of a pooled patch, pixels, a multiple of 32.
    seed : int
        Seed of everything random.
    train, validation, scenes : tuple of SourceSpec
        Sources to learn from; frozen patches scored after each epoch; whole real development scenes.
    exports : tuple of ExportSpec
        Models to write; by default one, with the recipe's name and bands.
    """

    name: str
    level: Level
    bands: tuple[str, ...]
    gsd: float = 20.0
    patch: int = 256
    seed: int = 0
    version: str = "1.0.0"
    title: str = ""
    licence: str = "Apache-2.0"
    citation: str = ""
    training_data: str = ""
    model: ModelSpec = field(default_factory=ModelSpec)
    augment: AugmentSpec = field(default_factory=AugmentSpec)
    schedule: ScheduleSpec = field(default_factory=ScheduleSpec)
    loss: LossSpec = field(default_factory=LossSpec)
    train: tuple[SourceSpec, ...] = ()
    validation: tuple[SourceSpec, ...] = ()
    scenes: tuple[SourceSpec, ...] = ()
    teachers: tuple[TeacherSpec, ...] = ()
    exports: tuple[ExportSpec, ...] = ()


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


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    A recipe with the key ``base``, another recipe's file name relative to its own, differs from that one
    in what it says: its tables are laid over the base's, its values and lists of tables take their place.

    Raises
    ------
    UsageError
        If the file is not TOML, or a key or value is not what a recipe has; the message names it.
    """
    recipe = check_recipe(_build(Recipe, _read(path), str(path)), str(path))
    _check_int8(recipe, str(path))
    return recipe


_MOST_BASES = 8


def _read(path: Path, depth: int = 0) -> dict[str, Any]:
    """The recipe's keys and values, laid over those of its base."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot read the recipe: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a TOML file: {error}") from error
    base = raw.pop("base", None)
    if base is None:
        return raw
    if not isinstance(base, str) or depth == _MOST_BASES:
        raise UsageError(f"{path}: key 'base': expected the file of another recipe, found {base!r}")
    return _overlay(_read(path.parent / base, depth + 1), raw)


def _overlay(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _overlay(out[key], value) if both else value
    return out


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
    for key, share in (("haze", recipe.augment.haze), ("relight", recipe.augment.relight)):
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


def _check_int8(recipe: Recipe, where: str) -> None:
    """See that there will be pixels to make int8 copies by; a stored recipe may do without."""
    real = sum(source.kind == "arrays" for source in recipe.train)
    for export in recipe.exports:
        if export.int8 and not (real and recipe.scenes):
            raise UsageError(
                f"{where}: exports.int8 of {export.name}: needs real pixels to calibrate, from a [[train]] "
                f"source of kind 'arrays', and others to check, from [[scenes]]; found {real} and "
                f"{len(recipe.scenes)}; add them, or leave int8 out"
            )


def recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain values, for JSON and checkpoints."""
    plain: dict[str, Any] = dataclasses.asdict(recipe)
    return plain


def recipe_from_dict(raw: Mapping[str, Any]) -> Recipe:
    """Undo :func:`recipe_to_dict`."""
    return check_recipe(_build(Recipe, raw, "stored recipe"), "stored recipe")


def _require(good: bool, where: str, key: str, expected: str, found: object) -> None:
    if not good:
        raise UsageError(f"{where}: {key}: expected {expected}, found {found!r}")


def _build(kind: Any, raw: Any, where: str) -> Any:
    if not isinstance(raw, Mapping):
        raise UsageError(f"{where}: expected a table, found {raw!r}")
    hints = typing.get_type_hints(kind)
    known = {f.name: f for f in dataclasses.fields(kind)}
    strange = sorted(set(raw) - set(known))
    if strange:
        raise UsageError(f"{where}: unknown key '{strange[0]}'; known are {', '.join(known)}")
    missing = [
        n
        for n, f in known.items()
        if n not in raw and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UsageError(f"{where}: key '{missing[0]}' is missing")
    return kind(**{k: _value(hints[k], v, f"{where}: {k}") for k, v in raw.items()})


def _value(hint: Any, raw: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(hint, raw, where)
    origin = typing.get_origin(hint)
    if origin is tuple:
        if isinstance(raw, (str, Mapping)) or not isinstance(raw, (list, tuple)):
            raise UsageError(f"{where}: expected a list, found {raw!r}")
        item = typing.get_args(hint)[0]
        return tuple(_value(item, v, where) for v in raw)
    if origin is typing.Literal and not isinstance(raw, str):
        raise UsageError(f"{where}: expected text, found {raw!r}")
    if origin in (typing.Literal, types.UnionType):
        return raw  # checked with the other values
    if isinstance(raw, int) and abs(raw) >= 2**63:  # Python's numbers go on where TOML's end
        raise UsageError(f"{where}: expected a number of at most 64 bits, found one of {raw.bit_length()}")
    if hint is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if hint in (int, float, str, bool) and type(raw) is not hint:
        raise UsageError(f"{where}: expected {hint.__name__}, found {raw!r}")
    if origin is not None and not isinstance(raw, Mapping):
        raise UsageError(f"{where}: expected a table, found {raw!r}")
    return raw
