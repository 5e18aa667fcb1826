"""The training loop: deterministic by step, so that a killed run goes on along the same curve."""

from __future__ import annotations

import copy
import json
import math
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError, OutputError, UsageError
from .batches import Batch, Batches, Normalisation
from .curves import draw_curves
from .features import Indices
from .losses import consistency_loss, distillation_loss, supervised_loss
from .net import UNet
from .optimisers import Muon, Together
from .pool import PatchSet
from .precision import has_bfloat16
from .recipe import Recipe
from .recipe_file import recipe_from_dict, recipe_to_dict
from .restore import read_model, restore
from .scoring import score_scene, score_set, selection_score

Report = Callable[[dict[str, Any]], None]

_NAMED = ("exports", "name", "version", "title", "licence", "citation", "training_data")
"""What of a recipe may be changed when its run has begun."""

_LOOKS = 8
"""Batches on which the norms of an exported model are found again."""


def build_net(recipe: Recipe, normalisation: Normalisation) -> UNet:
    """An untrained net for a recipe, its weights set by the recipe's seed."""
    torch.manual_seed(recipe.seed)
    indices = None
    if recipe.model.features:
        n = normalisation
        indices = Indices(recipe.bands, recipe.model.features, n.mean, n.std, n.transform)
    model = recipe.model
    smooth = [recipe.bands.index(b) for b in model.smooth]
    return UNet(len(recipe.bands), model.widths, indices, model.bottom, smooth)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a cosine to a hundredth of the rate."""
    schedule = recipe.schedule
    total = max(1, schedule.epochs * schedule.steps)
    if step < schedule.warmup:
        return schedule.rate * (step + 1) / schedule.warmup
    done = (step - schedule.warmup) / max(1, total - schedule.warmup)
    return schedule.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


@dataclass
class State:
    """All that changes while a run goes on."""

    net: UNet
    average: UNet
    optimiser: Together
    normalisation: Normalisation
    epoch: int = 0
    best: float = -math.inf
    best_epoch: int = -1
    history: list[dict[str, Any]] = field(default_factory=list)


class Trainer:
    """Runs a recipe in a folder.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    folder : Path
        Run folder; it must exist.
    batches : Batches
        Training batches.
    validation, scenes : PatchSet
        Frozen patches and whole development scenes.
    device : str
        ``cpu`` or ``cuda``.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        batches: Batches,
        validation: PatchSet,
        scenes: PatchSet,
        device: str = "cpu",
    ) -> None:
        self.recipe, self.folder, self.batches = recipe, folder, batches
        self.validation, self.scenes = validation, scenes
        self.device = torch.device(device)
        self._weights = torch.tensor(recipe.loss.class_weights, device=self.device)

    def start(self, init: Path | None = None) -> State:
        """A fresh state, from the weights of `init` if it is given: a checkpoint or an exported model."""
        if init is not None and init.suffix == ".onnx":
            return self._start_from_model(init)
        donor = load_checkpoint(init) if init is not None else None
        normalisation = donor.normalisation_for(self.recipe) if donor else self.batches.statistics()
        net = build_net(self.recipe, normalisation)
        if donor is not None:
            donor.transfer(net, self.recipe)
        self._place(net)
        return State(net, copy.deepcopy(net).eval(), self._optimiser(net), normalisation)

    def _start_from_model(self, path: Path) -> State:
        weights, normalisation = read_model(path, self.recipe)
        net = build_net(self.recipe, normalisation)
        self.batches.normalisation = normalisation
        restore(net, weights, (self.batches.batch(step) for step in range(_LOOKS)))
        self._place(net)
        return State(net, copy.deepcopy(net).eval(), self._optimiser(net), normalisation)

    def resume(self) -> State:
        """The state at the last checkpoint of the folder.

        Raises
        ------
        UsageError
            If there is none, or it belongs to another recipe.
        """
        path = self.folder / "last.pt"
        donor = load_checkpoint(path)
        # What is exported at the end, and under which name, does not change the way there.
        named = {key: getattr(self.recipe, key) for key in _NAMED}
        if replace(donor.recipe, **named) != self.recipe:
            raise UsageError(f"{path}: made with another recipe; use a new folder, or the recipe of this run")
        net = build_net(self.recipe, donor.normalisation)
        self._place(net)
        average = copy.deepcopy(net).eval()
        net.load_state_dict(donor.data["net"])
        average.load_state_dict(donor.data["average"])
        optimiser = self._optimiser(net)
        optimiser.load_state_dict(donor.data["optimiser"])
        data = donor.data
        return State(
            net,
            average,
            optimiser,
            donor.normalisation,
            data["epoch"],
            data["best"],
            data["best_epoch"],
            data["history"],
        )

    def run(self, state: State, report: Report) -> State:
        """Train to the end of the schedule, or until patience runs out."""
        schedule = self.recipe.schedule
        self.batches.normalisation = state.normalisation
        while state.epoch < schedule.epochs and not self._tired(state):
            loss = self._epoch(state)
            validation = score_set(state.average, state.normalisation, self.validation)
            scenes = score_scene(state.average, state.normalisation, self.scenes)
            score = selection_score(validation, scenes)
            row = {
                "epoch": state.epoch,
                "step": (state.epoch + 1) * schedule.steps,
                "loss": loss,
                "rate": learning_rate(self.recipe, (state.epoch + 1) * schedule.steps),
                "validation": validation,
                "scenes": scenes,
                "score": score,
            }
            state.history.append(row)
            state.epoch += 1
            # Where there is nothing to choose by, the last is the best.
            if score > state.best or not (len(self.validation) or len(self.scenes)):
                state.best, state.best_epoch = score, state.epoch - 1
                self.save(state, "best.pt")
            self.save(state, "last.pt")
            write_text(self.folder / "metrics.json", json.dumps(without_nan(state.history), indent=1))
            draw_curves(state.history, self.folder / "curves.png")
            report(row)
        return state

    def _tired(self, state: State) -> bool:
        patience = self.recipe.schedule.patience
        return bool(patience and state.epoch - 1 - state.best_epoch >= patience)

    def _epoch(self, state: State) -> float:
        schedule = self.recipe.schedule
        state.net.train()
        if schedule.freeze_encoder:
            for part in state.net.encoder():
                part.eval()  # frozen statistics with frozen weights
        first = state.epoch * schedule.steps
        total = 0.0
        for step, batch in enumerate(self.batches.stream(first, first + schedule.steps), first):
            rate = learning_rate(self.recipe, step)
            for group in state.optimiser.param_groups:
                group["lr"] = rate * group["factor"]
            loss = self._loss(state.net, batch)
            value = loss.item()
            if not math.isfinite(value):
                raise InputError(f"{self.folder}: the loss is {value} at step {step}; lower schedule.rate")
            state.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(state.net.parameters(), 5.0)
            state.optimiser.step()
            self._follow(state, step)
            total += value
        return total / max(1, schedule.steps)

    def _loss(self, net: UNet, batch: Batch) -> torch.Tensor:
        values = batch.values.to(self.device, memory_format=torch.channels_last)
        labels, absent = batch.labels.to(self.device), batch.absent.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=has_bfloat16(self.device)):
            logits = net(values, absent)
        logits = logits.float()
        spec = self.recipe.loss
        loss = supervised_loss(logits, labels, self._weights, spec.dice, spec.smoothing)
        if spec.consistency > 0:
            half = len(logits) // 2
            loss = loss + spec.consistency * consistency_loss(logits[:half], logits[half:])
        if batch.soft is not None and self.recipe.teachers:
            soft = batch.soft.to(self.device)
            groups, trust = batch.groups.to(self.device), batch.trust.to(self.device)
            loss = loss + distillation_loss(logits, soft, groups, trust)
        return loss

    def _follow(self, state: State, step: int) -> None:
        """Let the averaged net follow; in the first steps faster, so that it forgets the start."""
        keep = min(self.recipe.schedule.average, (step + 1) / (step + 10))
        with torch.no_grad():
            ours, theirs = state.average.state_dict(), state.net.state_dict()
            for name, value in ours.items():
                if value.dtype.is_floating_point:
                    value.lerp_(theirs[name], 1 - keep)
                else:
                    value.copy_(theirs[name])

    def _place(self, net: UNet) -> None:
        # Channels last is what matrix units want; mypy's stubs of Module.to do not know it.
        net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _optimiser(self, net: UNet) -> Together:
        schedule = self.recipe.schedule
        inner = {id(p) for part in net.encoder() for p in part.parameters()} | {id(net.absent)}
        # Muon is for what turns features into features; its authors leave the first and the last layer out.
        ends = {id(p) for part in (net.stem, net.head) for p in part.parameters()}
        plain: list[dict[str, Any]] = []
        hidden: list[dict[str, Any]] = []
        for within, factor in ((False, 1.0), (True, schedule.encoder_rate)):
            params = [p for p in net.parameters() if (id(p) in inner) == within]
            if within:
                for p in params:
                    p.requires_grad_(not schedule.freeze_encoder)
                if schedule.freeze_encoder:
                    continue
            muon = [p for p in params if schedule.optimiser == "muon" and p.ndim == 4 and id(p) not in ends]
            chosen = {id(p) for p in muon}
            plain.append({"params": [p for p in params if id(p) not in chosen], "factor": factor})
            if muon:
                hidden.append({"params": muon, "factor": factor})
        decay = schedule.weight_decay
        parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(plain, schedule.rate, weight_decay=decay)]
        if hidden:
            parts.append(Muon(hidden, schedule.rate, weight_decay=decay))
        return Together(parts)

    def save(self, state: State, name: str) -> None:
        """Write a checkpoint into the run folder."""
        path = self.folder / name
        part = path.with_suffix(".part")
        normalisation = state.normalisation
        try:
            torch.save(
                {
                    "recipe": recipe_to_dict(self.recipe),
                    "normalisation": [normalisation.transform, normalisation.mean, normalisation.std],
                    "net": state.net.state_dict(),
                    "average": state.average.state_dict(),
                    "optimiser": state.optimiser.state_dict(),
                    "epoch": state.epoch,
                    "best": state.best,
                    "best_epoch": state.best_epoch,
                    "history": state.history,
                },
                part,
            )
            os.replace(part, path)
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{path}: cannot write the checkpoint: {error}") from error


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as read from its file."""

    path: Path
    data: dict[str, Any]
    recipe: Recipe
    normalisation: Normalisation

    def net(self) -> UNet:
        """The averaged net, ready to predict."""
        net = build_net(self.recipe, self.normalisation)
        net.load_state_dict(self.data["average"])
        return net.eval()

    def blended(self, anchor: Checkpoint, share: float) -> Checkpoint:
        """Give the checkpoint with a share of another's averaged weights mixed in.

        Raises
        ------
        UsageError
            If their nets or inputs differ.
        """
        ours, theirs = self.data["average"], anchor.data["average"]
        same = self.recipe.bands == anchor.recipe.bands and self.normalisation == anchor.normalisation
        if not same or {k: v.shape for k, v in ours.items()} != {k: v.shape for k, v in theirs.items()}:
            raise UsageError(
                f"{anchor.path}: schedule.anchor needs the same bands and the same net as the run"
            )
        mixed = {
            k: torch.lerp(v, theirs[k], share) if v.dtype.is_floating_point else v for k, v in ours.items()
        }
        return replace(self, data={**self.data, "average": mixed})

    def normalisation_for(self, recipe: Recipe) -> Normalisation:
        """Normalisation of this checkpoint for the bands of another recipe.

        Raises
        ------
        UsageError
            If the other recipe transforms its input differently.
        """
        own = self.normalisation
        if recipe.model.transform != own.transform:
            raise UsageError(
                f"{self.path}: expected model.transform = '{own.transform}' as in this checkpoint, "
                f"found '{recipe.model.transform}'"
            )
        centre = {b: (m, s) for b, m, s in zip(self.recipe.bands, own.mean, own.std, strict=True)}
        usual = (sum(own.mean) / len(own.mean), sum(own.std) / len(own.std))
        pairs = [centre.get(b, usual) for b in recipe.bands]
        return Normalisation(own.transform, tuple(m for m, _ in pairs), tuple(s for _, s in pairs))

    def transfer(self, net: UNet, recipe: Recipe) -> None:
        """Copy weights into a net of the same widths whose bands may differ.

        Bands in common keep their weights; a new band starts with none, so that the net begins as
        good as it was.

        Raises
        ------
        UsageError
            If the widths, the depth or the features differ.
        """
        ours, theirs = self.recipe.model, recipe.model
        if (ours.widths, ours.bottom, ours.features) != (theirs.widths, theirs.bottom, theirs.features):
            raise UsageError(
                f"{self.path}: --init needs the same model.widths, model.bottom and model.features as "
                "this recipe's"
            )
        weights = dict(self.data["average"])
        places = [self.recipe.bands.index(b) if b in self.recipe.bands else -1 for b in recipe.bands]
        extra = len(recipe.model.features)
        stem, absent = weights["stem.weight"], weights["absent"]
        fresh = stem.new_zeros(stem.shape[0], len(places) + extra, *stem.shape[2:])
        none = absent.new_zeros(len(places), absent.shape[1])
        for new, old in enumerate(places):
            if old >= 0:
                fresh[:, new], none[new] = stem[:, old], absent[old]
        if extra:
            fresh[:, len(places) :] = stem[:, len(self.recipe.bands) :]
        left = sorted(set(range(len(self.recipe.bands))) - set(places))
        if left:  # bands that are gone for good: what the net knew of their absence goes into the norm
            shift = absent[left].sum(0)
            weights["stem_norm.running_mean"] = weights["stem_norm.running_mean"] - shift
        weights["stem.weight"], weights["absent"] = fresh, none
        net.load_state_dict(weights)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    UsageError
        If it is not there or not a checkpoint of this package.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such checkpoint")
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
        transform, mean, std = data["normalisation"]
        return Checkpoint(
            path, data, recipe_from_dict(data["recipe"]), Normalisation(transform, tuple(mean), tuple(std))
        )
    except (
        OSError,
        RuntimeError,
        KeyError,
        TypeError,
        EOFError,
        ValueError,
        pickle.UnpicklingError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"{path}: expected a checkpoint of 'cloudmask train', found: {reason}") from error


def without_nan(value: Any) -> Any:
    """The same value of JSON with null for what is not a number, which JSON has no word for."""
    if isinstance(value, dict):
        return {k: without_nan(v) for k, v in value.items()}
    if isinstance(value, list):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_text(path: Path, text: str) -> None:
    """Write a file at once or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, "utf-8")
        os.replace(part, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot write: {error.strerror}") from error
