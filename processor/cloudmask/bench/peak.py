"""How fast this machine multiplies matrices, for one to know what share of it a network gets."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..cpu import has_bfloat16, thread_count
from ..errors import UsageError
from ..onnx_model import runtime
from .macs import import_onnx

PRECISIONS = ("fp32", "bf16", "int8")
_SIDE = 2048
"""Side of the matrices multiplied: large enough that all else is lost in them."""
_TRIES = 7


def multiply(precision: str, threads: int) -> dict[str, Any]:
    """Multiply two large matrices: multiply-accumulates a second, the best of several tries.

    fp32 and int8 are ONNX Runtime's, bf16 is torch's.

    Returns
    -------
    dict
        ``macs_per_second`` on the wall and ``macs_per_cpu_second`` of one core, and ``by``: whose
        kernels; or ``missing``: why it was not measured.
    """
    if precision == "bf16" and not has_bfloat16():
        # Torch would do without, for minutes.
        return {"missing": "not multiplied by this processor, as far as is known"}
    try:
        call, by = _multiplier(precision, thread_count(threads))
    except ImportError:
        return {"missing": "needs torch"}
    call()
    wall, cpu = [], []
    for _ in range(_TRIES):
        begun, begun_cpu = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - begun_cpu)
    work = _SIDE**3
    return {"macs_per_second": work / min(wall), "macs_per_cpu_second": work / min(cpu), "by": by}


def _multiplier(precision: str, threads: int) -> tuple[Callable[[], object], str]:
    if precision == "bf16":
        torch = importlib.import_module("torch")
        torch.set_num_threads(threads)
        one = torch.rand(_SIDE, _SIDE).to(torch.bfloat16)
        return lambda: torch.mm(one, one), f"torch {torch.__version__}"
    if precision not in PRECISIONS:
        raise UsageError(f"precision: expected one of {', '.join(PRECISIONS)}, found '{precision}'")
    ort = runtime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that spin while they wait would count as work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    graph = _product_graph(precision == "int8")
    session = ort.InferenceSession(graph, sess_options=options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    left = rng.integers(0, 255, (_SIDE, _SIDE)).astype(np.uint8 if precision == "int8" else np.float32)
    return lambda: session.run(None, {"a": left}), f"ONNX Runtime {ort.__version__}"


def _product_graph(whole_numbers: bool) -> bytes:
    """An ONNX model that multiplies its input with a constant matrix, which kernels may rearrange."""
    onnx = import_onnx()
    kinds, make = onnx.TensorProto, onnx.helper
    given, summed = (kinds.UINT8, kinds.INT32) if whole_numbers else (kinds.FLOAT, kinds.FLOAT)
    right = np.random.default_rng(1).integers(-100, 100, (_SIDE, _SIDE))
    constant = onnx.numpy_helper.from_array(right.astype(np.int8 if whole_numbers else np.float32), "b")
    graph = make.make_graph(
        [make.make_node("MatMulInteger" if whole_numbers else "MatMul", ["a", "b"], ["c"])],
        "product",
        [make.make_tensor_value_info("a", given, [_SIDE, _SIDE])],
        [make.make_tensor_value_info("c", summed, [_SIDE, _SIDE])],
        [constant],
    )
    opset = make.make_opsetid("", 17)
    data: bytes = make.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    return data
