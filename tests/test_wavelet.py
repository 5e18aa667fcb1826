"""Samples read at a wavelet level lie where the means of their pixels do."""

import numpy as np
import pytest
from helpers_safe import TinyScene

from cloudmask.safe import open_product
from cloudmask.simulate.safe_writer import write_safe


class _Ramp(TinyScene):
    """Reflectance that rises to the east and, twice as steeply, to the south."""

    def band(self, name):
        shape = super().band(name).shape
        row, col = np.indices(shape)
        step = 10 * self.size10 / shape[0]
        return (0.1 + 1e-5 * step * (2 * row + col)).astype(np.float32)

    def valid(self, name):
        return np.ones(super().valid(name).shape, bool)


@pytest.mark.parametrize(("gsd", "band"), [(20, "B02"), (40, "B04"), (40, "B11")])
def test_a_level_lies_where_the_means_of_its_pixels_do(tmp_path, gsd, band):
    with open_product(write_safe(_Ramp(size10=720), tmp_path)) as product:
        native = product.layout(band, 10)
        layout = product.layout(band, gsd)
        assert layout.spacing == gsd, "the image has the level"
        at_level = product.load(band, layout, (0, layout.rows), (0, layout.cols)).values
        full = product.load(band, native, (0, native.rows), (0, native.cols)).values
        factor = round(gsd / native.spacing)
        means = full.reshape(layout.rows, factor, layout.cols, factor).mean(axis=(1, 3))
        # One digital number of rounding in each; unmoved samples are off by 5 m or more, 1.5e-4.
        inside = slice(2, -2), slice(2, -2)
        assert np.abs(at_level - means)[inside].max() < 1e-4


_LOW_PASS = np.array([-1, 2, 6, 2, -1]) / 8  # of the reversible wavelet, ISO/IEC 15444-1, Annex F


def _error(weights, taps, means, covariance):
    return means @ covariance @ means - 2 * weights @ taps @ covariance @ means + (
        weights @ taps @ covariance @ taps.T @ weights
    )  # fmt: skip


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("correlation", [0.8, 0.95, 0.99])
def test_no_linear_estimate_of_means_is_much_better_than_the_one_taken(level, correlation):
    """What is left between a level and the means of pixels is not in the level: more taps bring nothing.

    Of six samples of a level around a mean, the weights with the least square error for a Markov image
    (the usual model of images in coding) are compared with the two that `LevelImage` takes.
    """
    factor, middle, size = 2**level, 128, 256
    low_pass, centre = np.ones(1), 0
    for step in range(level):
        spread = np.zeros(4 * 2**step + 1)
        spread[:: 2**step] = _LOW_PASS
        low_pass, centre = np.convolve(low_pass, spread), centre + 2 * 2**step
    taps = np.zeros((6, size))
    for row, sample in zip(taps, range(-2, 4), strict=True):
        start = middle + sample * factor - centre
        row[start : start + len(low_pass)] = low_pass
    means = np.zeros(size)
    means[middle : middle + factor] = 1 / factor
    covariance = correlation ** np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    best = np.linalg.solve(taps @ covariance @ taps.T, taps @ covariance @ means)
    part = (factor - 1) / (2 * factor)
    taken = np.array([0, 0, 1 - part, part, 0, 0])
    ratio = np.sqrt(_error(taken, taps, means, covariance) / _error(best, taps, means, covariance))
    assert 1 <= ratio < 1.02
    unmoved = np.array([0, 0, 1, 0, 0, 0])
    assert _error(unmoved, taps, means, covariance) > 1.5 * _error(taken, taps, means, covariance)


def test_means_are_those_of_valid_pixels(tmp_path):
    """`downsampling="mean"` averages what is there, next to no-data too."""
    root = write_safe(TinyScene(size10=720), tmp_path)
    with open_product(root) as product, open_product(root, downsampling="mean") as averaging:
        native = product.layout("B02", 10)
        assert averaging.layout("B02", 20) == native
        plane = product.load("B02", native, (0, native.rows), (0, native.cols))
        assert plane.valid is not None, "the scene has a border without data"
        known = plane.valid.reshape(360, 2, 360, 2)
        total = np.where(plane.valid, plane.values, 0).reshape(known.shape).sum(axis=(1, 3))
        count = known.sum(axis=(1, 3))
        with np.errstate(invalid="ignore"):
            means = np.where(count > 0, total / count, np.nan)
        found, by_wavelet = (p.read(("B02",), 20, (0, 360), 20) for p in (averaging, product))
        np.testing.assert_allclose(found.values[0], means, rtol=1e-5)
        assert np.array_equal(found.missing, by_wavelet.missing)
        assert not np.array_equal(found.values, by_wavelet.values, equal_nan=True)
