from __future__ import annotations

import contextlib
import copy
import json

import numpy as np
import pytest
from helpers_models import BANDS, card, card_data, without
from hypothesis import given
from hypothesis import strategies as st

from cloudmask.card import load_card_text, parse_card
from cloudmask.classes import CloudClass
from cloudmask.errors import ModelError


def test_a_card_is_read_whole():
    found = card(
        bands=["b2", "B8a"],
        gsd=30,
        classes=["clear", "thin", "shadow"],
        rank=3,
        sha256="ABC",
        opset=18,
    )
    assert found.bands == ("B02", "B8A")
    assert found.gsd == 30
    assert found.classes == (CloudClass.CLEAR, CloudClass.SEMI_TRANSPARENT_CLOUD, CloudClass.CLOUD_SHADOW)
    assert found.planes() == [(0, 0), (1, 2), (2, 1)]
    assert (found.rank, found.sha256, found.opset, found.location) == (3, "abc", 18, {})


def test_a_card_for_the_bands_at_hand():
    data = card_data(optional=["B08", "B03"])
    data["input"]["mean"] = [1.0, 2.0, 3.0, 4.0]
    found = parse_card(data, "test")
    assert found.optional == ("B03", "B08")
    assert found.required == ("B02", "B04")
    less = found.restricted(["B08", "B02", "B11"])
    # B04 is required: it stays, so that whoever runs the model hears that it is missing.
    assert less.bands == ("B02", "B04", "B08")
    assert less.input.mean == (1.0, 3.0, 4.0)
    assert less.input.std == (1.0, 1.0, 1.0)
    assert less.optional == ("B08",)


REQUIRED = [
    ("name",),
    ("version",),
    ("level",),
    ("bands",),
    ("gsd",),
    ("input",),
    ("output",),
    ("output", "activation"),
    ("output", "classes"),
    ("tile",),
    ("tile", "size"),
    ("tile", "margin"),
    ("opset",),
    ("licence",),
    ("training_data",),
]
WRONG = [
    (("name",), ""),
    (("name",), 3),
    (("level",), "L3"),
    (("bands",), []),
    (("bands",), "B02"),
    (("bands",), ["B02", "B02", "B03", "B04"]),
    (("bands",), ["B02", "B99", "B03", "B04"]),
    (("optional",), []),
    (("optional",), ["B10"]),
    (("optional",), list(BANDS)),
    (("tile", "blind"), -1),
    (("tile", "blind"), 9),
    (("gsd",), 0),
    (("gsd",), "20"),
    (("gsd",), 12.5),
    (("gsd",), True),
    (("gsd",), float("nan")),
    (("input",), []),
    (("input", "scale"), 0),
    (("input", "transform"), "log"),
    (("input", "transform"), ["sqrt"]),
    (("input", "mean"), [0, 0]),
    (("input", "mean"), [0, 0, 0, float("inf")]),
    (("input", "mean"), [0, 0, 0, 10**400]),
    (("input", "std"), [1, 1, 1, 0]),
    (("input", "std"), [1, 1, 1, "1"]),
    (("output", "activation"), "relu"),
    (("output", "classes"), ["clear", "fog"]),
    (("output", "classes"), ["clear", "clear"]),
    (("output", "classes"), ["clear", "missing"]),
    (("output", "classes"), ["cloud", "shadow"]),
    (("tile", "size"), 8),
    (("tile", "size"), 60),
    (("tile", "size"), 64.5),
    (("tile", "margin"), 32),
    (("tile", "margin"), -1),
    (("tile", "multiple"), 0),
    (("tile", "fixed"), "no"),
    (("opset",), 1.5),
    (("rank",), 1e9),
    (("sha256",), 5),
    (("file",), "here"),
    (("file",), {"module": "x"}),
    (("file",), {"module": "../x", "path": "y", "distribution": "z"}),
]


@pytest.mark.parametrize("path", REQUIRED, ids=".".join)
def test_a_missing_key_is_named(path):
    with pytest.raises(ModelError, match=f"^my.json: key '{'.'.join(path)}' is missing; expected"):
        parse_card(without(card_data(), *path), "my.json")


@pytest.mark.parametrize(("path", "value"), WRONG, ids=[f"{'.'.join(p)}={str(v)[:20]}" for p, v in WRONG])
def test_a_wrong_value_is_an_error_that_names_the_file(path, value):
    data = copy.deepcopy(card_data())
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(ModelError, match=r"^my\.json: ") as error:
        parse_card(data, "my.json")
    assert "\n" not in str(error.value)


def test_bands_of_another_level():
    with pytest.raises(ModelError, match="B10 do not exist at level L2A"):
        card(level="L2A", bands=["B02", "B10"])


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "null", "{", '{"name": NaN', "[" * 100_000, "\x00", "9" * 5000]
)
def test_not_a_card(text):
    with pytest.raises(ModelError, match=r"^x\.json: "):
        load_card_text(text, "x.json")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
)


@given(st.sampled_from([*REQUIRED, ("input", "mean"), ("tile", "multiple"), ("file",), ("rank",)]), values)
def test_any_value_anywhere_is_a_card_or_a_model_error(path, value):
    data = copy.deepcopy(card_data())
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with contextlib.suppress(ModelError):
        load_card_text(json.dumps(data), "x.json")


# What a card does to numbers


def test_normalisation_scales_transforms_and_standardises():
    spec = card(
        bands=["B02", "B03"],
        input={"scale": 10000.0, "transform": "sqrt", "mean": [10, 20], "std": [2, 4]},
    ).input
    reflectance = np.array([[[0.01, -0.1, np.nan]], [[0.04, 0.0, np.inf]]], np.float32)
    kept = reflectance.copy()
    out = spec.normalise(reflectance)
    np.testing.assert_allclose(out, [[[0, -5, 0]], [[0, -5, 0]]], atol=1e-5)
    np.testing.assert_array_equal(reflectance, kept)


def test_normalisation_never_writes_to_the_scene():
    spec = card(bands=["B02"]).input
    scene = np.full((1, 2, 2), np.nan, np.float32)
    assert (spec.normalise(scene) == 0).all()
    assert np.isnan(scene).all()


def test_softmax_is_stable_and_sums_to_one():
    logits = np.array([1e4, 1e4, -1e4, 0], np.float32).reshape(1, 4, 1, 1)
    p = card(activation="softmax").probabilities(logits)
    np.testing.assert_allclose(p.ravel(), [0.5, 0.5, 0, 0], atol=1e-6)
    raw = card(activation="none").probabilities(logits)
    np.testing.assert_array_equal(raw, logits)


def test_bands_keep_their_order():
    assert card(bands=list(reversed(BANDS))).bands == tuple(reversed(BANDS))
