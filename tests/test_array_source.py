from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmask.array_source import ArraySource
from cloudmask.errors import InputError
from cloudmask.grid import AxisMap, Grid, resample

BANDS = ("B02", "B03", "B04", "B08")


def source(image, gsd=10, bands=("B02",), level="L1C"):
    return ArraySource(np.asarray(image), bands, gsd=gsd, level=level)


def scene(rows, cols, seed=0, missing=0.2):
    rng = np.random.default_rng(seed)
    image = rng.random((2, rows, cols), np.float32)
    image[:, rng.random((rows, cols)) < missing] = np.nan
    image[1, rng.random((rows, cols)) < missing] = np.nan
    return image


@given(
    st.integers(1, 50),
    st.integers(1, 50),
    st.sampled_from([10, 20, 15, 60]),
    st.sampled_from([10, 20, 30, 60]),
    st.sampled_from([10, 20, 60]),
    st.integers(0, 999),
)
def test_strips_put_together_are_the_whole(rows, cols, gsd, work, out, seed):
    src = source(scene(rows, cols, seed), gsd, ("B02", "B03"))
    height = src.grid.at(work).rows
    whole = src.read(("B02", "B03"), work, (0, height), out)
    assert whole.values.shape == (2, *src.grid.at(work).shape)
    assert whole.missing.shape == src.grid.at(out).shape
    step = np.lcm(work, out) // work  # strips end on pixels of both grids
    cuts = [*range(0, height, int(step) * 2), height]
    parts = [src.read(("B02", "B03"), work, pair, out) for pair in itertools.pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate([p.values for p in parts], axis=1), whole.values)
    np.testing.assert_array_equal(np.concatenate([p.missing for p in parts]), whole.missing)


def test_missing_is_where_any_band_has_nothing():
    image = np.ones((2, 4, 4), np.float32)
    image[0, :2, :2] = np.nan  # a whole 20 m pixel
    image[1, 2, 2] = np.nan  # a quarter of one
    strip = source(image, bands=("B02", "B03")).read(("B02", "B03"), 20, (0, 2), 20)
    assert strip.missing.tolist() == [[True, False], [False, False]]
    assert not strip.saturated.any()
    fine = source(image, bands=("B02", "B03")).read(("B02", "B03"), 20, (0, 2), 10)
    np.testing.assert_array_equal(fine.missing, np.isnan(image).any(axis=0))


def test_bands_come_in_the_order_asked_for():
    image = np.stack([np.full((2, 2), v, np.float32) for v in (0.2, 0.3)])
    strip = source(image, bands=("B02", "B03")).read(("B03", "B02"), 10, (0, 2), 10)
    assert strip.values[:, 0, 0].tolist() == [np.float32(0.3), np.float32(0.2)]


def test_subset_is_a_piece_of_the_whole():
    image = scene(60, 48)
    src = source(image, bands=("B02", "B03"))
    part = src.subset(12, 6, 24, 30)
    assert part.grid == src.grid.subset(12, 6, 24, 30)
    for work, out in ((20, 20), (30, 60), (60, 10)):
        whole = src.read(("B02", "B03"), work, (0, src.grid.at(work).rows), out)
        piece = part.read(("B02", "B03"), work, (0, part.grid.at(work).rows), out)
        k, o = 10 / work, 10 / out
        at = np.s_[..., int(12 * k) : int(36 * k), int(6 * k) : int(36 * k)]
        np.testing.assert_array_equal(piece.values, whole.values[at])
        at = np.s_[int(12 * o) : int(36 * o), int(6 * o) : int(36 * o)]
        np.testing.assert_array_equal(piece.missing, whole.missing[at])
    nested = part.subset(6, 12, 12, 12).read(("B02",), 10, (0, 12), 10)
    np.testing.assert_array_equal(nested.values[0], image[0, 18:30, 18:30])


def test_reading_agrees_with_the_grid_functions():
    image = scene(30, 20)
    valid = np.isfinite(image[0])
    strip = source(image[:1]).read(("B02",), 20, (0, 15), 60)
    rows, cols = AxisMap(2, 30, 0, 15), AxisMap(2, 20, 0, 10)
    np.testing.assert_array_equal(strip.values[0], resample(image[0], valid, rows, cols))
    rows, cols = AxisMap(6, 30, 0, 5), AxisMap(6, 20, 0, 4)
    np.testing.assert_array_equal(strip.missing, ~cols.any(rows.any(valid, 0, 0), 1, 0))


def test_infinities_are_missing():
    image = np.ones((1, 2, 2), np.float32)
    image[0, 0] = [np.inf, -np.inf]
    strip = source(image).read(("B02",), 10, (0, 2), 10)
    assert strip.missing.tolist() == [[True, True], [False, False]]


def test_masked_arrays_keep_their_mask():
    image = np.ma.masked_equal(np.array([[[0.0, 0.5]]], np.float32), 0)
    strip = ArraySource(image, ["B02"], gsd=10, level="L1C").read(("B02",), 10, (0, 1), 10)
    assert strip.missing.tolist() == [[True, False]]


def test_all_missing_is_fine():
    strip = source(np.full((1, 3, 3), np.nan)).read(("B02",), 20, (0, 2), 10)
    assert strip.missing.all()
    assert np.isnan(strip.values).all()


@pytest.mark.parametrize(
    ("image", "bands", "text"),
    [
        (np.zeros((4, 4)), ("B02",), r"expected an image of shape \(1 bands, rows, cols\), found \(4, 4\)"),
        (np.zeros((4, 4, 2)), ("B02", "B03"), r"np\.moveaxis\(image, -1, 0\)"),
        (np.zeros((1, 0, 4)), ("B02",), "has no pixels"),
        (
            np.zeros((1, 4, 4), np.uint16),
            ("B02",),
            r"found uint16; for digital numbers use \(dn \+ offset\) / 10000",
        ),
        (np.zeros((1, 4, 4), complex), ("B02",), "found complex128"),
        (np.full((1, 4, 4), 3000.0), ("B02",), "values up to 3000; divide digital numbers by 10000"),
        (np.full((1, 4, 4), -9999.0), ("B02",), "values down to -9999; use NaN where pixels are missing"),
        (np.zeros((1, 4, 4)), ("B02", "B02"), "B02 is given 2 times"),
    ],
)
def test_images_that_are_not_reflectance(image, bands, text):
    with pytest.raises(InputError, match=text):
        source(image, bands=bands)


def test_other_wrong_arguments():
    with pytest.raises(InputError, match="bands B10 do not exist at level L2A"):
        source(np.zeros((1, 1, 1)), bands=("B10",), level="L2A")
    for gsd in (0, 2000, np.nan):
        with pytest.raises(InputError, match="expected gsd in metres"):
            source(np.zeros((1, 1, 1)), gsd=gsd)
    with pytest.raises(InputError, match="expected a grid of 1 x 1 at 10 m, found 2 x 1 at 10 m"):
        ArraySource(np.zeros((1, 1, 1)), ["B02"], gsd=10, level="L1C", grid=Grid(None, 0, 0, 10, 10, 2, 1))
    with pytest.raises(InputError, match="array: no band B03; the product has B02"):
        source(np.zeros((1, 1, 1))).read(("B03",), 10, (0, 1), 10)


def test_what_is_there_as_it_is_wanted_is_not_copied():
    image = np.random.default_rng(0).random((4, 30, 20), dtype=np.float32)
    source = ArraySource(image, BANDS, gsd=20, level="L1C")
    strip = source.read(BANDS[1:3], 20, (10, 25), 20)
    assert np.shares_memory(strip.values, image)
    np.testing.assert_array_equal(strip.values, image[1:3, 10:25])
    with pytest.raises(ValueError, match="read-only"):
        strip.values[0] = 0
    part = source.subset(5, 4, 10, 12)
    np.testing.assert_array_equal(part.read(BANDS, 20, (2, 8), 20).values, image[:, 7:13, 4:16])
    assert image.flags.writeable, "the user's array stays the user's"


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_what_has_holes_or_another_order_is_copied(hole):
    image = np.random.default_rng(0).random((4, 30, 20), dtype=np.float32)
    whole = ArraySource(image, BANDS, gsd=20, level="L1C")
    turned = whole.read(BANDS[::-1], 20, (10, 25), 20)
    np.testing.assert_array_equal(turned.values, image[::-1, 10:25])
    image = image.copy()
    image[2, 12, 3] = hole
    strip = ArraySource(image, BANDS, gsd=20, level="L1C").read(BANDS, 20, (10, 25), 20)
    assert np.isnan(strip.values[2, 2, 3])
    assert strip.missing[2, 3]
    assert not strip.complete
