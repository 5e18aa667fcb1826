from __future__ import annotations

import json

import numpy as np
import pytest
from helpers_models import card_data, write_model

from cloudmask.catalog import catalog, choose, load_model
from cloudmask.cli import main
from cloudmask.errors import ModelError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOUDMASK_MODEL_PATH", str(tmp_path))
    return tmp_path


def names():
    return [entry.card.name for entry in catalog()]


def test_models_of_the_package():
    levels = {(e.card.level, e.card.name) for e in catalog()}
    assert {("L1C", "dlr-unet-6b-l1c"), ("L2A", "dlr-unet-6b-l2a")} <= levels
    for entry in catalog():
        assert len(entry.card.sha256) == 64
        assert entry.card.licence


def test_folders_of_the_user_and_rank(folder):
    write_model(folder, "mine", rank=999)
    assert names()[0] == "mine"
    assert choose("L1C", ["B02", "B03", "B04", "B08"]).card.name == "mine"
    assert load_model("mine", device="cpu").card.name == "mine"


def test_the_best_that_does_with_the_bands(folder):
    write_model(folder, "wide", bands=["B02", "B03", "B04", "B08", "B10"], rank=999)
    write_model(folder, "narrow", rank=998)
    assert choose("L1C", ["B02", "B03", "B04", "B08"]).card.name == "narrow"
    assert choose("L1C", ["B10", "B08", "B04", "B03", "B02"]).card.name == "wide"


def test_bands_that_a_model_can_do_without(folder):
    path = write_model(folder, "wide", kind="absent", optional=["B03", "B08"], rank=999)
    assert choose("L1C", ["B02", "B04"]).card.name == "wide"
    batch = np.random.default_rng(0).random((2, 3, 8, 8), np.float32)
    for name in ("wide", path):
        model = load_model(name, bands=["B08", "B04", "B02"], device="cpu")
        assert model.card.bands == ("B02", "B04", "B08")
        found = model.predict(batch)
        np.testing.assert_array_equal(found[:, [0, 2, 3]], batch)
        np.testing.assert_array_equal(found[:, 1], 1)  # B03 is zero, and said to be absent
    everything = load_model("wide", device="cpu")
    assert everything.card.bands == ("B02", "B03", "B04", "B08")
    whole = np.random.default_rng(1).random((1, 4, 8, 8), np.float32)
    np.testing.assert_array_equal(everything.predict(whole), whole)


@pytest.mark.parametrize(("kind", "optional"), [("identity", ["B03"]), ("absent", None)])
def test_graph_and_card_disagree_about_absent_bands(folder, kind, optional):
    write_model(folder, "torn", kind=kind, optional=optional)
    with pytest.raises(ModelError, match=r"torn\.onnx: expected (one input|two inputs).*found [12]"):
        load_model("torn", device="cpu")


def test_no_model_does_with_the_bands():
    with pytest.raises(
        ModelError, match=r"no L1C model does with the bands B01; these would do: .*B02 B03 B04 B08"
    ):
        choose("L1C", ["B01"])


def test_a_card_whose_package_is_not_installed(folder):
    location = {"module": "no_such_package", "path": "x.onnx", "distribution": "some-models==1"}
    (folder / "away.json").write_text(json.dumps(card_data("away", rank=999, file=location)))
    entry = next(e for e in catalog() if e.card.name == "away")
    assert entry.path is None
    assert entry.missing == "pip install 'some-models==1'"
    with pytest.raises(ModelError, match="model away is not installed: pip install 'some-models==1'"):
        load_model("away")


def test_what_is_not_installed_is_passed_over(folder, tmp_path):
    location = {"module": "no_such_package", "path": "x.onnx", "distribution": "some-models==1"}
    away = card_data("away", bands=["B09"], rank=999, file=location)
    (folder / "away.json").write_text(json.dumps(away))
    with pytest.raises(ModelError, match="model away is not installed"):
        choose("L1C", ["B09"])
    write_model(folder, "here", bands=["B09"], rank=1)
    assert choose("L1C", ["B09"]).card.name == "here"


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]"])
def test_a_broken_card_is_named(folder, content):
    (folder / "bad.json").write_bytes(content)
    (folder / "bad.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match=r"bad\.json: "):
        catalog()


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]", b"{}", b'{"versions": {}}'])
def test_other_json_files_are_no_cards(folder, content):
    """The folder of a training run holds metrics.json and more beside its model."""
    before = names()
    (folder / "metrics.json").write_bytes(content)
    assert names() == before
    write_model(folder, "trained", rank=999)
    assert names() == ["trained", *before]
    assert main(["models"]) == 0


def test_a_card_that_names_its_file_badly(folder):
    (folder / "away.json").write_text(json.dumps(card_data("away", file=3)))
    with pytest.raises(ModelError, match=r"away\.json: file: expected a JSON object"):
        catalog()


def test_two_models_of_one_name(folder):
    write_model(folder, "dlr-unet-6b-l1c")
    with pytest.raises(ModelError, match="a model named 'dlr-unet-6b-l1c' is known already"):
        catalog()


def test_folder_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("CLOUDMASK_MODEL_PATH", str(tmp_path / "no"))
    with pytest.raises(ModelError, match="no such folder of models"):
        catalog()


def test_unknown_name_and_no_choice():
    with pytest.raises(ModelError, match=r"no model 'x': expected an \.onnx file or one of cloudmask-"):
        load_model("x")
    with pytest.raises(ModelError, match="needs the processing level and the bands"):
        load_model()
