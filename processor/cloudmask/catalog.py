"""Finding models: those that come with the package, those in folders, and any file."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .bands import Level
from .card import ModelCard, load_card
from .errors import ModelError
from .onnx_model import OnnxModel

PATH_VARIABLE = "CLOUDMASK_MODEL_PATH"
"""Environment variable with folders of further models, separated as in PATH."""


@dataclass(frozen=True)
class Entry:
    """A model that is known.

    Attributes
    ----------
    card : ModelCard
        Its card.
    path : Path or None
        Its ONNX file; None if the package that holds it is not installed.
    """

    card: ModelCard
    path: Path | None

    @property
    def missing(self) -> str:
        """What to do to get the file; empty if it is there."""
        if self.path is not None:
            return ""
        return f"pip install '{self.card.location.get('distribution', self.card.name)}'"


def catalog() -> list[Entry]:
    """All known models, best first: the package's own, then those of ``CLOUDMASK_MODEL_PATH``.

    Other JSON files may lie in a folder, as in one that ``cloudmask train`` made: a card is a file beside an
    ONNX file of the same stem, or one that says by its key ``file`` where its model is.

    Raises
    ------
    ModelError
        If a card is unusable or two models share a name.
    """
    folders = [Path(__file__).parent / "models"]
    folders += [Path(p) for p in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if p]
    entries: dict[str, Entry] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ModelError(f"{folder}: no such folder of models (from {PATH_VARIABLE})")
        for file in sorted(folder.glob("*.json")):
            if not _is_card(file):
                continue
            card = load_card(file)
            if card.name in entries:
                raise ModelError(f"{file}: a model named '{card.name}' is known already; rename one")
            entries[card.name] = Entry(card, _file(file, card))
    return sorted(entries.values(), key=lambda e: -e.card.rank)


def _is_card(file: Path) -> bool:
    if file.with_suffix(".onnx").is_file():
        return True
    try:
        data = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False  # no model is named by it, so nobody misses one
    return isinstance(data, dict) and "file" in data


def _file(card_file: Path, card: ModelCard) -> Path | None:
    if not card.location:
        path = card_file.with_suffix(".onnx")
        return path if path.is_file() else None
    # find_spec locates the package without running any of its code.
    spec = importlib.util.find_spec(card.location["module"])
    for root in (spec.submodule_search_locations or []) if spec else []:
        path = Path(root) / card.location["path"]
        if path.is_file():
            return path
    return None


def choose(level: Level, bands: Sequence[str]) -> Entry:
    """The best model for a level that does with the bands there are.

    Raises
    ------
    ModelError
        If none fits; the message says which bands would do, or what to install.
    """
    of_level = [e for e in catalog() if e.card.level == level]
    fitting = [e for e in of_level if set(e.card.required) <= set(bands)]
    for entry in fitting:
        if entry.path is not None:
            return entry
    if fitting:
        raise ModelError(f"model {fitting[0].card.name} is not installed: {fitting[0].missing}")
    needs = "; ".join(f"{e.card.name}: {' '.join(e.card.required)}" for e in of_level) or "none is known"
    raise ModelError(f"no {level} model does with the bands {' '.join(bands)}; these would do: {needs}")


def load_model(
    model: str | Path | None = None,
    *,
    level: Level | None = None,
    bands: Sequence[str] | None = None,
    device: str = "auto",
    threads: int = 0,
) -> OnnxModel:
    """Load a network.

    Parameters
    ----------
    model : str or Path, optional
        A name that ``cloudmask models`` lists, or an ONNX file with its card. By default the best
        one for `level` and `bands`, which are then required.
    level : {"L1C", "L2A"}, optional
        Processing level to choose for.
    bands : sequence of str, optional
        Bands at hand. Of those that the model can do without, the ones that are not at hand are left
        off the card of the model returned; by default it expects them all.
    device : {"auto", "cpu", "cuda", "openvino"}
        Where to run.
    threads : int
        Processor threads; 0 takes all.

    Raises
    ------
    ModelError
        If there is no such model or it is unusable.
    DeviceError
        If the device is not there.
    """
    if model is None:
        if level is None or bands is None:
            raise ModelError("choosing a model needs the processing level and the bands at hand")
        entry = choose(level, bands)
    else:
        path = Path(model)
        if path.suffix.lower() == ".onnx" or path.is_file():
            return OnnxModel(path, device=device, threads=threads, bands=bands)
        known = {e.card.name: e for e in catalog()}
        if str(model) not in known:
            raise ModelError(f"no model '{model}': expected an .onnx file or one of {', '.join(known)}")
        entry = known[str(model)]
    if entry.path is None:
        raise ModelError(f"model {entry.card.name} is not installed: {entry.missing}")
    return OnnxModel(entry.path, entry.card, device=device, threads=threads, bands=bands)
