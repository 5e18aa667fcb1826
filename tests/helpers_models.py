"""Tiny networks for tests: ONNX files with a card, and models that need no runtime.

path = write_model(tmp_path)                      # a network that answers with its first four bands
path = write_model(tmp_path, bands=("B02",), kind="constant", gsd=30, tile={"size": 64, ...})
model = ArrayModel(card(...))                      # the same without ONNX Runtime
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from cloudmask.card import METADATA_KEY, ModelCard, parse_card

FOUR = ("clear", "cloud_shadow", "semi_transparent_cloud", "cloud")
BANDS = ("B02", "B03", "B04", "B08")
CONSTANT = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
REACH = 4
"""Pixels that the ``"blur"`` network looks to each side."""
TILE = {"size": 64, "margin": 8, "multiple": 8, "fixed": False}


def card_data(
    name: str = "tiny",
    *,
    level: str = "L1C",
    bands: Sequence[str] = BANDS,
    gsd: float = 20,
    classes: Sequence[str] = FOUR,
    activation: str = "none",
    tile: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A valid card as decoded JSON; `more` adds or replaces keys, None removes them."""
    data: dict[str, Any] = {
        "name": name,
        "title": "A tiny network for tests",
        "version": "1",
        "level": level,
        "bands": list(bands),
        "gsd": gsd,
        "input": {"scale": 1.0, "transform": "none", "mean": [0.0] * len(bands), "std": [1.0] * len(bands)},
        "output": {"activation": activation, "classes": list(classes)},
        "tile": dict(tile or TILE),
        "opset": 17,
        "licence": "Apache-2.0",
        "training_data": "none",
    } | more
    return {key: value for key, value in data.items() if value is not None}


def card(name: str = "tiny", **changes: Any) -> ModelCard:
    """The same, parsed."""
    return parse_card(card_data(name, **changes), "test")


def write_model(
    folder: Path,
    name: str = "tiny",
    *,
    kind: str = "identity",
    card_at: str = "beside",
    channels: int | None = None,
    planes: int | None = None,
    side: int | None = None,
    **changes: Any,
) -> Path:
    """Write an ONNX file and its card.

    Parameters
    ----------
    kind : str
        ``"identity"``: output plane i is input band i; ``"constant"``: `CONSTANT` everywhere;
        ``"blur"``: means over ``2 * REACH + 1`` pixels squared, zeros outside the tile;
        ``"absent"``: identity with a second input, of which band i, 1 where absent, is added to plane i;
        ``"tied"``: the identity, in operators that do with tiles of `side` only.
    card_at : str
        ``"beside"`` (JSON), ``"metadata"`` (inside the ONNX file) or ``"nowhere"``.
    channels, planes : int, optional
        Bands the graph takes and planes it gives, if they shall disagree with the card.
    side : int, optional
        Tile side fixed in the graph.
    **changes
        To the card.
    """
    data = card_data(name, **changes)
    path = folder / f"{name}.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    graph = _graph(kind, channels or len(data["bands"]), planes or len(data["output"]["classes"]), side)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if card_at == "metadata":
        helper.set_model_props(model, {METADATA_KEY: json.dumps(data)})
    onnx.save(model, str(path))
    if card_at == "beside":
        path.with_suffix(".json").write_text(json.dumps(data), "utf-8")
    return path


def _graph(kind: str, channels: int, planes: int, side: int | None) -> onnx.GraphProto:
    size: list[int | str] = [side or "rows", side or "cols"]
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", channels, *size])
    target = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", planes, *size])
    taps = 2 * REACH + 1 if kind == "blur" else 1
    weights = np.zeros((planes, channels, taps, taps), np.float32)
    bias = np.zeros(planes, np.float32)
    if kind == "constant":
        bias[:] = CONSTANT[:planes]
    else:
        for plane in range(planes):
            weights[plane, min(plane, channels - 1)] = 1 / taps**2
    initialisers = [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")]
    if kind == "absent":
        told = helper.make_tensor_value_info("absent", TensorProto.FLOAT, ["n", channels])
        initialisers.append(numpy_helper.from_array(np.array([2, 3], np.int64), "axes"))
        nodes = [
            helper.make_node("Conv", ["x", "w", "b"], ["planes"]),
            helper.make_node("Unsqueeze", ["absent", "axes"], ["spread"]),
            helper.make_node("Add", ["planes", "spread"], ["y"]),
        ]
        return helper.make_graph(nodes, kind, [source, told], [target], initialisers)
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[taps // 2] * 4)
    nodes = [node]
    if kind == "tied":
        node.output[0] = "free"
        nodes.append(helper.make_node("Reshape", ["free", "shape"], ["y"]))
        initialisers.append(numpy_helper.from_array(np.array([-1, planes, side, side]), "shape"))
    return helper.make_graph(nodes, kind, [source], [target], initialisers)


@dataclass
class ArrayModel:
    """A model in numpy: output plane i is input band i; counts its tiles."""

    card: ModelCard
    device: str = "cpu"
    batch_size: int = 1
    tiles: int = 0
    callers: int = 1

    def shared(self, callers: int) -> ArrayModel:
        self.callers = callers
        return self

    def predict(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.tiles += len(batch)
        return np.ascontiguousarray(batch[:, : len(self.card.classes)])


@dataclass
class ConstantModel(ArrayModel):
    """A model that is sure of one class everywhere."""

    plane: int = 0

    def predict(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        out = np.zeros((len(batch), len(self.card.classes), *batch.shape[2:]), np.float32)
        out[:, self.plane] = 1
        return out


def without(data: dict[str, Any], *path: str) -> dict[str, Any]:
    """A deep copy of a card that lacks one key."""
    out = copy.deepcopy(data)
    inner = out
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return out
