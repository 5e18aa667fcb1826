from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cloudmask.classes import CloudClass
from cloudmask.postprocess import buffer_classes, classify, dilate_disc, postprocess, remove_small

CLEAR, SHADOW, SEMI, CLOUD, MISSING = 1, 2, 3, 4, 5


def scene(text):
    """Classes drawn with . clear, s shadow, t semi-transparent, c cloud, - missing."""
    codes = {".": CLEAR, "s": SHADOW, "t": SEMI, "c": CLOUD, "-": MISSING}
    return np.array([[codes[ch] for ch in line.strip()] for line in text.split()], np.uint8)


def probabilities(*pixels):
    return np.array(pixels, np.float32).T[:, None, :]


# Classes


def test_the_most_probable_class_wins():
    p = probabilities([0.4, 0.3, 0.2, 0.1], [0.1, 0.6, 0.2, 0.1], [0, 0.2, 0.5, 0.3], [0, 0, 0, 1])
    assert classify(p).tolist() == [[CLEAR, SHADOW, SEMI, CLOUD]]


@given(st.integers(0, 2**32 - 1))
def test_classify_is_argmax(seed):
    p = np.random.default_rng(seed).random((4, 9, 7), np.float32)
    np.testing.assert_array_equal(classify(p), p.argmax(axis=0) + 1)


def test_a_threshold_takes_what_reaches_it_and_nothing_else():
    p = probabilities([0.7, 0, 0, 0.3], [0.1, 0.05, 0.05, 0.8], [0.1, 0.4, 0.3, 0.2])
    low = classify(p, {CloudClass.CLOUD: 0.3})
    assert low.tolist() == [[CLOUD, CLOUD, SHADOW]]
    high = classify(p, {CloudClass.CLOUD: 0.9})
    assert high.tolist() == [[CLEAR, CLEAR, SHADOW]]


def test_cloud_comes_before_semi_transparent_before_shadow():
    p = probabilities([0.0, 0.5, 0.3, 0.2], [0.0, 0.7, 0.3, 0.0], [0.0, 0.9, 0.1, 0.0])
    every = {CloudClass.CLOUD: 0.2, CloudClass.SEMI_TRANSPARENT_CLOUD: 0.3, CloudClass.CLOUD_SHADOW: 0.1}
    assert classify(p, every).tolist() == [[CLOUD, SEMI, SHADOW]]


# Small objects


def test_small_objects_become_clear():
    before = scene("""
        cc...s
        ct....
        .....s
        t.ss..
    """)
    after = remove_small(before, 4 * 400, 20)
    assert (
        after
        == scene("""
        cc....
        ct....
        ......
        ......
    """)
    ).all()


def test_corners_touch_and_both_kinds_of_cloud_are_one_object():
    before = scene("""
        c..
        .t.
        ..c
    """)
    np.testing.assert_array_equal(remove_small(before, 3 * 100, 10), before)
    assert (remove_small(before, 3 * 100 + 1, 10) == CLEAR).all()


@pytest.mark.parametrize("area", [0, 100])
def test_one_pixel_is_never_too_small_for_its_own_area(area):
    before = scene("..c.s")
    np.testing.assert_array_equal(remove_small(before, area, 10), before)


def test_missing_is_left_alone():
    before = scene("---c-")
    assert remove_small(before, 1e6, 10).tolist() == scene("---.-").tolist()


# Buffers


@settings(max_examples=60)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 12), st.integers(0, 2**32 - 1))
def test_dilation_is_the_euclidean_disc(rows, cols, radius, seed):
    mask = np.random.default_rng(seed).random((rows, cols)) > 0.97
    expected = mask
    if mask.any():
        squared = np.rint(ndimage.distance_transform_edt(~mask) ** 2)
        expected = squared <= radius**2 + 1e-6
    np.testing.assert_array_equal(dilate_disc(mask, radius), expected)


def test_buffers_are_metres():
    before = scene("......c......")
    assert buffer_classes(before, 40, 0, 20).tolist() == scene("....ccccc....").tolist()
    assert buffer_classes(before, 39.9, 0, 20).tolist() == scene(".....ccc.....").tolist()
    assert buffer_classes(before, 40, 0, 60) is before


def test_only_clear_changes_and_cloud_comes_first():
    before = scene("c.s-t.s")
    assert buffer_classes(before, 20, 20, 10).tolist() == scene("ccs-tts").tolist()
    assert buffer_classes(before, 0, 20, 10).tolist() == scene("css-tss").tolist()


def test_what_is_removed_is_not_buffered():
    out = postprocess(scene("c...cc"), gsd=10, min_area=200, cloud_buffer=10, shadow_buffer=0)
    assert out.tolist() == scene("...ccc").tolist()
