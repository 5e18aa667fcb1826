"""Other air over training patches."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra: pip install '.[train,cpu]'")

from cloudmask.train.haze import haze

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
