from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from cloudmask.classes import CloudClass
from cloudmask.errors import UsageError
from cloudmask.options import Options, make_options, option_specs, option_types

RANGES = [(name, spec.interval) for name, spec in option_specs().items() if spec.interval]


def test_defaults_are_valid_and_frozen():
    options = Options()
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.resolution = 10
    assert options.to_dict().keys() == option_specs().keys()


def test_every_option_presents_itself():
    for name, spec in option_specs().items():
        assert spec.label, name
        assert spec.help.endswith("."), name


@pytest.mark.parametrize(("name", "interval"), RANGES)
def test_ranges_are_closed_and_checked(name, interval):
    low, high = interval
    whole = option_types()[name][0] is int
    for good in (low, high):
        assert getattr(make_options(**{name: int(good) if whole else good}), name) == good
    for bad in (low - 1, high + 1, math.nan, math.inf, True, "1", [1]):
        with pytest.raises(UsageError, match=f"option {name.replace('_', '-')}: expected"):
            make_options(**{name: bad})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resolution", 30),
        ("resolution", "20"),
        ("resolution", 20.0),
        ("device", "tpu"),
        ("tile_size", 100.5),
        ("threads", 1.5),
        ("probabilities", "yes"),
        ("probabilities", None),
        ("model", 5),
        ("device", None),
        ("cloud_buffer", None),
        ("bands", 5),
        ("bands", [2, 3]),
    ],
)
def test_wrong_values_and_types(name, value):
    with pytest.raises(UsageError, match=f"option {name.replace('_', '-')}: expected"):
        make_options(**{name: value})


def test_unknown_option_names_the_known():
    with pytest.raises(UsageError, match=r"unknown option 'buffer'; expected one of .*cloud_buffer"):
        make_options(buffer=3)


def test_thresholds():
    options = Options(cloud_threshold=0.3, cloud_shadow_threshold=0.0)
    assert options.thresholds() == {CloudClass.CLOUD: 0.3, CloudClass.CLOUD_SHADOW: 0.0}


def test_scalars_of_numpy_and_paths_become_plain_values():
    options = Options(
        tile_size=np.int64(128), cloud_buffer=np.float32(10), model=Path("a/b.onnx"), min_area=5
    )
    assert json.loads(json.dumps(options.to_dict()))["model"] == str(Path("a/b.onnx"))
    assert (type(options.tile_size), type(options.cloud_buffer), type(options.min_area)) == (
        int,
        float,
        float,
    )


@pytest.mark.parametrize("given", ["B02,B8A", " b2, B8a ", ["B2", "B8A"], ("B02", "B8A")])
def test_bands_in_any_spelling(given):
    options = make_options(bands=given)
    assert options.bands == "B02,B8A"
    assert options.band_names() == ("B02", "B8A")
    assert Options().band_names() == ()


@pytest.mark.parametrize("given", ["", "B02,", "B02,B02", "red", []])
def test_bands_that_are_none(given):
    with pytest.raises(UsageError, match=r"option bands: (unknown band|band B02 is given 2 times)"):
        make_options(bands=given)
