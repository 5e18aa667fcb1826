"""Where shadows fall, how deep they are, and what tall clouds do."""

from dataclasses import replace

import numpy as np
import pytest

from cloudmask.simulate.atmosphere import Geometry
from cloudmask.simulate.conditions import draw_conditions
from cloudmask.simulate.render import Stage
from cloudmask.simulate.scene import simulate_scene
from cloudmask.simulate.shadows import (
    LEVELS,
    light_layer,
    offset,
    penumbra,
    thickness_index,
    thickness_scale,
)
from cloudmask.simulate.spec import SceneSpec
from cloudmask.simulate.staging import StagedLayer
from cloudmask.simulate.surfaces import ArraySurface
from cloudmask.simulate.terrain import shade


def _flat(size):
    bands, values = ("B02", "B04", "B8A", "B11"), np.array([0.06, 0.09, 0.3, 0.25], np.float32)
    return ArraySurface(np.tile(values[:, None, None], (1, size, size)), bands, "L2A")


def test_offset_points_to_the_sun():
    # Sun in the south-east at 45 degrees: a kilometre up is a kilometre towards it; rows grow southward.
    row, col = offset(1.0, 45, 135, 20)
    assert row == pytest.approx(50 * np.sqrt(0.5))
    assert col == pytest.approx(50 * np.sqrt(0.5))
    row, col = offset(1.0, 45, 0, 20)
    assert (row, col) == (pytest.approx(-50), pytest.approx(0))


@pytest.mark.parametrize(("azimuth", "zenith"), [(150.0, 35.0), (45.0, 25.0), (270.0, 16.0)])
def test_shadow_falls_where_geometry_puts_it(azimuth, zenith):
    spec = SceneSpec(11, size=256, clouds=("altocumulus",), cover=0.3, sun_azimuth=azimuth, sun_zenith=zenith)
    scene = simulate_scene(spec, _flat(256))
    plan = scene.conditions.layers[0]
    geometry = scene.conditions.geometry
    sun = offset(plan.base + 0.5 * plan.depth, zenith, azimuth, 20)
    seen = offset(plan.base + 0.6 * plan.depth, geometry.view_zenith, geometry.view_azimuth, 20)
    # Ground at p is lit through p + sun, a cloud is seen at the p with p + seen; so cloud = shadow + this:
    expected = (sun[0] - seen[0], sun[1] - seen[1])
    assert max(map(abs, expected)) < 250
    cloud = 1 - np.exp(-0.1 * scene.optical_thickness)
    dark = 1 - scene.direct_transmittance
    spectrum = np.fft.fft2(cloud - cloud.mean(), (512, 512)) * np.conj(
        np.fft.fft2(dark - dark.mean(), (512, 512))
    )
    row, col = np.unravel_index(np.argmax(np.fft.ifft2(spectrum).real), (512, 512))
    found = ((row + 256) % 512 - 256, (col + 256) % 512 - 256)
    assert found[0] == pytest.approx(expected[0], abs=1.01)
    assert found[1] == pytest.approx(expected[1], abs=1.01)


def test_single_column_casts_a_streak_as_long_as_it_is_high():
    # One tall column in the middle; sun in the north at 45 degrees, so the streak runs south.
    index = np.zeros((101, 101), np.uint16)
    index[50, 50] = LEVELS - 1
    lit = light_layer(index, 0.4, Geometry(45, 0), 20, asymmetry=0.86, convective=True)
    dark = np.argwhere(lit.path > 0.5)
    assert set(dark[:, 1]) == {50}
    # 0.4 km high at 20 m: 20 pixels, less the half slice at either end.
    assert dark[:, 0].min() == 50
    assert 17 <= dark[:, 0].max() - 50 <= 20
    assert lit.path.sum() == pytest.approx(thickness_scale()[-1], rel=1e-3)


def test_a_flat_cloud_has_no_relief_and_its_own_thickness():
    index = np.full((64, 64), 300, np.uint16)
    tall = light_layer(index, 0.5, Geometry(50, 120), 20, asymmetry=0.86, convective=True)
    np.testing.assert_allclose(tall.relief, 1, atol=1e-3)
    np.testing.assert_allclose(tall.path, thickness_scale()[300], rtol=1e-4)


def test_the_side_away_from_the_sun_is_darker():
    rows = np.arange(128)[:, None]
    hump = 30 * np.exp(-(((rows - 64) / 12.0) ** 2)) * np.ones((1, 128))
    index = thickness_index(hump.astype(np.float32))
    lit = light_layer(index, 0.8, Geometry(55, 180), 20, asymmetry=0.86, convective=True)
    # Sun in the south (high rows): the northern flank lies in shade.
    assert lit.relief[76, 64] > lit.relief[52, 64] + 0.1


def test_penumbra_keeps_light_and_widens_with_height():
    field = np.ones((128, 128), np.float32)
    field[40:80, 40:80] = 0.2
    low, high = (penumbra(field, h, 0.0, Geometry(45, 150), 10) for h in (2.0, 10.0))
    assert low.mean() == pytest.approx(field.mean(), rel=1e-3)
    assert np.abs(np.gradient(high)[1]).max() < np.abs(np.gradient(low)[1]).max()


def test_index_scale_is_fine_enough():
    tau = np.geomspace(0.003, 120, 500).astype(np.float32)
    back = thickness_scale()[thickness_index(tau)]
    np.testing.assert_allclose(back, tau, rtol=0.012)
    assert thickness_index(np.zeros((1, 1), np.float32))[0, 0] == 0


def test_shadow_is_deepest_in_the_short_wave_infrared():
    scene = simulate_scene(SceneSpec(5, size=192, clouds=("cumulus",), cover=0.3, sun_zenith=40), _flat(192))
    sky = simulate_scene(SceneSpec(5, size=192, clouds=(), sun_zenith=40), _flat(192))
    shadow = scene.classes == 2
    assert shadow.mean() > 0.05
    ratio = (scene.reflectance[:, shadow] / sky.reflectance[:, shadow]).mean(axis=1)
    at = dict(zip(scene.bands, ratio, strict=True))
    # Blue sky light fills shadows; means of real pairs: B02 about 1, B04 .7, B8A .65, B11 .5.
    assert at["B02"] > at["B04"] > at["B8A"] > at["B11"]
    assert 0.75 < at["B02"] < 1.15
    assert 0.35 < at["B11"] < 0.7


def test_clouds_outside_the_frame_cast_shadows_into_it():
    # At 75 degrees from 9 km up, all that shades a 5 km frame lies beyond its edge.
    spec = SceneSpec(3, size=256, clouds=("cirrus",), cover=0.5, sun_zenith=75, sun_azimuth=150)
    layer = StagedLayer(spec, draw_conditions(spec), 0)
    assert layer.beam.min() < 0.9
    seen = layer.view("B04", layer.layer.thickness)
    assert np.corrcoef(seen.ravel(), layer.sun_path.ravel())[0, 1] < 0.95
    assert layer.beam.shape == seen.shape == (256, 256)


def test_high_cloud_is_displaced_between_bands():
    spec = SceneSpec(4, size=256, gsd=10, clouds=("cirrus",), cover=0.6)
    conditions = draw_conditions(spec)
    layer = StagedLayer(spec, conditions, 0)
    blue, late = (layer.view(b, layer.layer.thickness) for b in ("B02", "B09"))
    height = conditions.layers[0].base + 0.6 * conditions.layers[0].depth
    step = height * 1000 * 0.0218 / 10
    best = min(
        ((r, c) for r in range(-30, 31) for c in range(-15, 16)),
        key=lambda s: np.abs(blue[40:-40, 40:-40] - np.roll(late, s, (0, 1))[40:-40, 40:-40]).mean(),
    )
    assert np.hypot(*best) == pytest.approx(step, abs=1.5)


def test_terrain_shadow():
    hill = np.zeros((100, 100), np.float32)
    hill[48:60] = 0.3  # a ridge across, sun in the south at 60 degrees: 300 m throw 520 m of shadow
    light = shade(hill, Geometry(60, 180), 20)
    assert light[10, 50] == pytest.approx(1)
    assert (light[26:47, 50] < 0.5).all()
    assert light[15, 50] > 0.9
    assert light[70, 50] == pytest.approx(1)


def _bar(width):
    """Illumination of a frame with one shadow `width` pixels wide in the direction of the sun."""
    light = np.ones((256, 256), np.float32)
    light[128 - width // 2 : 128 + width // 2] = 0.4
    return light


def test_air_over_a_narrow_shadow_is_lit():
    # Sun in the south at 45 degrees, base at 2 km: a line of sight crosses the beams of 100 pixels.
    spec = SceneSpec(1, size=256, clouds=("cumulus",), sun_zenith=45, sun_azimuth=180)
    conditions = draw_conditions(spec)
    layers = (replace(conditions.layers[0], base=2.0),)
    stage = Stage(spec, replace(conditions, layers=layers), _flat(256))
    narrow, wide = (stage._air_light("B02", _bar(width))[128, 128] for width in (16, 200))
    assert narrow > 0.85
    assert wide < 0.5
    np.testing.assert_allclose(stage._air_light("B02", np.full((256, 256), 0.7, np.float32)), 0.7, rtol=1e-5)
    # The shadow rises towards the sun: the air south of the bar lies in it, the air north of it does not.
    over = stage._air_light("B02", _bar(16))[:, 128]
    assert over[100] > 0.99
    assert over[180] < 0.95


def test_only_tall_clouds_have_sides():
    flat = np.full((64, 64), 300, np.uint16)
    hump = 30 * np.exp(-(((np.arange(128)[:, None] - 64) / 12.0) ** 2)) * np.ones((1, 128))
    index = thickness_index(hump.astype(np.float32))
    sides = [
        light_layer(index, depth, Geometry(zenith, 180), 20, asymmetry=0.86, convective=True).side
        for depth, zenith in ((0.1, 40), (0.8, 40), (0.8, 65))
    ]
    assert light_layer(flat, 0.5, Geometry(50, 120), 20, asymmetry=0.86, convective=True).side < 1e-3
    assert 0 <= sides[0] < sides[1] < sides[2] < 0.8
