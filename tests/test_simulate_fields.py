"""Random fields and the small array tools."""

import itertools

import numpy as np
import pytest

from cloudmask.simulate.fields import block_mean, power_law, shifted, smoothstep, spread, stream


def _slope(field, low, high):
    n = field.shape[0]
    power = np.abs(np.fft.fft2(field)) ** 2
    k = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n)[None, :])
    edges = np.geomspace(low, high, 7)
    rings = [(k >= a) & (k < b) for a, b in itertools.pairwise(edges)]
    return -np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log([power[r].mean() for r in rings]), 1)[
        0
    ]


@pytest.mark.parametrize("slope", [1.5, 8 / 3, 3.5])
def test_power_law_has_its_slope(slope):
    field = power_law(stream(1, "test"), (512, 512), slope, outer=1e4)
    assert field.dtype == np.float32
    assert field.mean() == pytest.approx(0, abs=1e-4)
    assert field.std() == pytest.approx(1, abs=1e-3)
    assert _slope(field, 0.02, 0.3) == pytest.approx(slope, abs=0.2)


def test_outer_and_inner_scales():
    flat = power_law(stream(2, "test"), (512, 512), 3.0, outer=4)
    assert _slope(flat, 0.005, 0.05) < 0.6
    smooth = power_law(stream(3, "test"), (512, 512), 3.0, outer=1e4, inner=40)
    assert _slope(smooth, 0.1, 0.4) == pytest.approx(4.6, abs=0.3)


def test_stretch_lengthens_along_the_angle():
    field = power_law(stream(4, "test"), (256, 256), 3.0, outer=20, stretch=8, angle=0)
    rows, cols = np.abs(np.gradient(field))
    assert rows.mean() > 2 * cols.mean()


def test_streams_do_not_touch_each_other():
    first, again = stream(7, "a").random(4), stream(7, "a").random(4)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, stream(7, "b").random(4))
    assert not np.array_equal(first, stream(8, "a").random(4))


def test_blocks_there_and_back():
    ramp = np.tile(np.arange(64, dtype=np.float32), (48, 1))
    coarse = block_mean(ramp, 8)
    assert coarse.shape == (6, 8)
    back = spread(coarse, ramp.shape, 8)
    np.testing.assert_allclose(back[:, 4:-4], ramp[:, 4:-4], atol=1e-4)
    odd = block_mean(np.ones((13, 9), np.float32), 4)
    assert odd.shape == (4, 3)
    np.testing.assert_array_equal(spread(odd, (13, 9), 4), 1)


def test_shifted_and_smoothstep():
    field = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert shifted(field, 1, 2)[0, 0] == field[1, 2]
    steps = smoothstep(np.array([[-1.0, 0.0, 0.5, 1.0, 2.0]], np.float32), 0, 1)
    np.testing.assert_allclose(steps, [[0, 0, 0.5, 1, 1]])
