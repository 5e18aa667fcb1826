"""Simulated clouds beside real ones; and the stream of scenes."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from cloudmask.bands import BAND_NAMES
from cloudmask.simulate.scene import simulate_scene
from cloudmask.simulate.spec import SceneSpec
from cloudmask.simulate.streaming import simulate_scenes

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def realism():
    spec = importlib.util.spec_from_file_location("realism", ROOT / "benchmarks/simulation_realism.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table(realism):
    if not realism.PAIRS.is_dir():
        pytest.skip(f"no real pairs: {realism.PAIRS} is absent")
    return realism.compare(realism.PAIRS, 4)


def _medians(table, key):
    return np.array(table[key]["real"][1]), np.array(table[key]["simulated"][1])


@pytest.mark.data
def test_clouds_have_the_colours_of_real_ones(table):
    real, made = _medians(table, "cloud ratio to B02")
    for band, tolerance in {
        "B01": 0.08,
        "B03": 0.05,
        "B04": 0.08,
        "B08": 0.12,
        "B8A": 0.2,
        "B12": 0.15,
    }.items():
        assert made[BAND_NAMES.index(band)] == pytest.approx(real[BAND_NAMES.index(band)], abs=tolerance), (
            band
        )


@pytest.mark.data
def test_shadows_are_as_deep_as_real_ones(table):
    real, made = _medians(table, "shadow to clear")
    for band in ("B02", "B03", "B04", "B8A", "B11", "B12"):
        assert made[BAND_NAMES.index(band)] == pytest.approx(real[BAND_NAMES.index(band)], abs=0.15), band


@pytest.mark.data
def test_clouds_are_as_bright_and_as_rough_as_real_ones(table):
    real, made = _medians(table, "cloud B02 p10 p50 p90 p99")
    np.testing.assert_allclose(made, real, atol=0.2)
    real, made = _medians(table, "slope 1280-320 320-100 100-40 m")
    np.testing.assert_allclose(made, real, atol=1.2)
    real, made = _medians(table, "gradient p50 p90 p99")
    assert (made < 2.2 * real).all()
    assert (made > real / 2.2).all()


def test_the_measure_sees_what_is_put_in(realism):
    clear = np.full((13, 128, 128), 0.3, np.float32)
    cloudy = clear.copy()
    cloudy[:, :40] = 0.7
    cloudy[:, 80:] *= 0.5
    cloudy[1, 80:] = 0.3  # blue stays, as in shadows
    found = realism.measure(cloudy, clear)
    np.testing.assert_allclose(found["cloud ratio to B02"], 1)
    np.testing.assert_allclose(found["shadow to clear"][8], 0.5)
    assert found["cloud B02 p10 p50 p90 p99"][1] == pytest.approx(0.7)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_keeps_order_and_content(workers):
    specs = [SceneSpec(seed, size=48) for seed in (5, 3, 9, 4, 8)]
    for spec, scene in zip(specs, simulate_scenes(specs, workers=workers), strict=True):
        assert scene.spec == spec
        np.testing.assert_array_equal(scene.reflectance, simulate_scene(spec).reflectance)


def test_an_endless_stream_can_be_left():
    scenes = simulate_scenes((SceneSpec(seed, size=32) for seed in iter(int, 1)), workers=1)
    assert next(scenes).spec.size == 32
    scenes.close()
