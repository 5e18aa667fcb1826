"""Statistics, networks' arithmetic, and reports of the benchmark."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from helpers_models import write_model
from onnx import TensorProto, helper, numpy_helper

from cloudmask.bench.contenders import Contender
from cloudmask.bench.macs import macs_per_pixel
from cloudmask.bench.product import ProductTimes
from cloudmask.bench.report import json_report, text_report
from cloudmask.bench.results import Benchmark, Comparison, Lap, Limits
from cloudmask.bench.statistics import Spread, figure, ratios
from cloudmask.errors import ModelError, UsageError


def test_spread():
    spread = Spread.of([3.0, 1.0, 2.5])
    assert (spread.median, spread.low, spread.high) == (2.5, 1.0, 3.0)
    assert spread.text() == "2.5 (1-3)"
    with pytest.raises(UsageError, match="at least one round"):
        Spread.of([])


def test_ratios_are_taken_within_rounds():
    # The machine was ten times slower in the second round: the ratio is 2 all the same.
    assert ratios([2.0, 0.2, 2.0], [1.0, 0.1, 1.0]) == Spread(2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1234.5, "1230"), (0.012345, "0.0123"), (98765432, "98800000")]
)
def test_figures(value, text):
    assert figure(value) == text


def network(tmp_path, nodes, constants, channels=3, planes=4):
    """Write a network with an input x and an output y of any tile size."""
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", channels, "h", "w"])
    target = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", planes, "oh", "ow"])
    values = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph(
        [helper.make_node(*n[:3], **n[3]) for n in nodes], "g", [source], [target], values
    )
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_macs_of_convolutions(tmp_path):
    weights = {
        "stem": np.ones((8, 3, 3, 3), np.float32),
        "deep": np.ones((8, 1, 5, 5), np.float32),
        "up": np.ones((8, 4, 2, 2), np.float32),
    }
    path = network(
        tmp_path,
        [
            ("Conv", ["x", "stem"], ["a"], {"strides": [2, 2], "pads": [1] * 4}),
            ("Conv", ["a", "deep"], ["b"], {"group": 8, "pads": [2] * 4}),
            ("ConvTranspose", ["b", "up"], ["y"], {"strides": [2, 2]}),
        ],
        weights,
    )
    # A quarter of the pixels after the stride; each output sample of a convolution meets its filter,
    # each input sample of a transposed one all of its filters.
    expected = (8 * 3 * 9 + 8 * 25 + 8 * 4 * 4) / 4
    assert macs_per_pixel(path, 64) == expected
    assert macs_per_pixel(path, 32) == expected


def test_macs_of_a_network_that_is_told_of_absent_bands(tmp_path):
    path = write_model(tmp_path, "told", kind="absent", optional=["B08"])
    assert macs_per_pixel(path, 64) == 16  # four bands to four planes; the second input has two axes


def test_macs_of_matrix_products(tmp_path):
    path = network(
        tmp_path,
        [
            ("Transpose", ["x"], ["t"], {"perm": [0, 2, 3, 1]}),
            ("MatMul", ["t", "m"], ["u"], {}),
            ("Transpose", ["u"], ["y"], {"perm": [0, 3, 1, 2]}),
        ],
        {"m": np.ones((3, 4), np.float32)},
    )
    assert macs_per_pixel(path, 16) == 12


def test_macs_need_shapes(tmp_path):
    # How many samples NonZero gives depends on the values, which nobody knows beforehand.
    path = network(
        tmp_path,
        [
            ("NonZero", ["x"], ["n"], {}),
            ("Cast", ["n"], ["f"], {"to": TensorProto.FLOAT}),
            ("MatMul", ["m", "f"], ["p"], {}),
            ("ReduceSum", ["p"], ["s"], {"keepdims": 0}),
            ("Add", ["x", "s"], ["y"], {}),
        ],
        {"m": np.ones((4, 4), np.float32)},
        planes=3,
    )
    with pytest.raises(ModelError, match="cannot infer the shape"):
        macs_per_pixel(path, 16)


def test_macs_of_dlr(dlr):
    from cloudmask.catalog import catalog

    path = next(e.path for e in catalog() if e.card.name == dlr.card.name)
    assert macs_per_pixel(path, 256) == pytest.approx(70930, rel=1e-3)


def lap(name, mask, gsd, seconds):
    contender = Contender(name, mask, gsd, 1000, "cpu", 2)
    rounds = [
        {"seconds": s, "cpu_seconds": 2 * s, "pixels": 1_000_000, "peak_mib": 300.0 + s} for s in seconds
    ]
    return Lap(contender, rounds)


@pytest.fixture
def finished():
    ours = lap("cloudmask:m", "cloudmask:m", 20.0, [1.0, 2.0, 1.0])
    other = lap("ukis-csmask", "ukis-csmask@30", 30.0, [3.0, 6.0, 4.0])
    infer = {
        "seconds": 0.5, "cpu_seconds": 1.0, "tiles": 4, "tile": 600, "measured_tiles": 4,
        "tiled_pixels": 1_440_000,
    }  # fmt: skip
    peak = {"macs_per_second": 2e10, "macs_per_cpu_second": 1e10, "by": "kernels 1"}
    peaks = {"fp32": peak, "bf16": {"missing": "needs torch"}}
    limits = Limits("m", 5000.0, infer, 1_000_000, peaks)
    times = ProductTimes("S2A_X", "m", (5490, 5490))
    stages = {"read_wait": 1.0, "inference": 2.0, "postprocess": 0.5, "write": 0.5, "load_work": 3.0}
    for total in (10.0, 12.0):
        times.rounds["total"].append(
            {"wall_seconds": total, "cpu_seconds": 15.0, "peak_mib": 700.0, "stages": stages}
        )
        times.rounds["decode"].append({"seconds": 6.0, "cpu_seconds": 8.0})
        times.rounds["infer"].append({"seconds": 2.0, "cpu_seconds": 4.0})
    machine = {"processor": "P", "cores": 2, "load": 0.1, "system": "S", "versions": {"numpy": "2"}}
    return Benchmark(machine, "pixels", 3, [ours, other], [Comparison(ours, other, 0.987)], limits, times)


def test_figures_of_a_benchmark(finished):
    first = finished.comparisons[0]
    assert first.ratio() == Spread(3.0, 3.0, 4.0)
    assert finished.laps[0].product_seconds == pytest.approx(5490**2 / 1e6)
    assert finished.limits.macs_per_second == pytest.approx(5000 * 1.44e6 / 0.5)
    assert finished.limits.share("fp32") == pytest.approx(0.72)
    assert finished.limits.share("bf16") is None
    assert finished.limits.ceiling("fp32") == pytest.approx(4e6)
    assert finished.product.over(sum) == Spread(1.375, 1.25, 1.5)
    assert finished.product.over(max, cpu=True) == Spread(15 / 8, 15 / 8, 15 / 8)


def test_terminal_report(finished):
    text = text_report(finished)
    assert text.index("RATIOS") < text.index("THROUGHPUT") < text.index("LIMITS") < text.index("PRODUCT")
    assert "3 (3-4)" in text
    assert "98.70 % (same weights)" in text
    assert "72 %" in text
    assert "not measured" in text
    assert "1.38 (1.25-1.5) times their sum" in text


def test_markdown_report(finished):
    lines = text_report(finished, markdown=True).splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert lines[0] == "## Ratios"
    assert len({line.count("|") for line in tables[:3]}) == 1
    assert set(tables[1]) == {"|", "-"}


def test_json_report(finished):
    data = json.loads(json.dumps(json_report(finished), allow_nan=False))
    assert data["ratios"][0]["times_as_fast"] == {"median": 3.0, "min": 3.0, "max": 4.0}
    assert data["limits"]["share_of_peak"] == {"fp32": 0.72, "bf16": None}
    assert data["product"]["over_sum"]["median"] == 1.375
    assert len(data["masks"][1]["rounds"]) == 3
