from __future__ import annotations

import numpy as np
import pytest

from cloudmask.classes import (
    CLASS_MAPS,
    COLOURS,
    NODATA,
    SURFACE_CLASSES,
    CloudClass,
    parse_class,
)
from cloudmask.errors import InputError


def test_codes_are_those_of_kappamask():
    assert [int(c) for c in CloudClass] == [0, 1, 2, 3, 4, 5]
    assert [c.key for c in SURFACE_CLASSES] == ["clear", "cloud_shadow", "semi_transparent_cloud", "cloud"]
    assert NODATA == 5
    assert CloudClass.SEMI_TRANSPARENT_CLOUD.label == "semi-transparent cloud"


def test_colours_tell_classes_apart():
    assert set(COLOURS) == set(CloudClass)
    assert len(set(COLOURS.values())) == len(CloudClass)


@pytest.mark.parametrize("member", list(CloudClass))
def test_parse_class_takes_key_label_and_code(member):
    assert (
        parse_class(member.key)
        is parse_class(member.label.upper())
        is parse_class(str(int(member)))
        is member
    )


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ("thin", CloudClass.SEMI_TRANSPARENT_CLOUD),
        ("shadow", CloudClass.CLOUD_SHADOW),
        (" Thin-Cloud ", CloudClass.SEMI_TRANSPARENT_CLOUD),
    ],
)
def test_parse_class_takes_short_names(text, member):
    assert parse_class(text) is member


@pytest.mark.parametrize("text", ["", "fog", "6", "-1", "cloud shadow=0.5"])
def test_parse_class_names_what_it_knows(text):
    with pytest.raises(InputError, match=r"unknown class .* expected one of .*cloud_shadow"):
        parse_class(text)


@pytest.mark.parametrize("name", list(CLASS_MAPS))
def test_encode_then_decode_is_identity_on_surface_classes_and_missing(name):
    ours = np.array([[1, 2, 3], [4, 5, 1]], np.uint8)
    there = CLASS_MAPS[name].encode(ours)
    assert there.dtype == np.uint8
    np.testing.assert_array_equal(CLASS_MAPS[name].decode(there), ours)


def test_sen2cor_and_cloudsen12_codes():
    scl = CLASS_MAPS["sen2cor"].decode(np.arange(12))
    assert scl.tolist() == [5, 5, 1, 2, 1, 1, 1, 1, 4, 4, 3, 1]
    assert CLASS_MAPS["cloudsen12"].decode([0, 1, 2, 3, 99, 255]).tolist() == [1, 4, 3, 2, 0, 5]


def test_decode_takes_whole_floats_only():
    assert CLASS_MAPS["sen2cor"].decode(np.array([8.0, 3.0])).tolist() == [4, 2]
    for bad in (np.array([8.5]), np.array([np.nan])):
        with pytest.raises(InputError, match="whole numbers"):
            CLASS_MAPS["sen2cor"].decode(bad)
    with pytest.raises(InputError, match="expected integers"):
        CLASS_MAPS["sen2cor"].decode(np.array(["a"]))


def test_decode_names_unknown_codes():
    with pytest.raises(InputError, match=r"\[12, 77\]"):
        CLASS_MAPS["sen2cor"].decode([1, 12, 77])
