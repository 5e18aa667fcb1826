"""Other air over training patches, other light in their shadows."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra: pip install '.[train,cpu]'")

from cloudmask.simulate.truth import Thresholds
from cloudmask.train.light import haze, relight, veil

BANDS = ("B02", "B04", "B8A", "B11")


def patch() -> np.ndarray:
    """Chequered town under usual air."""
    squares = np.indices((64, 64)).sum(axis=0) // 8 % 2
    return (np.array([0.12, 0.10, 0.18, 0.18])[:, None, None] * (1 + 0.5 * squares)).astype(np.float32)


def test_haze_brightens_blue_most_and_takes_contrast() -> None:
    before, clear = patch(), np.zeros((64, 64), np.uint8)
    gains, contrasts = [], []
    for seed in range(20):
        values = patch()
        haze(np.random.default_rng(seed), values, clear, BANDS)
        gains.append((values - before).mean(axis=(1, 2)))
        contrasts.append(values.std(axis=(1, 2)) / before.std(axis=(1, 2)))
        assert np.isfinite(values).all()
    gain, contrast = np.mean(gains, axis=0), np.mean(contrasts, axis=0)
    assert gain[0] > gain[1] > gain[3]
    assert 0.02 < gain[0] < 0.15
    assert (contrast < 0.95).all()
    assert (np.diff(contrast) > 0).all()  # the longer the waves, the more passes


def test_at_l2a_haze_is_what_a_processor_left() -> None:
    ground = (np.array([0.03, 0.05, 0.2, 0.2])[:, None, None] * np.ones((64, 64))).astype(np.float32)
    ground[:, :8] = 1e-4
    gains = []
    for seed in range(20):
        values = ground.copy()
        haze(np.random.default_rng(seed), values, np.zeros((64, 64), np.uint8), BANDS, "L2A")
        assert values.min() >= np.float32(1e-4)
        gains.append((values - ground)[:, 32].mean(axis=1))
    blue, _, infrared, _ = np.transpose(gains)
    assert blue.max() > 0.05
    assert np.median(blue) > np.median(infrared)
    assert blue.min() < 0  # cleaner air than the processor took off


def test_less_haze_where_there_are_clouds_and_gaps_stay() -> None:
    gains = {}
    for label in (0, 3):
        changed = []
        for seed in range(40):
            values = patch()
            haze(np.random.default_rng(seed), values, np.full((64, 64), label, np.uint8), BANDS)
            changed.append(values[0].mean() - patch()[0].mean())
        gains[label] = changed
    assert min(gains[3]) < -0.005  # clearer air as well
    assert max(gains[3]) < 0.6 * max(gains[0])
    values, labels = patch(), np.zeros((64, 64), np.uint8)
    values[:, :, :9], labels[:, :9] = np.nan, 255
    values[1] = np.nan
    haze(np.random.default_rng(0), values, labels, BANDS)
    assert np.isnan(values[:, :, :9]).all()
    assert np.isnan(values[1]).all()
    assert np.isfinite(values[[0, 2, 3], :, 9:]).all()


def test_a_veil_shows_in_b10_and_is_too_thin_to_count() -> None:
    bands = ("B02", "B09", "B10", "B11")
    before = np.array([0.12, 0.05, 0.001, 0.18], np.float32)[:, None, None] * np.ones((4, 16, 16), np.float32)
    before[:, :3], before[1] = np.nan, np.nan  # no data, and a band that is not there
    clear = np.zeros((16, 16), np.uint8)
    clear[:3] = 255
    added = []
    for seed in range(40):
        values = before.copy()
        veil(np.random.default_rng(seed), values, clear, bands)
        np.testing.assert_array_equal(np.isnan(values), np.isnan(before))
        change = (values - before)[:, 3:]
        assert np.ptp(change[[0, 2, 3]], axis=(1, 2)).max() < 1e-6
        added.append(change[:, 0, 0])
    blue, _, cirrus, swir = np.transpose(added)
    assert 0 < blue.min() < 0.003 < 0.009 < blue.max() < Thresholds().trace
    assert (0.5 * blue < cirrus).all()
    assert (cirrus < swir).all()
    assert (swir < blue).all()
    cloudy = before.copy()
    clear[8:] = 3
    veil(np.random.default_rng(0), cloudy, clear, bands)
    np.testing.assert_array_equal(cloudy, before)


def test_shadows_become_deeper_in_the_infrared_and_nothing_else_changes() -> None:
    labels = np.zeros((64, 64), np.uint8)
    labels[20:44, 20:44] = 1
    ratios = []
    for seed in range(30):
        values = patch()
        relight(np.random.default_rng(seed), values, labels, BANDS)
        assert (values[:, :16] == patch()[:, :16]).all()
        ratios.append(values[:, 32, 32] / patch()[:, 32, 32])
    mean, deepest = np.mean(ratios, axis=0), np.min(ratios, axis=0)
    assert mean[0] > mean[1] > mean[3]
    assert deepest[0] > 0.75
    assert deepest[3] < 0.5
    assert np.max(ratios) < 1.12


def test_no_shadow_no_light() -> None:
    values = patch()
    relight(np.random.default_rng(0), values, np.full((64, 64), 3, np.uint8), BANDS)
    assert (values == patch()).all()
    values[0] = np.nan
    relight(np.random.default_rng(0), values, np.ones((64, 64), np.uint8), BANDS)
    assert np.isnan(values[0]).all()
    assert np.isfinite(values[1:]).all()


def test_what_does_not_see_the_ground_stays() -> None:
    bands, labels = (*BANDS, "B10"), np.zeros((64, 64), np.uint8)
    cirrus = np.linspace(0.001, 0.05, 64, dtype=np.float32) * np.ones((64, 1), np.float32)
    values = np.concatenate([patch(), cirrus[None]])
    for seed in range(5):
        haze(np.random.default_rng(seed), values, labels, bands)
        labels[20:44, 20:44] = 1
        relight(np.random.default_rng(seed), values, labels, bands)
        labels[:] = 0
    assert np.array_equal(values[-1], cirrus)


def test_ground_in_a_soft_border_is_not_called_clear_and_clouds_stay() -> None:
    for seed in range(30):
        values, labels = patch(), np.zeros((64, 64), np.uint8)
        labels[20:44, 20:44] = 1
        labels[20:44, 44:50], labels[44:50, 20:44] = 2, 3
        before = labels.copy()
        relight(np.random.default_rng(seed), values, labels, BANDS)
        changed = np.abs(values / patch() - 1).max(axis=0)
        assert changed[np.isin(before, (2, 3))].max() == 0
        assert changed[labels == 0].max() < 0.07
        assert (labels[before != 0] == before[before != 0]).all()
        assert set(np.unique(labels[before == 0])) <= {0, 255}
