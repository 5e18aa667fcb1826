from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers_models import CONSTANT, REACH, card_data, write_model

from cloudmask import onnx_model
from cloudmask.cpu import thread_count
from cloudmask.errors import DeviceError, ModelError
from cloudmask.onnx_model import OnnxModel, resolve_device

TIED = {"size": 64, "margin": 8, "multiple": 64, "fixed": True}


def test_identity_runs(tiny):
    model = OnnxModel(tiny, device="cpu", threads=1)
    batch = np.random.default_rng(0).random((2, 4, 40, 24), np.float32)
    np.testing.assert_array_equal(model.predict(batch), batch)
    assert model.device == "cpu"
    assert model.batch_size == 1


@pytest.mark.parametrize(("threads", "callers", "expected"), [(4, 2, 3), (2, 2, 1), (1, 2, 1)])
def test_callers_share_the_threads(tiny, monkeypatch, threads, callers, expected):
    asked = []
    real = onnx_model._session

    def session(path, device, threads, content=None):
        asked.append(threads)
        return real(path, device, threads, content)

    monkeypatch.setattr(onnx_model, "_session", session)
    model = OnnxModel(tiny, device="cpu", threads=threads)
    assert model.shared(1) is model
    shared = model.shared(callers)
    assert model.shared(callers) is shared  # an archive of products loads it once
    assert asked == [threads, expected]
    batch = np.random.default_rng(0).random((1, 4, 40, 24), np.float32)
    np.testing.assert_array_equal(shared.predict(batch), batch)


def test_constant_and_blur(tmp_path):
    constant = OnnxModel(write_model(tmp_path, "c", kind="constant"), device="cpu")
    assert (constant.predict(np.zeros((1, 4, 16, 16), np.float32))[0, :, 3, 3] == CONSTANT).all()
    blur = OnnxModel(write_model(tmp_path, "b", kind="blur"), device="cpu")
    spot = np.zeros((1, 4, 32, 32), np.float32)
    spot[:, :, 16, 16] = 1
    seen = np.argwhere(blur.predict(spot)[0, 0] > 0)
    assert (seen.min(), seen.max()) == (16 - REACH, 16 + REACH)


def test_card_in_the_metadata(tmp_path):
    assert OnnxModel(write_model(tmp_path, card_at="metadata"), device="cpu").card.name == "tiny"


def test_no_card(tmp_path):
    path = write_model(tmp_path, card_at="nowhere")
    with pytest.raises(
        ModelError, match=r"no model card: expected tiny\.json beside it or the key 'cloudmask_card'"
    ):
        OnnxModel(path)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe\x00", b'{"name": 1}'])
def test_broken_card(tmp_path, text):
    path = write_model(tmp_path)
    path.with_suffix(".json").write_bytes(text)
    with pytest.raises(ModelError, match=r"tiny\.json: "):
        OnnxModel(path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 500])
def test_not_a_model(tmp_path, content):
    path = tmp_path / "no.onnx"
    path.write_bytes(content)
    path.with_suffix(".json").write_text(json.dumps(card_data()))
    with pytest.raises(ModelError, match=r"no\.onnx: expected an ONNX model that ONNX Runtime") as error:
        OnnxModel(path)
    assert "\n" not in str(error.value)


def test_no_such_file(tmp_path):
    with pytest.raises(ModelError, match=r"a\.onnx: no such model file"):
        OnnxModel(tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"channels": 6}, "the graph has 6 input bands, its card names 4 bands"),
        ({"planes": 3}, "the graph has 3 output planes, its card names 4 classes"),
        ({"side": 96, "tile": TIED}, "the graph takes tiles of 96 px, its card says 64"),
        (
            {"side": 64, "kind": "tied"},
            "its card allows tiles of 24 px, but the graph, exported for one size",
        ),
    ],
)
def test_card_that_disagrees_with_the_graph(tmp_path, changes, text):
    path = write_model(tmp_path, **changes)
    with pytest.raises(ModelError, match=text):
        OnnxModel(path)


def test_fixed_size(tmp_path):
    model = OnnxModel(write_model(tmp_path, side=64, tile=TIED), device="cpu")
    assert model.predict(np.zeros((1, 4, 64, 64), np.float32)).shape == (1, 4, 64, 64)
    with pytest.raises(ModelError, match=r"failed on a batch of shape \(1, 4, 32, 32\) on cpu") as error:
        model.predict(np.zeros((1, 4, 32, 32), np.float32))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("card_at", ["beside", "metadata"])
def test_a_graph_exported_for_one_size_takes_others_if_its_card_allows_them(tmp_path, card_at):
    path = write_model(tmp_path, side=96, card_at=card_at)
    batch = np.random.default_rng(0).random((2, 4, 40, 24), np.float32)
    np.testing.assert_array_equal(OnnxModel(path, device="cpu").predict(batch), batch)


def test_hash_of_the_card_is_checked(tmp_path):
    path = write_model(tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(card_data(sha256=digest.upper())))
    assert OnnxModel(path, device="cpu").card.sha256 == digest
    path.with_suffix(".json").write_text(json.dumps(card_data(sha256="0" * 64)))
    with pytest.raises(ModelError, match=f"expected SHA-256 {'0' * 64} as the card says, found {digest}"):
        OnnxModel(path)


def test_devices_that_are_not_there(monkeypatch):
    monkeypatch.setattr(onnx_model, "available_devices", lambda: ["cpu"])
    assert resolve_device("auto") == "cpu"
    with pytest.raises(DeviceError, match=re.escape("pip install '.[gpu]'")):
        resolve_device("cuda")
    with pytest.raises(DeviceError, match="unknown device 'tpu'"):
        resolve_device("tpu")


def test_auto_takes_the_best_device(monkeypatch):
    monkeypatch.setattr(onnx_model, "available_devices", lambda: ["cuda", "cpu"])
    assert resolve_device("auto") == "cuda"


def test_auto_falls_back_to_the_processor(tiny, monkeypatch, caplog):
    """A runtime whose driver is missing lists its provider and cannot use it."""
    monkeypatch.setattr(onnx_model, "available_devices", lambda: ["cuda", "cpu"])
    real = onnx_model._session

    def without_driver(path, device, threads, opened):
        if device == "cuda":
            raise DeviceError("device cuda cannot be used")
        return real(path, device, threads, opened)

    monkeypatch.setattr(onnx_model, "_session", without_driver)
    assert OnnxModel(tiny).device == "cpu"
    assert "cuda cannot be used on this machine; using the CPU" in caplog.text
    with pytest.raises(DeviceError):
        OnnxModel(tiny, device="cuda")


def test_runtime_not_installed(tiny):
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from cloudmask.cli import main\n"
        f"from cloudmask import load_model\n"
        "try:\n"
        f"    load_model({str(tiny)!r})\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
        "sys.exit(main(['doctor']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("DeviceError ONNX Runtime is not installed")
    assert "'.[cpu]', '.[gpu]' or '.[openvino]'" in done.stdout.splitlines()[0]
    assert "FAIL  ONNX Runtime" in done.stdout
    assert done.returncode == 4
    assert done.stderr == ""


def test_thread_count():
    assert thread_count(3) == 3
    assert thread_count(0) >= 1


def test_openvino_computes_in_bfloat16_only_where_the_processor_can(monkeypatch):
    monkeypatch.setattr(onnx_model, "has_bfloat16", lambda: True)
    settings = onnx_model._openvino_settings(3)
    assert json.loads(settings["load_config"]) == {"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}
    assert settings["num_of_threads"] == "3"
    assert "precision" not in settings
    monkeypatch.setattr(onnx_model, "has_bfloat16", lambda: False)
    assert onnx_model._openvino_settings(0) == {"device_type": "CPU", "precision": "ACCURACY"}
