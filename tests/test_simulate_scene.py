"""Whole scenes: determinism, levels, surfaces given, truth."""

import numpy as np
import pytest

from cloudmask.bands import BAND_NAMES, LEVEL_BANDS
from cloudmask.classes import CloudClass
from cloudmask.errors import InputError, UsageError
from cloudmask.simulate.clouds import CLOUD_KINDS, cloud_kind
from cloudmask.simulate.conditions import draw_conditions
from cloudmask.simulate.covers import PAINTERS
from cloudmask.simulate.landcover import BIOMES
from cloudmask.simulate.scene import simulate_scene
from cloudmask.simulate.spec import SceneSpec
from cloudmask.simulate.spectra import SEASONS
from cloudmask.simulate.surfaces import ArraySurface
from cloudmask.simulate.truth import Thresholds, classify

N = 96


def _surface(level="L1C", size=N, bands=LEVEL_BANDS["L1C"]):
    rng = np.random.default_rng(0)
    values = 0.1 + 0.2 * rng.random((len(bands), size, size))
    return ArraySurface(values, bands, level)


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_same_seed_same_scene(level):
    first, second = (simulate_scene(SceneSpec(21, level, N)) for _ in range(2))
    np.testing.assert_array_equal(first.reflectance, second.reflectance)
    np.testing.assert_array_equal(first.classes, second.classes)
    other = simulate_scene(SceneSpec(22, level, N))
    assert not np.array_equal(first.reflectance, other.reflectance)


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_arrays_of_a_scene(level):
    scene = simulate_scene(SceneSpec(1, level, N))
    assert scene.bands == LEVEL_BANDS[level]
    assert ("B10" in scene.bands) == (level == "L1C")
    assert scene.reflectance.shape == (len(scene.bands), N, N)
    assert scene.reflectance.dtype == np.float32
    assert scene.classes.dtype == np.uint8
    for field in (scene.optical_thickness, scene.direct_transmittance):
        assert field.dtype == np.float32
        assert field.shape == (N, N)
    assert np.isfinite(scene.reflectance).all()
    assert scene.optical_thickness.min() >= 0
    assert 0 <= scene.direct_transmittance.min() <= scene.direct_transmittance.max() <= 1


@pytest.mark.parametrize("kind", list(CLOUD_KINDS))
def test_every_kind_of_cloud(kind):
    shares = np.zeros(6)
    for seed in range(4):
        scene = simulate_scene(SceneSpec(seed, size=N, clouds=(kind,), cover=0.5, sun_zenith=40))
        shares += np.bincount(scene.classes.ravel(), minlength=6) / N**2 / 4
        assert scene.reflectance.max() < 2.5
        assert scene.reflectance.min() > -0.01
    assert shares[CloudClass.SEMI_TRANSPARENT_CLOUD] + shares[CloudClass.CLOUD] > 0.05
    assert shares[CloudClass.MISSING] == 0


def test_crossed_kinds_take_the_shape_of_one_and_the_place_of_the_other():
    spec = SceneSpec(4, size=N, clouds=("stratocumulus@cirrus",), cover=0.6)
    (layer,) = draw_conditions(spec).layers
    low, high = CLOUD_KINDS["cirrus"].base
    assert low <= layer.base <= high
    crossed, shape = cloud_kind("stratocumulus@cirrus"), CLOUD_KINDS["stratocumulus"]
    assert (crossed.phase, crossed.radius) == ("ice", CLOUD_KINDS["cirrus"].radius)
    assert (crossed.thickness, crossed.cover, crossed.convective) == (
        shape.thickness,
        shape.cover,
        shape.convective,
    )
    # Ice high up shows in B10, which droplets lower down do not reach.
    b10 = BAND_NAMES.index("B10")
    seen, plain = (
        simulate_scene(SceneSpec(4, size=N, clouds=(kind,), cover=0.6)).reflectance[b10].mean()
        for kind in ("stratocumulus@cirrus", "stratocumulus")
    )
    assert seen > 3 * plain
    for wrong in ("stratocumulus@", "@cirrus", "cirrus@nimbus", "cirrus@cumulus@fog"):
        with pytest.raises(UsageError, match="is unknown"):
            SceneSpec(4, clouds=(wrong,))


@pytest.mark.parametrize("biome", list(BIOMES))
@pytest.mark.parametrize("season", SEASONS)
def test_every_biome_is_clear_without_clouds(biome, season):
    scene = simulate_scene(SceneSpec(2, size=N, clouds=(), biome=biome, season=season))
    assert (scene.classes == CloudClass.CLEAR).all()
    assert np.isfinite(scene.reflectance).all()
    assert set(BIOMES[biome].covers) <= set(PAINTERS)


def test_uniform_aerosol_is_clear():
    hazy = simulate_scene(SceneSpec(3, size=N, clouds=(), aerosol=1.0), _surface("L2A"))
    clean = simulate_scene(SceneSpec(3, size=N, clouds=(), aerosol=0.05), _surface("L2A"))
    assert (hazy.classes == CloudClass.CLEAR).all()
    assert hazy.reflectance[1].mean() > clean.reflectance[1].mean() + 0.03


@pytest.mark.parametrize("aerosol", [0.05, 0.6])
def test_a_clear_scene_given_stays_as_it_is(aerosol):
    given = _surface("L1C")
    scene = simulate_scene(SceneSpec(4, size=N, clouds=(), aerosol=aerosol), given)
    for i, band in enumerate(scene.bands):
        if band != "B10":  # its dark level is the simulator's own
            assert np.abs(scene.reflectance[i] - given.band(band)).mean() < 0.003, band


def test_clouds_brighten_and_shadows_darken_a_scene_given():
    given = _surface("L1C")
    scene = simulate_scene(SceneSpec(5, size=N, clouds=("cumulus",), cover=0.4, sun_zenith=45), given)
    change = scene.reflectance[scene.bands.index("B8A")] - given.band("B8A")
    assert change[scene.classes == CloudClass.CLOUD].mean() > 0.15
    assert change[scene.classes == CloudClass.CLOUD_SHADOW].mean() < -0.02


def test_gaps_and_lacking_bands_of_a_scene_given():
    bands = ("B02", "B04", "B8A", "B11")
    values = np.full((4, N, N), 0.2, np.float32)
    values[:, :10] = np.nan
    values[1, 20:30] = np.nan
    scene = simulate_scene(SceneSpec(6, size=N), ArraySurface(values, bands, "L1C"))
    # B10 sees no ground, so it is there even over ground that does not have it.
    assert scene.bands == ("B02", "B04", "B8A", "B10", "B11")
    known = np.isfinite(scene.reflectance)
    assert not known[0, :10].any()
    assert known[0, 10:].all()
    assert not known[1, 20:30].any()
    assert (scene.classes[:10] == CloudClass.MISSING).all()
    assert (scene.classes[10:] != CloudClass.MISSING).all()


def test_l2a_takes_the_air_off_clear_ground():
    flat = ArraySurface(np.full((12, N, N), 0.1, np.float32), LEVEL_BANDS["L2A"], "L2A")
    errors = [
        simulate_scene(SceneSpec(s, "L2A", N, clouds=()), flat).reflectance.mean(axis=(1, 2)) - 0.1
        for s in range(12)
    ]
    # A processor's errors: no bias, and some hundredths in blue.
    assert np.abs(np.mean(errors, axis=0)).max() < 0.03
    assert 0.001 < np.std(errors, axis=0)[1] < 0.04


def test_thin_cloud_brightens_monotonically():
    order = classify(
        np.array([[0.0, 0.02, 0.06, 0.3, 0.0, 0.0, 0.02]], np.float32),
        np.array([[1.0, 0.95, 0.9, 0.1, 1.0, 1.0, 0.95]], np.float32),
        np.array([[1.0, 1.0, 1.0, 0.5, 0.85, 0.7, 0.7]], np.float32),
        Thresholds(),
    )
    assert order.tolist() == [[1, 0, 3, 4, 0, 2, 2]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"size": 8},
        {"cover": 1.5},
        {"sun_zenith": 89},
        {"season": "monsoon"},
        {"clouds": ("pancakes",)},
        {"biome": "moon"},
        {"gsd": 1},
    ],
)
def test_wrong_specifications(wrong):
    with pytest.raises(UsageError):
        SceneSpec(**{"seed": 0, **wrong})


def test_wrong_surfaces():
    with pytest.raises(InputError, match="64 x 64"):
        simulate_scene(SceneSpec(0, size=N), _surface(size=64))
    with pytest.raises(InputError, match="shape"):
        ArraySurface(np.zeros((3, 8, 8)), ("B02", "B03"), "L1C")
    with pytest.raises(InputError, match="no band B12"):
        _surface(bands=("B02",)).band("B12")
    with pytest.raises(InputError, match="no band of level L2A"):
        simulate_scene(SceneSpec(0, "L2A", N), _surface(bands=("B10",)))


def test_noise_of_a_band_that_sees_no_ground_stays_noise():
    """In B10 air hides the ground: a few thousandths there would be a ground many times as bright as snow."""
    given = _surface("L1C")
    values = np.stack([given.band(b) for b in given.bands])
    dark = given.bands.index("B10")
    values[dark] = np.linspace(0.001, 0.1, N)[:, None]
    surface = ArraySurface(values, given.bands, "L1C")
    scene = simulate_scene(SceneSpec(5, size=N, clouds=("stratus",), cover=0.6), surface)
    change = scene.reflectance[scene.bands.index("B10")] - values[dark]
    assert np.abs(change).max() < 0.01, "a low cloud hides behind the same air"
