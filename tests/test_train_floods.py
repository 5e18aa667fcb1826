"""Flooded and wet ground on clear training patches."""

from collections.abc import Sequence

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra: pip install '.[train,cpu]'")

from cloudmask.bands import Level
from cloudmask.train.floods import flood

BANDS = ("B02", "B8A", "B11")


def patch(level: Level) -> np.ndarray:
    """Chequered ground with a dark corner, under the air's light in blue if it is L1C."""
    squares = 1 + 0.2 * (np.indices((64, 64)).sum(axis=0) // 8 % 2)
    ground = np.array([0.08, 0.30, 0.25])[:, None, None] * squares
    ground[:, :8, :8] = 0.005
    air = np.array([0.07, 0.006, 0.001])[:, None, None] if level == "L1C" else 0.0
    return (ground + air).astype(np.float32)


def flooded(level: Level, seeds: Sequence[int]) -> list[np.ndarray]:
    out = []
    for seed in seeds:
        values = patch(level)
        flood(np.random.default_rng(seed), values, np.zeros((64, 64), np.uint8), BANDS, level)
        out.append(values)
    return out


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_infrared_loses_most_and_the_air_stays(level: Level) -> None:
    before = patch(level)[:, 8:, 8:]
    for values in flooded(level, range(12)):
        after = values[:, 8:, 8:]
        share = (after / before).reshape(3, -1)
        changed = share[2] < 0.75
        assert 0.02 < changed.mean() < 0.9
        assert (share[2][changed] < share[1][changed] + 0.02).all()  # SWIR loses more than NIR, NIR than blue
        assert (share[1][changed] < share[0][changed]).all()
        assert np.isfinite(values).all()
        assert values.min() > -1e-6
        if level == "L1C":
            assert after[0].min() > 0.07


def test_a_patch_with_cloud_and_gaps_stay_as_they_are() -> None:
    values, labels = patch("L1C"), np.zeros((64, 64), np.uint8)
    labels[5, 5] = 3
    flood(np.random.default_rng(0), values, labels, BANDS, "L1C")
    assert np.array_equal(values, patch("L1C"))
    flood(np.random.default_rng(0), values, np.full((64, 64), 255, np.uint8), BANDS, "L1C")  # who knows
    assert np.array_equal(values, patch("L1C"))
    values[:, :, 30:] = np.nan
    values[1] = np.nan
    flood(np.random.default_rng(0), values, np.zeros((64, 64), np.uint8), BANDS, "L1C")
    assert np.isnan(values[:, :, 30:]).all()
    assert np.isnan(values[1]).all()
    assert np.isfinite(values[[0, 2], :, :30]).all()


def test_the_cirrus_band_sees_no_flood_and_the_vapour_band_little_of_it() -> None:
    for seed in range(12):
        values = np.concatenate([patch("L1C"), np.full((1, 64, 64), 0.0015), np.full((1, 64, 64), 0.1)])
        values = values.astype(np.float32)
        bands = (*BANDS, "B10", "B09")
        flood(np.random.default_rng(seed), values, np.zeros((64, 64), np.uint8), bands, "L1C")
        assert (values[3] == np.float32(0.0015)).all()
        assert values[4].min() < 0.09
        assert values[4].max() < 0.1 + 1e-6
