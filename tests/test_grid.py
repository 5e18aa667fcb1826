from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmask.errors import InputError
from cloudmask.grid import AxisMap, Grid, resample

SPACINGS = [10, 20, 30, 60]
pairs = st.tuples(st.sampled_from([5, 10, 12.5, 20, 30, 40, 60, 100]), st.sampled_from([10, 20, 30, 60, 7.5]))


def whole(ratio, n_source):
    """The map of a whole axis."""
    return AxisMap(ratio, n_source, 0, max(1, math.ceil(n_source / ratio - 1e-6)))


def resample_whole(values, valid, ratio):
    return resample(values, valid, whole(ratio, values.shape[0]), whole(ratio, values.shape[1]))


def by_hand(line, valid, ratio):
    """The definition, sample by sample, in double precision."""
    n = len(line)
    out = []
    for target in range(max(1, math.ceil(n / ratio - 1e-6))):
        if ratio >= 1:
            low, high = target * ratio, min((target + 1) * ratio, n)
            weight = np.array([max(0.0, min(i + 1, high) - max(i, low)) for i in range(n)])
        else:
            centre = min(max((target + 0.5) * ratio - 0.5, 0), n - 1)
            weight = np.maximum(0, 1 - np.abs(np.arange(n) - centre))
        weight = weight * valid
        out.append((line[valid] * weight[valid]).sum() / weight.sum() if weight.sum() > 1e-6 else np.nan)
    return np.array(out)


# Grid


def test_grid_properties():
    grid = Grid("EPSG:32635", 300000, 6600000, 10, 10, 7, 4)
    assert grid.shape == (7, 4)
    assert grid.transform == (10, 0, 300000, 0, -10, 6600000)
    assert grid.bounds == (300000, 6599930, 300040, 6600000)
    assert grid.subset(1, 2, 3, 2) == Grid("EPSG:32635", 300020, 6599990, 10, 10, 3, 2)


def test_coarser_and_finer_grids_share_the_corner():
    grid = Grid(None, 0, 0, 10, 10, 7, 4)
    assert grid.at(20).shape == (4, 2)
    assert grid.at(60).shape == (2, 1)
    assert grid.at(5).shape == (14, 8)
    assert grid.at(10) is grid


def test_thinned_out_products_keep_their_pixel_size():
    grid = Grid("EPSG:32756", 0, 0, 10, 250.1, 439, 439).at(20)
    assert (grid.gsd, grid.pixel_size, grid.rows) == (20, 500.2, 220)


@given(st.sampled_from(SPACINGS), st.sampled_from(SPACINGS), st.integers(1, 400))
def test_grid_there_and_back_loses_no_ground(first, second, rows):
    grid = Grid(None, 0, 0, first, first, rows, rows)
    back = grid.at(second).at(first)
    assert back.rows >= rows
    assert (back.rows - rows) * first < first + second


@pytest.mark.parametrize(
    "bad", [{"rows": 0}, {"cols": -1}, {"gsd": 0}, {"pixel_size": -10}, {"gsd": math.nan}]
)
def test_impossible_grids(bad):
    good = {"crs": None, "left": 0, "top": 0, "gsd": 10, "pixel_size": 10, "rows": 1, "cols": 1}
    with pytest.raises(InputError, match="grid: expected"):
        Grid(**(good | bad))


# Resampling


@pytest.mark.parametrize(("fine", "coarse"), [(10, 20), (20, 60), (10, 60), (10, 30), (20, 30), (30, 60)])
def test_means_keep_the_sum(fine, coarse):
    n = 60 * coarse // fine
    values = np.random.default_rng(0).random((n, n), np.float32)
    out = resample_whole(values, None, coarse / fine)
    assert out.shape == (60, 60)
    np.testing.assert_allclose(out.mean(), values.mean(), rtol=1e-5)


def test_twenty_to_thirty_is_weighted_by_area():
    #   |--0--|--1--|--2--|   20 m
    #   |---0----|---1----|   30 m
    line = np.array([[1.0, 4.0, 10.0]], np.float32)
    out = resample(line, None, AxisMap(1, 1, 0, 1), AxisMap(1.5, 3, 0, 2))
    np.testing.assert_allclose(out, [[(2 * 1 + 4) / 3, (4 + 2 * 10) / 3]], rtol=1e-6)


def test_thirty_to_twenty_is_linear_between_centres():
    # Centres of 30 m: 15, 45, 75; of 20 m: 10, 30, 50, 70, ...; beyond the outer ones constant.
    line = np.array([[0.0, 30.0, 60.0]], np.float32)
    out = resample(line, None, AxisMap(1, 1, 0, 1), AxisMap(2 / 3, 3, 0, 5))
    np.testing.assert_allclose(out, [[0, 15, 35, 55, 60]], atol=1e-4)


def test_a_window_is_a_piece_of_the_whole():
    values = np.random.default_rng(1).random((90, 80), np.float32)
    valid = np.random.default_rng(2).random((90, 80)) > 0.3
    for ratio in (0.5, 1 / 3, 2 / 3, 1.0, 1.5, 2.0, 3.0, 2.005):
        whole_map = resample_whole(values, valid, ratio)
        rows, cols = AxisMap(ratio, 90, 7, 23), AxisMap(ratio, 80, 5, 9)
        (a, b), (c, d) = rows.source, cols.source
        part = resample(values[a:b, c:d], valid[a:b, c:d], rows, cols)
        np.testing.assert_array_equal(part, whole_map[7:23, 5:9], err_msg=str(ratio))


@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_repeating_then_averaging_is_identity(n, factor, seed):
    # Multiples of 1/64 and factors below 8: sums are exact, so the identity can be too.
    values = np.random.default_rng(seed).integers(0, 64, (n, 3)).astype(np.float32) / 64
    valid = np.random.default_rng(seed + 1).random((n, 3)) > 0.5
    fine = values.repeat(factor, 0).repeat(factor, 1)
    back = resample_whole(fine, valid.repeat(factor, 0).repeat(factor, 1), factor)
    np.testing.assert_allclose(back, np.where(valid, values, np.nan), rtol=1e-6)


@given(st.integers(1, 40), st.sampled_from([1 / 2, 1 / 3, 2 / 3, 1 / 6]), st.floats(1e-3, 1))
def test_up_then_down_keeps_a_constant(n, ratio, level):
    values = np.full((n, n), level, np.float32)
    up = resample_whole(values, None, ratio)
    down = resample_whole(up, None, 1 / ratio)
    np.testing.assert_allclose(down[:n, :n], values, rtol=1e-6)


@given(pairs, st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_resampling_follows_its_definition(spacings, n, seed):
    ratio = spacings[1] / spacings[0]
    rng = np.random.default_rng(seed)
    line, valid = rng.random(n).astype(np.float32), rng.random(n) > 0.4
    axis = whole(ratio, n)
    across = resample(line[None], valid[None], AxisMap(1, 1, 0, 1), axis)[0]
    down = resample(line[:, None], valid[:, None], axis, AxisMap(1, 1, 0, 1))[:, 0]
    np.testing.assert_allclose(across, by_hand(line, valid, ratio), atol=2e-5)
    np.testing.assert_array_equal(across, down)


@given(pairs, st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_missing_samples_never_take_part(spacings, n, m, seed):
    ratio = spacings[1] / spacings[0]
    rng = np.random.default_rng(seed)
    valid = rng.random((n, m)) > 0.3
    values = np.where(valid, 1.0, rng.choice([np.nan, np.inf, -1e30], (n, m))).astype(np.float32)
    out = resample_whole(values, valid, ratio)
    known = out[~np.isnan(out)]
    np.testing.assert_allclose(known, 1, rtol=1e-5)


def test_a_target_without_a_valid_sample_is_nan():
    values = np.ones((4, 4), np.float32)
    valid = np.zeros((4, 4), bool)
    valid[0, 0] = True
    out = resample_whole(values, valid, 2)
    np.testing.assert_array_equal(np.isnan(out), [[False, True], [True, True]])


def test_targets_beyond_the_source_repeat_the_last_sample():
    line = np.array([[1.0, 2.0, 3.0]], np.float32)
    for ratio in (1, 2):
        out = resample(line, None, AxisMap(1, 1, 0, 1), AxisMap(ratio, 3, 0, 5))
        assert out[0, -1] == 3


@given(pairs, st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_any_looks_at_the_ground_of_the_target(spacings, n, seed):
    ratio = spacings[1] / spacings[0]
    valid = np.random.default_rng(seed).random(n) > 0.7
    axis = whole(ratio, n)
    found = axis.any(valid[:, None], 0, 0)[:, 0]
    np.testing.assert_array_equal(axis.any(valid[None], 1, 0)[0], found)
    for target, value in enumerate(found):
        low, high = target * ratio, (target + 1) * ratio
        expected = any(valid[i] and min(i + 1, high) - max(i, low) > 1e-5 for i in range(n))
        assert value == expected, (target, ratio)


def test_any_counts_samples_that_are_not_held_as_false():
    piece = np.array([True, False, True])  # samples 4, 5, 6 of 10
    assert AxisMap(2, 10, 0, 5).any(piece, 0, 4).tolist() == [False, False, True, True, False]
    assert AxisMap(0.5, 10, 6, 12).any(piece, 0, 4).tolist() == [False, False, True, True, False, False]


def test_any_beyond_the_source_repeats_the_last_sample():
    assert AxisMap(2, 3, 0, 4).any(np.array([False, False, True]), 0, 0).tolist() == [False, True, True, True]


@given(pairs, st.integers(1, 40), st.integers(0, 30), st.integers(1, 9))
def test_samples_under_a_target_are_among_those_it_needs(spacings, n, start, count):
    ratio = spacings[1] / spacings[0]
    axis = AxisMap(ratio, n, start, start + count)
    valid = np.random.default_rng(n).random(n) > 0.5
    low, high = axis.source
    np.testing.assert_array_equal(axis.any(valid[low:high], 0, low), axis.any(valid, 0, 0))
