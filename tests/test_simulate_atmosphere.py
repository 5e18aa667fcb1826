"""Clear air and sensor against published values."""

import numpy as np
import pytest

from cloudmask.bands import BAND_NAMES
from cloudmask.simulate import sensor
from cloudmask.simulate.atmosphere import (
    Atmosphere,
    Geometry,
    band_atmosphere,
    gas_transmittance,
    rayleigh_depth,
    to_surface,
)
from cloudmask.simulate.water import glint

SUN = Geometry(40, 150, 6, 103)


@pytest.mark.parametrize(
    ("band", "depth"), [("B01", 0.236), ("B02", 0.155), ("B03", 0.090), ("B04", 0.045), ("B8A", 0.0155)]
)
def test_rayleigh_depth(band, depth):
    # 6S and Bodhaine et al. 1999 at sea level.
    assert rayleigh_depth(band) == pytest.approx(depth, rel=0.04)


def test_air_shines_less_towards_the_red():
    paths = [band_atmosphere(b, SUN, Atmosphere(aerosol=0.1)).path for b in BAND_NAMES]
    assert (np.diff(paths) < 0).all()
    assert 0.06 < paths[0] < 0.12
    assert paths[-1] < 0.004


@pytest.mark.parametrize("band", [b for b in BAND_NAMES if b != "B10"])
@pytest.mark.parametrize("air", [Atmosphere(0.02), Atmosphere(0.5, vapour=5.0)])
def test_transmittances_are_shares(band, air):
    clear = band_atmosphere(band, SUN, air)
    for value in (clear.down, clear.up, clear.direct, clear.up_direct, clear.gas):
        assert 0 < value <= 1
    assert 0 <= clear.sphere < 0.4


def test_inversion_undoes_the_composition():
    ground = np.array([0.0, 0.02, 0.3, 0.9], np.float32)
    for band in ("B01", "B04", "B11"):
        clear = band_atmosphere(band, SUN, Atmosphere(0.3))
        toa = clear.gas * (clear.path + clear.down * clear.up * ground / (1 - clear.sphere * ground))
        np.testing.assert_allclose(to_surface(toa, clear), ground, atol=1e-6)


def test_cirrus_band_sees_high_cloud_and_no_ground():
    air = Atmosphere(vapour=1.5)
    assert gas_transmittance("B10", 2.3, air) < 0.001
    assert gas_transmittance("B10", 2.3, air, height=2) < 0.02
    assert gas_transmittance("B10", 2.3, air, height=10) > 0.5
    heights = [gas_transmittance("B09", 2.3, air, height=h) for h in (0, 1, 3, 8)]
    assert (np.diff(heights) > 0).all()
    assert 0.2 < heights[0] < 0.5


def test_scattering_angle():
    assert Geometry(30, 100).scattering_angle == pytest.approx(150)
    assert Geometry(30, 100, 30, 100).scattering_angle == pytest.approx(180)
    assert Geometry(30, 100, 30, 280).scattering_angle == pytest.approx(120)


def test_glint_is_strong_at_the_mirror_and_gone_at_low_sun():
    mirror = glint(Geometry(10, 100, 10, 280), 4)
    assert mirror > 0.05
    assert glint(Geometry(60, 100, 5, 280), 4) < 0.002
    # Wind spreads the mirror image: darker at its centre, brighter away from it.
    assert glint(Geometry(10, 100, 10, 280), 10) < mirror
    assert glint(Geometry(32, 100, 0, 280), 10) > glint(Geometry(32, 100, 0, 280), 2)


def test_parallax_of_the_outermost_bands_is_the_handbook_value():
    assert abs(sensor.parallax("B09") - sensor.parallax("B02")) == pytest.approx(0.022, abs=0.0005)
    assert sensor.parallax(sensor.REFERENCE_BAND) == 0


@pytest.mark.parametrize("band", BAND_NAMES)
def test_noise_has_the_published_ratio(band):
    reference, snr = sensor.SNR[band]
    gsd = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B01": 60, "B09": 60, "B10": 60}.get(band, 20)
    flat = np.full((300, 300), reference, np.float32)
    seen = sensor.observe(np.random.default_rng(0), band, flat, 0.707, gsd)
    rounding = 1e-4 / np.sqrt(12)
    expected = np.hypot(reference / snr, rounding)
    assert seen.std() == pytest.approx(expected, rel=0.05)
    assert seen.dtype == np.float32


def test_saturation_clips_and_depends_on_light():
    bright = np.full((8, 8), 5.0, np.float32)
    seen = sensor.observe(np.random.default_rng(0), "B02", bright, 0.9, 10)
    assert seen.max() == pytest.approx(sensor.saturation(0.9), abs=1e-4)
    assert sensor.saturation(0.4) > sensor.saturation(0.9) > 1.2


def test_sharpness_keeps_the_mean_and_blurs_coarse_bands():
    image = np.random.default_rng(1).random((120, 120)).astype(np.float32)
    for band in ("B02", "B8A", "B01"):
        seen = sensor.Sharpness(band, 20)(image)
        assert seen.mean() == pytest.approx(image.mean(), rel=0.01)
    assert sensor.Sharpness("B02", 20)(image) is image
    assert sensor.Sharpness("B01", 20)(image).std() < sensor.Sharpness("B8A", 20)(image).std() < image.std()
