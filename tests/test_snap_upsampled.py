"""Bands that SNAP interpolates half a pixel aside are known from their samples, and moved back."""

import numpy as np
import pytest

from cloudmask.snap.upsampled import move_to_middle, stands_at_corner

_SAMPLES = (40, 120)


def image(seed=3):
    """Rough ground in digital numbers."""
    return np.random.default_rng(seed).integers(800, 4000, _SAMPLES).astype(np.float64)


def interpolated(samples, ratio, beside):
    """Pixel i is interpolated `beside` pixels from its north-western corner; SNAP cuts to whole numbers."""
    for axis in (0, 1):
        n = samples.shape[axis]
        place = np.clip((np.arange(n * ratio) + beside) / ratio - 0.5, 0, n - 1)
        first = np.minimum(place.astype(int), n - 2)
        share = (place - first)[:, None] if axis == 0 else place - first
        here, there = np.take(samples, first, axis), np.take(samples, first + 1, axis)
        samples = here + share * (there - here)
    return samples.astype(np.uint16)


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
