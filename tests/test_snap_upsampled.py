"""Bands that SNAP interpolates half a pixel aside are known from their samples, and moved back."""

import numpy as np
import pytest

from cloudmask.snap.upsampled import begins_with_a_sample, move_to_middle, recover, stands_at_corner

_SAMPLES = (40, 120)


def image(seed=3):
    """Rough ground in digital numbers."""
    return np.random.default_rng(seed).integers(800, 4000, _SAMPLES).astype(np.float64)


def interpolated(samples, ratio, beside):
    """Pixel i is interpolated `beside` pixels from its north-western corner; SNAP cuts to whole numbers."""
    return _between(samples, ratio, beside).astype(np.uint16)


def _between(samples, ratio, beside):
    for axis in (0, 1):
        n = samples.shape[axis]
        place = np.clip((np.arange(n * ratio) + beside) / ratio - 0.5, 0, n - 1)
        first = np.minimum(place.astype(int), n - 2)
        share = (place - first)[:, None] if axis == 0 else place - first
        here, there = np.take(samples, first, axis), np.take(samples, first + 1, axis)
        samples = here + share * (there - here)
    return samples


def nearest(samples, ratio):
    return samples.repeat(ratio, 0).repeat(ratio, 1).astype(np.uint16)


@pytest.mark.parametrize("ratio", [2, 3, 6])
@pytest.mark.parametrize("cut", [0, 1, 4])
def test_interpolation_at_the_corner_is_told_from_everything_else(ratio, cut):
    """Subset may begin anywhere (`cut`)."""
    own = image()
    assert stands_at_corner(interpolated(own, ratio, 0.0)[:, cut:], ratio)
    assert not stands_at_corner(interpolated(own, ratio, 0.5)[:, cut:], ratio), "where it belongs"
    assert not stands_at_corner(nearest(own, ratio)[:, cut:], ratio)
    assert not stands_at_corner(own.astype(np.uint16)[:, cut:], ratio), "not interpolated at all"


@pytest.mark.parametrize("ratio", [2, 3, 6])
def test_gaps_and_reflectance_do_not_mislead(ratio):
    raw = interpolated(image(), ratio, 0.0)
    raw[:, : raw.shape[1] // 2] = 0
    assert stands_at_corner(raw, ratio)
    reflectance = np.where(raw == 0, np.nan, raw * 1e-4).astype(np.float64)
    assert stands_at_corner(reflectance, ratio)
    right = interpolated(image(), ratio, 0.5) * 1e-4
    assert not stands_at_corner(right.astype(np.float32), ratio)


@pytest.mark.parametrize("value", [0, 1500])
def test_snaps_default_is_assumed_where_nothing_shows(value):
    assert stands_at_corner(np.full((30, 90), value, np.uint16), 3)


def test_moving_brings_pixels_to_their_middle():
    """On a ramp exactly; on rough ground all but the bends themselves."""
    row, col = np.indices(_SAMPLES)
    ramp = 1000.0 + 30 * row + 60 * col
    for own, most in ((ramp, 1.0), (image(), None)):
        aside, right = (interpolated(own, 3, beside).astype(np.float32) for beside in (0.0, 0.5))
        moved = move_to_middle(move_to_middle(aside, 0), 1)
        inside = slice(3, -3), slice(3, -3)
        before, after = (
            np.abs(a[:-1, :-1] - right[:-1, :-1])[inside] for a in (aside, np.pad(moved, (0, 1)))
        )
        assert after.mean() < 0.5 * before.mean()
        if most is not None:
            assert after.max() <= most


def as_snap_leaves_it(samples, ratio):
    """Interpolated at the corner; outermost pixels are mixed with 0, and pixels made of a 0 are 0."""
    around = np.pad(samples, 1)
    inside = slice(ratio, -ratio)
    raw = _between(around, ratio, 0.0)[inside, inside]
    gaps = np.pad(samples == 0, 1)  # the border of the image is none
    touched = _between(gaps.astype(float), ratio, 0.0)[inside, inside] > 0
    return np.where(touched, 0, raw).astype(np.uint16)


@pytest.mark.parametrize("ratio", [2, 3, 6])
def test_a_band_that_begins_with_a_sample_is_told_from_one_that_was_cut(ratio):
    raw = interpolated(image(), ratio, 0.0)
    assert begins_with_a_sample(raw, ratio)
    assert begins_with_a_sample(raw[ratio:, 2 * ratio :], ratio)
    for cut in range(1, ratio):
        assert not begins_with_a_sample(raw[cut:], ratio)
        assert not begins_with_a_sample(raw[:, cut:], ratio)
    for flat in (np.full_like(raw, 1500), np.zeros_like(raw), raw[:2]):
        assert not begins_with_a_sample(flat, ratio), "nothing shows it"


@pytest.mark.parametrize("ratio", [2, 3, 6])
def test_samples_are_found_again(ratio):
    own = image()
    most = 1 if ratio == 3 else 0  # SNAP cut what two pixels on either side say to whole numbers
    raw = as_snap_leaves_it(own, ratio)
    assert raw[0, 5 * ratio + 1] < 0.7 * own[0, 5]
    found = recover(raw, ratio)
    assert found.dtype == raw.dtype
    assert np.abs(found - own).max() <= most
    # A window of whole samples, with the pixel behind them.
    part = recover(raw[4 * ratio : 9 * ratio + 1, 3 * ratio : 30 * ratio + 1], ratio)
    np.testing.assert_array_equal(part, found[4:9, 3:30])


@pytest.mark.parametrize("ratio", [3, 6])
def test_samples_beside_no_data_are_found_too(ratio):
    own = image()
    own[:, :7], own[20, 60] = 0, 0
    raw = as_snap_leaves_it(own, ratio)
    found = recover(raw, ratio)
    beside = np.zeros_like(own, bool)
    beside[:, 7] = beside[19:22, 59:62] = True
    np.testing.assert_array_equal(found[~beside] == 0, own[~beside] == 0)
    assert (found[:, 7] > 0).all(), "its own sample is valid"
    assert np.abs(found - own)[~beside].max() <= 1
    reflectance = np.where(raw == 0, np.nan, raw * 1e-4).astype(np.float32)
    np.testing.assert_allclose(recover(reflectance, ratio)[~beside], own[~beside] * 1e-4, atol=2e-4)
