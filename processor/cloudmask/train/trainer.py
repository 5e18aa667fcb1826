"""The training loop: deterministic by step, so that a killed run goes on along the same curve."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ..atomic import write_text
from ..errors import InputError, UsageError
from .batches import Batch, Batches, Normalisation
from .checkpoint import Checkpoint, build_net, load_checkpoint, save_checkpoint
from .curves import draw_curves
from .losses import consistency_loss, distillation_loss, supervised_loss
from .net import UNet
from .optimisers import Muon, Together
from .pool import PatchSet
from .precision import has_bfloat16
from .recipe import Recipe
from .restore import read_model, restore
from .scoring import score_scene, score_set, selection_score

Report = Callable[[dict[str, Any]], None]

_NAMED = ("exports", "name", "version", "title", "licence", "citation", "training_data")
"""What of a recipe may be changed when its run has begun."""

_LOOKS = 8
"""Batches on which the norms of an exported model are found again."""


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a cosine to a hundredth of the rate."""
    schedule = recipe.schedule
    total = max(1, schedule.epochs * schedule.steps)
    if step < schedule.warmup:
        return schedule.rate * (step + 1) / schedule.warmup
    done = (step - schedule.warmup) / max(1, total - schedule.warmup)
    return schedule.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def check_same_recipe(checkpoint: Checkpoint, recipe: Recipe) -> None:
    """See that a recipe goes the way that a checkpoint's run goes; names, exports and the anchor may differ.

    Raises
    ------
    UsageError
        If it is another recipe.
    """
    # What is exported at the end, and under which name, does not change the way there.
    named = {key: getattr(recipe, key) for key in _NAMED}
    schedule = replace(checkpoint.recipe.schedule, anchor=recipe.schedule.anchor)
    if replace(checkpoint.recipe, **named, schedule=schedule) != recipe:
        raise UsageError(
            f"{checkpoint.path}: made with another recipe; use a new folder, or the recipe of this run"
        )


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
        InputError
            If it is no checkpoint, or not one of this recipe's optimiser.
        """
        path = self.folder / "last.pt"
        donor = load_checkpoint(path)
        check_same_recipe(donor, self.recipe)
        net = build_net(self.recipe, donor.normalisation)
        self._place(net)
        average = copy.deepcopy(net).eval()
        net.load_state_dict(donor.data["net"])
        average.load_state_dict(donor.data["average"])
        optimiser = self._optimiser(net)
        try:
            optimiser.load_state_dict(donor.data["optimiser"])
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise InputError(
                f"{path}: key 'optimiser': expected the states of {self.recipe.schedule.optimiser} for this "
                f"net, found others: {error}; begin a new run, from these weights with --init last.pt"
            ) from error
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
            metrics = json.dumps(without_nan(state.history), indent=1)
            write_text(self.folder / "metrics.json", metrics, overwrite=True)
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
        content = {
            "net": state.net.state_dict(),
            "average": state.average.state_dict(),
            "optimiser": state.optimiser.state_dict(),
            "epoch": state.epoch,
            "best": state.best,
            "best_epoch": state.best_epoch,
            "history": state.history,
        }
        save_checkpoint(self.folder / name, self.recipe, state.normalisation, content)


def without_nan(value: Any) -> Any:
    """The same value of JSON with null for what is not a number, which JSON has no word for."""
    if isinstance(value, dict):
        return {k: without_nan(v) for k, v in value.items()}
    if isinstance(value, list):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
