"""Surface spectra inside ranges that are common knowledge of the field."""

import numpy as np
import pytest

from cloudmask.bands import BAND_NAMES
from cloudmask.simulate.spectra import CROPS, MATERIALS, SEASONS

WATER = [n for n in MATERIALS if n.startswith("water")]
GREEN = ["crop_green", "crop_dense", "broadleaf", "rainforest", "grass", "conifer"]
SNOW = ["snow_fresh", "snow_old", "snow_dirty"]
SOIL = [n for n in MATERIALS if n.startswith(("soil", "sand", "rock"))]


def _index(name, a, b):
    m = MATERIALS[name]
    return (m[a] - m[b]) / (m[a] + m[b])


@pytest.mark.parametrize("name", list(MATERIALS))
def test_every_spectrum_is_a_reflectance(name):
    values = np.array(MATERIALS[name].spectrum)
    assert values.shape == (13,)
    assert (values >= 0).all()
    assert (values <= 1).all()
    assert 0 < MATERIALS[name].spread < 0.4


@pytest.mark.parametrize("name", GREEN)
def test_vegetation(name):
    m = MATERIALS[name]
    assert 0.6 < _index(name, "B08", "B04") < 0.97
    assert m["B03"] > m["B02"]  # green peak
    assert m["B04"] < m["B05"] < m["B06"] < m["B07"]  # red edge
    assert m["B12"] < m["B11"] < m["B8A"]  # leaf water


@pytest.mark.parametrize("name", WATER)
def test_water(name):
    m = MATERIALS[name]
    assert m["B11"] <= 0.005
    assert m["B12"] <= 0.005
    assert _index(name, "B03", "B11") > 0.5
    assert m["B8A"] < 0.1
    assert max(m.spectrum) < 0.25


@pytest.mark.parametrize("name", SNOW)
def test_snow(name):
    assert _index(name, "B03", "B11") > 0.6
    assert MATERIALS[name]["B02"] > 0.4


@pytest.mark.parametrize("name", SOIL)
def test_soil_brightens_with_wavelength(name):
    values = np.array(MATERIALS[name].spectrum)
    first = [
        BAND_NAMES.index(b) for b in ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11")
    ]
    assert (np.diff(values[first]) > 0).all()
    assert -0.1 < _index(name, "B08", "B04") < 0.35


def test_burnt_is_darker_in_the_near_infrared_than_at_two_micrometres():
    assert _index("burnt", "B8A", "B12") < 0


@pytest.mark.parametrize("season", SEASONS)
def test_crops_of_each_season_add_up(season):
    assert sum(CROPS[season].values()) == pytest.approx(1)
    assert set(CROPS[season]) <= set(MATERIALS)
