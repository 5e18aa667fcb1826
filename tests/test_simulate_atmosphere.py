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
from cloudmask.simulate.conditions import draw_conditions
from cloudmask.simulate.fitting import dark_pixels, fitted, most_aerosol
from cloudmask.simulate.spec import SceneSpec
from cloudmask.simulate.surfaces import ArraySurface
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


def seen_through(aerosol, geometry=SUN):
    """Ground of .01 to .3 at the top of the atmosphere, (2 bands, 40, 40)."""
    ground = np.linspace(0.01, 0.3, 1600).reshape(40, 40).astype(np.float32)
    planes = []
    for band in ("B02", "B04"):
        air = band_atmosphere(band, geometry, Atmosphere(aerosol=aerosol))
        planes.append(air.gas * (air.path + air.down * air.up * ground / (1 - air.sphere * ground)))
    return ArraySurface(np.stack(planes), ("B02", "B04"), "L1C")


def test_dark_ground_bounds_the_aerosol():
    found = [most_aerosol(dark_pixels(seen_through(a)), SUN, Atmosphere()) for a in (0.04, 0.15, 0.4)]
    assert found == sorted(found)
    assert found == pytest.approx([0.04, 0.15, 0.4], abs=0.11)
    assert most_aerosol({}, SUN, Atmosphere()) == np.inf
    assert not dark_pixels(ArraySurface(np.ones((1, 8, 8)), ("B02",), "L2A"))


def test_sun_and_air_give_way_to_what_was_seen_unless_they_were_asked_for():
    surface = seen_through(0.05, Geometry(30, 150))
    spec = SceneSpec(1, "L2A", 40, season="winter")
    drawn = draw_conditions(spec)
    assert drawn.geometry.sun_zenith > 45
    found = fitted(spec, drawn, surface)
    assert found.air.aerosol <= drawn.air.aerosol
    assert found.geometry.sun_zenith < drawn.geometry.sun_zenith
    for band, dark in dark_pixels(surface).items():
        air = band_atmosphere(band, found.geometry, found.air)
        assert air.gas * air.path <= dark
    asked = SceneSpec(1, "L2A", 40, season="winter", sun_zenith=60.0, aerosol=0.3)
    assert fitted(asked, draw_conditions(asked), surface) == draw_conditions(asked)
    as_l1c = SceneSpec(1, "L1C", 40, season="winter")
    assert fitted(as_l1c, draw_conditions(as_l1c), surface) == draw_conditions(as_l1c)
