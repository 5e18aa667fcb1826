"""Whether a network's inputs and output are what its card says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .card import ModelCard
from .errors import ModelError


def check_graph(path: Path, session: Any, card: ModelCard, *, settled: bool = False) -> tuple[str, str]:
    """Compare the graph's inputs and output with the card; returns the names of image input and output.

    Of a graph with optional bands the second input must have been `settled`
    (:func:`cloudmask.onnx_edit.settle_input`), or it is not what the card says.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    expected = [
        "(n, bands, rows, cols)",
        *(["(n, bands), 1 where a band is absent"] if card.optional else []),
    ]
    if len(inputs) + settled != len(expected):
        count = "one input" if len(expected) == 1 else "two inputs, since the card has optional bands,"
        raise ModelError(f"{path}: expected {count} {' and '.join(expected)}; found {len(inputs)}")
    for extra in inputs[1:]:
        if extra.type != "tensor(float)" or len(extra.shape) != 2:
            raise ModelError(
                f"{path}: expected a float32 input (n, bands) that tells absent bands, "
                f"found {extra.type} {extra.shape}"
            )
        _check_axis(path, "bands in its second input", extra.shape[1], len(card.bands), "bands")
    node = inputs[0]
    if node.type != "tensor(float)" or len(node.shape) != 4:
        raise ModelError(
            f"{path}: expected a float32 input (n, bands, rows, cols), found {node.type} {node.shape}"
        )
    _check_axis(path, "input bands", node.shape[1], len(card.bands), "bands")
    for side in node.shape[2:]:
        if isinstance(side, int) and side > 0 and side != card.tile.size:
            raise ModelError(f"{path}: the graph takes tiles of {side} px, its card says {card.tile.size}")
    shape = outputs[0].shape
    if len(shape) != 4:
        raise ModelError(f"{path}: expected an output (n, classes, rows, cols), found {shape}")
    _check_axis(path, "output planes", shape[1], len(card.classes), "classes")
    return inputs[0].name, outputs[0].name


def _check_axis(path: Path, what: str, found: object, expected: int, key: str) -> None:
    if isinstance(found, int) and found > 0 and found != expected:
        raise ModelError(f"{path}: the graph has {found} {what}, its card names {expected} {key}")
