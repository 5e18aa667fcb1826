"""Graphs exported for one tile size, opened for others; inputs that are settled."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from cloudmask.catalog import catalog
from cloudmask.onnx_edit import open_sides, settle_input, tied_side
from cloudmask.onnx_model import OnnxModel


def network(rows, cols, *, listed=False):
    """A convolution whose weights are as large as a tile and have as many dimensions."""
    weights = numpy_helper.from_array(np.ones((2, 3, 9, 9), np.float32), "w")
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, rows, cols])]
    if listed:
        inputs.insert(0, helper.make_tensor_value_info("w", TensorProto.FLOAT, [2, 3, 9, 9]))
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["inner"], pads=[4] * 4),
            helper.make_node("Relu", ["inner"], ["y"]),
        ],
        "net",
        inputs,
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2, rows, cols])],
        [weights],
        value_info=[helper.make_tensor_value_info("inner", TensorProto.FLOAT, ["n", 2, rows, cols])],
    )
    return helper.make_model(graph, producer_name="a" * 300)


def told(bands=3, kind=TensorProto.FLOAT):
    """The image plus what a second input says of each band."""
    graph = helper.make_graph(
        [
            helper.make_node("Unsqueeze", ["absent", "axes"], ["planes"]),
            helper.make_node("Add", ["x", "planes"], ["y"]),
        ],
        "net",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "rows", "cols"]),
            helper.make_tensor_value_info("absent", kind, ["n", bands]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, "rows", "cols"])],
        [numpy_helper.from_array(np.array([2, 3]), "axes")],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def sizes(info):
    return [d.dim_param or d.dim_value for d in info.type.tensor_type.shape.dim]


@pytest.mark.parametrize("listed", [False, True])
def test_only_the_declared_sizes_change(listed):
    before = network(64, 64, listed=listed)
    opened = onnx.load_from_string(open_sides(before.SerializeToString()))
    onnx.checker.check_model(opened, full_check=True)
    assert sizes(opened.graph.input[-1]) == ["n", 3, "rows", "cols"]
    assert sizes(opened.graph.output[0]) == ["n", 2, "rows", "cols"]
    if listed:
        assert sizes(opened.graph.input[0]) == [2, 3, 9, 9]
    for model in (before, opened):
        model.graph.input[-1].ClearField("type")
        model.graph.output[0].ClearField("type")
        del model.graph.value_info[:]
    assert opened == before


@pytest.mark.parametrize(
    ("rows", "cols", "side"), [(64, 64, 64), ("h", "w", None), (300, "w", 300), (None, None, None)]
)
def test_tied_side(rows, cols, side):
    for listed in (False, True):
        assert tied_side(network(rows, cols, listed=listed).SerializeToString()) == side


def test_tiles_that_are_not_square():
    with pytest.raises(ValueError, match="expected square tiles"):
        tied_side(network(64, 32).SerializeToString())


def test_the_network_of_dlr():
    path = next(e.path for e in catalog() if e.card.name == "dlr-unet-6b-l1c")
    if path is None:
        pytest.skip("the package with DLR's models is not installed")
    content = path.read_bytes()
    assert tied_side(content) == 256
    assert tied_side(open_sides(content)) is None


def test_a_settled_input_is_a_weight():
    content = settle_input(told().SerializeToString(), [0.0, 1.0, 0.25])
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert [i.name for i in model.graph.input] == ["x"]
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    image = np.zeros((2, 3, 4, 5), np.float32)
    (result,) = session.run(None, {"x": image})
    np.testing.assert_array_equal(result, image + np.array([0, 1, 0.25]).reshape(1, 3, 1, 1))


@pytest.mark.parametrize("model", [told(4), told(kind=TensorProto.DOUBLE), network("h", "w")])
def test_only_a_row_of_floats_can_be_settled(model):
    with pytest.raises(ValueError, match="expected a second input"):
        settle_input(model.SerializeToString(), [0.0, 1.0, 0.0])


@given(st.binary(max_size=80))
def test_anything_else_is_a_value_error_or_untouched(content):
    try:
        opened = open_sides(content)
    except ValueError:
        return
    assert tied_side(opened) is None


@given(st.integers(0, 2000))
def test_a_file_that_is_cut_off(end):
    content = network(64, 64).SerializeToString()
    if end < len(content):
        with contextlib.suppress(ValueError):
            assert tied_side(content[:end]) in (None, 64)


def test_weights_in_a_file_of_their_own_are_found_beside_an_edited_model(tmp_path):
    path = next(e.path for e in catalog() if e.card.name == "cloudmask-l1c")
    card = json.loads(path.with_suffix(".json").read_text("utf-8"))
    del card["sha256"]
    moved = tmp_path / "moved.onnx"
    onnx.save(onnx.load(path), moved, save_as_external_data=True, location="moved.bin", size_threshold=100)
    moved.with_suffix(".json").write_text(json.dumps(card), "utf-8")
    tile = np.random.default_rng(0).standard_normal((1, 13, 64, 64)).astype(np.float32)
    ours, theirs = (OnnxModel(p, device="cpu").predict(tile.copy()) for p in (path, moved))
    np.testing.assert_array_equal(ours, theirs)
