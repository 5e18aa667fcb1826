"""Fixtures that several test modules share; the dear ones live as long as the session."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers_models import write_model
from helpers_safe import make_safe
from hypothesis import settings

from cloudmask.catalog import load_model
from cloudmask.onnx_model import OnnxModel

settings.register_profile("suite", deadline=None, max_examples=50, derandomize=True, database=None)
settings.register_profile("hunt", deadline=None, max_examples=600, database=None)  # --hypothesis-profile=hunt
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _no_models_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUDMASK_MODEL_PATH", raising=False)


@pytest.fixture(scope="session")
def data() -> Path:
    """Real products, where there are some."""
    folder = Path(__file__).parents[1] / "../shared/data/safe"
    if not folder.is_dir():
        pytest.skip(f"no real products: {folder} is absent")
    return folder.resolve()


@pytest.fixture(scope="session")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small L1C product of today's baseline, not to be changed."""
    return make_safe(tmp_path_factory.mktemp("l1c"), size10=240, saturated=True)


@pytest.fixture(scope="session")
def safe_l2a(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small L2A product of today's baseline, not to be changed."""
    return make_safe(tmp_path_factory.mktemp("l2a"), level="L2A")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX model at 20 m that answers with its four bands."""
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def dlr() -> OnnxModel:
    """The model that L1C products get by default."""
    pytest.importorskip("ukis_csmask", reason="the package with DLR's models is not installed")
    return load_model("dlr-unet-6b-l1c", device="cpu", threads=2)
