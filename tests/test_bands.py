from __future__ import annotations

import pytest

from cloudmask.bands import BANDS, LEVEL_BANDS, parse_band, parse_bands, parse_level
from cloudmask.errors import InputError


def test_thirteen_bands_in_the_order_of_the_metadata():
    assert [b.index for b in BANDS.values()] == list(range(13))
    assert {g: [b.name for b in BANDS.values() if b.gsd == g] for g in (10, 20, 60)} == {
        10: ["B02", "B03", "B04", "B08"],
        20: ["B05", "B06", "B07", "B8A", "B11", "B12"],
        60: ["B01", "B09", "B10"],
    }


def test_level_2_has_no_cirrus_band():
    assert set(LEVEL_BANDS["L1C"]) - set(LEVEL_BANDS["L2A"]) == {"B10"}


@pytest.mark.parametrize(
    "text", ["l1c", "L1C", "Level-1C", "LEVEL-1C", "MSIL1C", "S2MSI1C".replace("1C", "L1C")]
)
def test_parse_level(text):
    assert parse_level(text) == "L1C"


@pytest.mark.parametrize("text", ["", "L1B", "L3A", "1"])
def test_parse_level_refuses(text):
    with pytest.raises(InputError, match="expected L1C or L2A"):
        parse_level(text)


@pytest.mark.parametrize(("text", "name"), [("B2", "B02"), ("b02", "B02"), (" b8a", "B8A"), ("B12", "B12")])
def test_parse_band(text, name):
    assert parse_band(text) == name


@pytest.mark.parametrize("text", ["", "B", "B13", "B00", "2", "B8B"])
def test_parse_band_refuses(text):
    with pytest.raises(InputError, match="unknown band"):
        parse_band(text)


def test_a_band_may_be_given_once():
    assert parse_bands(["B4", "b8a"]) == ("B04", "B8A")
    with pytest.raises(InputError, match="B02 is given 2 times"):
        parse_bands(["B02", "B03", "B2"])
