"""A training run in its folder: recipe, versions, pools, curves, checkpoints, metrics, model."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from ..atomic import write_text
from ..classes import SURFACE_CLASSES
from ..errors import DeviceError, OutputError, UsageError
from ..onnx_model import OnnxModel, file_hash
from .batches import Batches, Normalisation
from .checkpoint import Checkpoint, build_net, load_checkpoint
from .export import export_model, shift_logits
from .pool import PatchSet
from .quantise import any_complete, quantise, tiles_for
from .recipe import ExportSpec, Recipe, SourceSpec
from .recipe_file import load_recipe, recipe_copies, recipe_to_dict
from .scoring import score_scene, score_set
from .simulation import fingerprint
from .sources import Joined, check_sources, open_source, sources_to_learn_from
from .trainer import Trainer, check_same_recipe, without_nan

_INIT = "init.pt"
_PACKAGES = ("torch", "numpy", "scipy", "onnx", "onnxruntime", "ukis-csmask")


@dataclass(frozen=True)
class Settings:
    """What a run may be told besides its recipe; none of it changes the result.

    Attributes
    ----------
    cache : Path or None
        Folder for pools of simulated patches, by default ``pools`` in the run folder.
    workers : int
        Processes that simulate.
    threads : int
        Threads of PyTorch; 0 leaves its default.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    """

    cache: Path | None = None
    workers: int = 1
    threads: int = 0
    device: str = "auto"


Say = Callable[[str], None]


def train(
    recipe_path: Path,
    folder: Path,
    settings: Settings,
    say: Say,
    *,
    init: Path | None = None,
    resume: bool = False,
) -> Path:
    """Run a recipe to its end and export the best epoch.

    Parameters
    ----------
    recipe_path : Path
        TOML file.
    folder : Path
        Run folder, new unless `resume`.
    settings : Settings
        Machine matters.
    say : callable
        Takes a line of progress.
    init : Path, optional
        Checkpoint, or exported model, whose weights to start from.
    resume : bool
        Go on from the folder's last checkpoint.

    Returns
    -------
    Path
        The exported ONNX model.

    Raises
    ------
    UsageError, InputError, OutputError, ModelError
        With the reason in one line.
    """
    recipe, copies = load_recipe(recipe_path), recipe_copies(recipe_path)
    device = _device(settings)
    if resume:
        _check_resumable(folder, recipe, say)
    _check_possible(recipe, init, resume)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    if not resume:
        _prepare(folder, copies, recipe, device, init)
    cache = settings.cache or folder / "pools"

    def open_all(specs: Sequence[SourceSpec], teach: bool) -> list[tuple[float, PatchSet]]:
        out = []
        for spec in specs:
            what = f"{spec.kind} {spec.path or spec.seed}".strip()

            def progress(done: int, total: int, what: str = what) -> None:
                if done == total or done % max(1, total // 20) == 0:
                    say(f"{what}: {done} of {total} patches")

            patches = open_source(
                spec, recipe, cache, workers=settings.workers, progress=progress, teach=teach
            )
            say(f"{what}: {len(patches)} samples")
            out.append((spec.weight, patches))
        return out

    training = open_all(sources_to_learn_from(recipe), True)
    validation = Joined([s for _, s in open_all(recipe.validation, False)])
    scenes = Joined([s for _, s in open_all(recipe.scenes, False)])
    _check_int8(recipe, training, scenes)
    trainer = Trainer(recipe, folder, Batches(recipe, training), validation, scenes, device)
    state = trainer.resume() if resume else trainer.start(init)
    if resume:
        _write_recipe(folder, copies, recipe)  # its exports may be others
    if init is not None and not resume:  # `anchor` may be chosen after the run
        trainer.save(state, _INIT)

    def report(row: dict[str, Any]) -> None:
        scores = row["validation"]
        dice = " ".join(f"{k} {v:.3f}" for k, v in scores.items() if k not in ("mean", "pixels", "accuracy"))
        false = " ".join(
            f"{s['name'].split(':')[0][-16:]} {s['false']:.3f}" for s in row["scenes"] if "false" in s
        )
        say(
            f"epoch {row['epoch'] + 1}: loss {row['loss']:.4f}; Dice {dice}; "
            f"false {false}; score {row['score']:.4f}"
        )

    trainer.run(state, report)
    return _export(recipe, folder, training, validation, scenes, say)


def _export(
    recipe: Recipe,
    folder: Path,
    training: list[tuple[float, PatchSet]],
    validation: PatchSet,
    scenes: PatchSet,
    say: Say,
) -> Path:
    """Write the models of the epoch selected; returns the first."""
    best = load_checkpoint(folder / f"{recipe.schedule.select}.pt")
    if recipe.schedule.anchor > 0:
        best = best.blended(load_checkpoint(folder / _INIT), recipe.schedule.anchor)
    paths = []
    for spec in recipe.exports or (ExportSpec(recipe.name),):
        path = folder / f"{spec.name}.onnx"
        extra = {
            "rank": spec.rank,
            "version": recipe.version,
            **({"title": spec.title} if spec.title else {}),
            "scores": _scores(best, spec, validation, scenes),
            **({"limits": list(spec.limits)} if spec.limits else {}),
        }
        export_model(
            best,
            path,
            keep=spec.bands,
            optional=spec.optional,
            name=spec.name,
            offsets=spec.offsets,
            extra=extra,
        )
        paths.append(path)
        if spec.int8:
            model = OnnxModel(path, device="cpu")
            fast = folder / f"{spec.name}-int8.onnx"
            same = quantise(
                path,
                fast,
                list(tiles_for(model.card, recipe.bands, _real(recipe, training))),
                list(tiles_for(model.card, recipe.bands, scenes)),
            )
            say(f"{fast.name} agrees with {path.name} on {same:.2%} of the pixels of the development scenes")
    return paths[0]


def _scores(best: Checkpoint, spec: ExportSpec, validation: PatchSet, scenes: PatchSet) -> dict[str, Any]:
    """What the card says: Dice on validation patches, false alarms and Dice on development scenes."""
    net = best.net()
    shift_logits(net, spec.offsets)
    dice = score_set(net, best.normalisation, validation)
    rows = score_scene(net, best.normalisation, scenes)
    classes = [c.key for c in SURFACE_CLASSES]
    return without_nan(
        {
            "protocol": "all bands; pooled Dice on the recipe's validation patches; for each development "
            "scene of the recipe, the share of its clear ground called something else and Dice against its "
            "labels",
            "validation_dice": {c: dice[c] for c in classes},
            "development": {
                r["name"]: {
                    **({"clear_called_otherwise": round(r["false"], 5)} if "false" in r else {}),
                    **({"dice": {c: r["scores"][c] for c in classes}} if "scores" in r else {}),
                }
                for r in rows
            },
        }
    )


def _check_possible(recipe: Recipe, init: Path | None, resume: bool) -> None:
    """Refuse what cannot come to its end, before a folder is made and patches are simulated."""
    if recipe.schedule.anchor > 0 and init is None and not resume:
        raise UsageError("schedule.anchor mixes in the weights of --init; name a checkpoint or a model there")
    if init is not None and not init.is_file():
        raise UsageError(f"{init}: no such file; --init takes a checkpoint (.pt) or an exported model")
    check_sources(recipe)
    count = len(recipe.bands)
    with torch.device("meta"):  # widths and features are looked at, no weights are made
        build_net(recipe, Normalisation(recipe.model.transform, (0.0,) * count, (1.0,) * count))


def _real(recipe: Recipe, training: list[tuple[float, PatchSet]]) -> Joined:
    """Training samples with real pixels, which int8 copies are calibrated on."""
    pairs = zip(recipe.train, training, strict=True)
    return Joined([patches for source, (_, patches) in pairs if source.kind == "arrays"])


def _check_int8(recipe: Recipe, training: list[tuple[float, PatchSet]], scenes: PatchSet) -> None:
    for spec in recipe.exports:
        bands = spec.bands or recipe.bands
        for what, patches in (("[[train]]", _real(recipe, training)), ("[[scenes]]", scenes)):
            if spec.int8 and not any_complete(bands, recipe.bands, patches):
                raise UsageError(
                    f"exports.int8 of {spec.name}: needs real pixels with {', '.join(bands)}, but nothing "
                    f"in {what} has them all; add a scene that does, or leave int8 out"
                )


def _device(settings: Settings) -> str:
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise DeviceError("device cuda: PyTorch finds no CUDA device; use --device cpu")
    if settings.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return settings.device


def _check_resumable(folder: Path, recipe: Recipe, say: Say) -> None:
    """See that a run can go on along its curve: with the recipe and the simulator that it began with."""
    if not (folder / "last.pt").is_file():
        raise UsageError(f"{folder}: nothing to resume: no last.pt")
    last = load_checkpoint(folder / "last.pt")
    check_same_recipe(last, recipe)
    try:
        facts = json.loads((folder / "versions.json").read_text("utf-8"))
        begun_with = str(facts["versions"]["simulator"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{folder}/versions.json: cannot read what the run began with: {error}") from error
    if recipe.schedule.anchor > 0:
        if not (folder / _INIT).is_file():
            raise UsageError(
                f"{folder / _INIT}: no such file; schedule.anchor mixes in the weights that the run started "
                "from, which are kept there: put it back, or begin a new run with --init"
            )
        last.blended(load_checkpoint(folder / _INIT), recipe.schedule.anchor)
    sources = (*recipe.train, *recipe.validation, *recipe.scenes)
    if begun_with == fingerprint() or all(source.kind != "simulation" for source in sources):
        return
    if last.data["epoch"] < recipe.schedule.epochs:
        raise UsageError(
            f"{folder}: begun with another version of the simulator ({begun_with}, now {fingerprint()}): its "
            "patches would not be the same; start a new run, from these weights with --init last.pt"
        )
    say(f"{folder}: the simulator has changed since this run; what is scored now are patches of today's")


def _prepare(folder: Path, copies: Mapping[str, str], recipe: Recipe, device: str, init: Path | None) -> None:
    """Make the run folder and write into it what the run depends on."""
    if (folder / "last.pt").exists():
        raise UsageError(f"{folder}: holds a run already; go on with --resume, or name a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make the run folder: {error.strerror}") from error
    _write_recipe(folder, copies, recipe)
    versions = {"cloudmask": __version__, "simulator": fingerprint(), "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    machine = {
        "device": device,
        "machine": platform.machine(),
        "system": sys.platform,
        "threads": torch.get_num_threads(),
    }
    facts: dict[str, Any] = {"versions": versions, "machine": machine}
    if init is not None and init.is_file():
        facts["init"] = {"file": init.name, "sha256": file_hash(init)}
    write_text(folder / "versions.json", json.dumps(facts, indent=1), overwrite=True)


def _write_recipe(folder: Path, copies: Mapping[str, str], recipe: Recipe) -> None:
    """The recipe as it was written, with its bases beside it, and with every default."""
    for name, text in copies.items():
        write_text(folder / name, text, overwrite=True)
    write_text(folder / "recipe.json", json.dumps(recipe_to_dict(recipe), indent=1), overwrite=True)
