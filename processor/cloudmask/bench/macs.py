"""Multiply-accumulates of a network, counted from its ONNX graph."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import ModelError, UsageError
from ..onnx_edit import open_sides
from ..onnx_model import runtime


def import_onnx() -> Any:
    """Import the package `onnx`.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    try:
        return importlib.import_module("onnx")
    except ImportError as error:
        raise UsageError(
            "the benchmark reads and makes networks with onnx: pip install '.[bench]'"
        ) from error


def macs_per_pixel(path: Path, side: int) -> float:
    """Multiply-accumulates for each pixel of a tile, in convolutions and matrix products.

    Element-wise work and pooling are not counted, as is usual.

    Parameters
    ----------
    path : Path
        The ONNX file; its input is (n, bands, rows, cols).
    side : int
        Side of the tile, pixels.

    Raises
    ------
    ModelError
        If a shape cannot be inferred.
    UsageError
        If `onnx` is not installed.
    """
    onnx = import_onnx()
    model = onnx.load_from_string(_folded(path))
    for source in model.graph.input:  # the second, if any, tells of absent bands: (n, bands)
        dims = source.type.tensor_type.shape.dim
        for dim, value in zip(dims, (1, dims[1].dim_value, side, side), strict=False):
            dim.dim_value = value
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes: dict[str, list[int]] = {t.name: list(t.dims) for t in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes.setdefault(value.name, [d.dim_value for d in value.type.tensor_type.shape.dim])
    total = 0
    for node in graph.node:
        place = _OPERANDS.get(node.op_type)
        if place is None:
            continue
        names = [node.input[i] for i in place] + [node.output[0]]
        missing = [n for n in names if not shapes.get(n) or 0 in shapes[n]]
        if missing:
            raise ModelError(f"{path}: cannot infer the shape of '{missing[0]}' ({node.op_type})")
        total += _count(node.op_type, *(shapes[n] for n in names))
    return total / side**2


def _folded(path: Path) -> bytes:
    """The graph with its constants worked out: shape inference does not see through computed ones."""
    ort = runtime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with TemporaryDirectory(prefix="cloudmask-bench-") as folder:
        target = Path(folder) / "folded.onnx"
        options.optimized_model_filepath = str(target)
        # With the size it was exported for, what is worked out might hold for that size alone.
        opened = open_sides(path.read_bytes())
        ort.InferenceSession(opened, sess_options=options, providers=["CPUExecutionProvider"])
        return target.read_bytes()


_OPERANDS: dict[str, tuple[int, int]] = {
    # operator: places of data and weights among its inputs
    "Conv": (0, 1),
    "ConvInteger": (0, 1),
    "QLinearConv": (0, 3),
    "ConvTranspose": (0, 1),
    "MatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearMatMul": (0, 3),
    "Gemm": (0, 1),
}


def _count(kind: str, data: list[int], weights: list[int], out: list[int]) -> int:
    if kind == "ConvTranspose":  # every input sample meets each of its weights once
        return math.prod(data) * math.prod(weights[1:])
    if "Conv" in kind:  # every output sample is a sum over one filter
        return math.prod(out) * math.prod(weights[1:])
    inner = math.prod(weights) // out[-1] if len(weights) == 2 else data[-1]
    return math.prod(out) * inner
