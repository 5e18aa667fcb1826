"""Nets of recipes: untrained, and as a checkpoint holds them."""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from ..atomic import AtomicOutputs
from ..errors import InputError, OutputError, UsageError
from .batches import Normalisation
from .features import Indices
from .net import UNet
from .recipe import Recipe
from .recipe_file import recipe_from_dict, recipe_to_dict


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
        If it is not there.
    InputError
        If it is not a checkpoint of this package, or its content is not that of its own recipe's run.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such checkpoint")
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
        _check_kinds(data)
        recipe = recipe_from_dict(data["recipe"])
        transform, mean, std = data["normalisation"]
        normalisation = Normalisation(transform, tuple(mean), tuple(std))
        _check_normalisation(normalisation, recipe)
        _check_weights(data, recipe, normalisation)
        return Checkpoint(path, data, recipe, normalisation)
    except (
        OSError,
        RuntimeError,
        LookupError,
        AttributeError,
        TypeError,
        EOFError,
        ValueError,
        pickle.UnpicklingError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, pickle.UnpicklingError):  # PyTorch's words advise to run what is in the file
            reason = "a file that is damaged, or holds more than numbers and texts"
        raise InputError(
            f"{path}: expected a checkpoint of 'cloudmask train', found: {reason}; take another, such as the "
            "run's best.pt or last.pt, or begin a new run"
        ) from error


_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = MappingProxyType(
    {
        "recipe": ((dict,), "a recipe"),
        "normalisation": ((list, tuple), "transform, means and deviations"),
        "net": ((dict,), "weights by name"),
        "average": ((dict,), "weights by name"),
        "optimiser": ((list,), "states of optimisers"),
        "epoch": ((int,), "a whole number"),
        "best": ((float, int), "a number"),
        "best_epoch": ((int,), "a whole number"),
        "history": ((list,), "a list of epochs"),
    }
)
"""What a checkpoint holds, and how to say so."""


def _check_kinds(data: object) -> None:
    """See that all is there that a run goes on from; raises ValueError."""
    if not isinstance(data, dict):
        raise ValueError(f"a {type(data).__name__}")
    for key, (kinds, words) in _KINDS.items():
        if key not in data:
            raise ValueError(f"no key '{key}', {words}")
        if not isinstance(data[key], kinds) or isinstance(data[key], bool):
            raise ValueError(f"key '{key}': a {type(data[key]).__name__}, not {words}")


def _check_normalisation(normalisation: Normalisation, recipe: Recipe) -> None:
    """See that there is a number of each kind for each band; raises ValueError."""
    count, mean, std = len(recipe.bands), normalisation.mean, normalisation.std
    finite = all(isinstance(n, (int, float)) and math.isfinite(n) for n in (*mean, *std))
    if not finite or (len(mean), len(std)) != (count, count) or min(std) <= 0:
        raise ValueError(f"normalisation: not {count} means and as many deviations above 0")
    if normalisation.transform != recipe.model.transform:
        raise ValueError(f"normalisation: transform {normalisation.transform!r} is not its recipe's")


def _check_weights(data: Mapping[str, Any], recipe: Recipe, normalisation: Normalisation) -> None:
    """See that weights fit the recipe's net; raises ValueError."""
    with torch.device("meta"):  # for its names and shapes alone
        wanted = build_net(recipe, normalisation).state_dict()
    for key in ("net", "average"):
        state = data[key]
        odd = sorted(set(wanted) ^ set(state), key=str)
        if odd:
            raise ValueError(
                f"key '{key}': {odd[0]} is {'missing' if odd[0] in wanted else 'no part of the net'}"
            )
        for name, value in wanted.items():
            found = state[name]
            if not isinstance(found, torch.Tensor):
                raise ValueError(f"key '{key}': {name} is {type(found).__name__}, not a tensor")
            if (found.shape, found.dtype) != (value.shape, value.dtype):
                raise ValueError(
                    f"key '{key}': {name} is {found.dtype} {list(found.shape)}, not {value.dtype} "
                    f"{list(value.shape)} as its recipe's net has it"
                )


def save_checkpoint(
    path: Path, recipe: Recipe, normalisation: Normalisation, content: Mapping[str, Any]
) -> None:
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    path : Path
        Target; replaced.
    recipe : Recipe
        What is being trained.
    normalisation : Normalisation
        Of the net's input.
    content : mapping
        ``net``, ``average`` and ``optimiser`` as dictionaries of states, and what else a run goes on from.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    kept = [normalisation.transform, normalisation.mean, normalisation.std]
    data = {"recipe": recipe_to_dict(recipe), "normalisation": kept, **content}
    try:
        with AtomicOutputs([path], overwrite=True) as outputs:
            torch.save(data, outputs.path(path))
    except RuntimeError as error:  # PyTorch's writer has its own words for a full disk
        raise OutputError(f"{path}: cannot write the checkpoint: {error}") from error
