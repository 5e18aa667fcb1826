"""Samples, turns, windows, batches, labels by difference, teachers, pools."""

import math
from pathlib import Path

import numpy as np
import pytest

from cloudmask.errors import InputError, UsageError
from cloudmask.simulate.scene import simulate_scene
from cloudmask.simulate.spec import SceneSpec
from cloudmask.train.arrays import read_arrays
from cloudmask.train.difference import difference_labels
from cloudmask.train.recipe import SourceSpec
from cloudmask.train.sample import IGNORE, Sample, coarsen
from cloudmask.train.simulation import Job, simulate_patch
from cloudmask.train.turns import possible_turns

BANDS = ("B02", "B04", "B08", "B10", "B11")


def test_sharpness_changes_edges_but_neither_level_nor_absent_bands() -> None:
    torch = pytest.importorskip("torch", reason="training needs the extra: pip install '.[train,cpu]'")
    from cloudmask.train.augment import sharpen
    from cloudmask.train.recipe import AugmentSpec

    batch = torch.ones(12, 3, 16, 16)
    batch[:, 1, :, 8:] = 2.0
    batch[:, 2] = 0.0
    before = batch.clone()
    after = sharpen(np.random.default_rng(0), batch, AugmentSpec(sharpness=0.5))
    assert torch.equal(after[:, [0, 2]], before[:, [0, 2]])
    steps = (after[:, 1, 8, 8] - after[:, 1, 8, 7]).numpy()
    assert (steps == 1).sum() in range(2, 11)  # about half are left alone
    assert steps.min() < 0.95
    assert steps.max() > 1.02
    assert torch.allclose(after[:, 1, 8, [4, 12]], before[:, 1, 8, [4, 12]])


def test_thin_cirrus_outlasts_the_noise_of_augmentation() -> None:
    pytest.importorskip("torch", reason="training needs the extra: pip install '.[train,cpu]'")
    from cloudmask.train.augment import Noise, shake
    from cloudmask.train.recipe import AugmentSpec

    spec = AugmentSpec(gain=0.0, band_gain=0.0, noise=0.003)
    noise = Noise(("B02", "B10"), 64)
    spreads = []
    for seed in range(20):
        flat = np.full((2, 64, 64), 0.1, np.float32)
        spreads.append(shake(np.random.default_rng(seed), flat, spec, noise).std(axis=(1, 2)))
    blue, cirrus = np.max(spreads, axis=0)
    assert 0.002 < blue < 0.0035
    assert cirrus < 0.0005


def test_bands_are_left_out_by_sets_and_at_random() -> None:
    pytest.importorskip("torch", reason="training needs the extra: pip install '.[train,cpu]'")
    from cloudmask.train.augment import choose_bands
    from cloudmask.train.recipe import AugmentSpec

    bands = ("B02", "B03", "B04", "B08", "B09", "B10", "B11", "B12")
    sets = (("B02", "B03", "B04", "B08"), ("B02", "B03", "B04", "B08", "B11", "B12"))
    spec = AugmentSpec(drop=0.8, band_sets=sets)
    there = np.array([b != "B10" for b in bands])
    rng = np.random.default_rng(1)
    drawn = [choose_bands(rng, there, bands, spec) for _ in range(2000)]
    kinds = [tuple(b for b, kept in zip(bands, keep, strict=True) if kept) for keep in drawn]
    # Each named set a fifth of the time; and two fifths of the time a random one, which may be one of them:
    # any number of the three other bands is as likely as any.
    assert [kinds.count(chosen) / 2000 for chosen in sets] == pytest.approx(
        [0.2 + 0.4 / 4, 0.2 + 0.4 / 12], abs=0.03
    )
    assert len(set(kinds)) == 2**3  # of B09, B11 and B12 any
    assert all(set(sets[0]) <= set(kind) and "B10" not in kind for kind in kinds)


def test_short_runs_simulate_a_share() -> None:
    pytest.importorskip("torch", reason="training needs the extra: pip install '.[train,cpu]'")
    from cloudmask.train.recipe import Recipe, ScheduleSpec
    from cloudmask.train.sources import sources_to_learn_from

    recipe = Recipe(
        "short",
        "L1C",
        ("B02", "B03", "B04"),
        schedule=ScheduleSpec(simulated=0.25),
        train=(SourceSpec("simulation", count=10), SourceSpec("simulation", count=1), SourceSpec("arrays")),
    )
    assert [spec.count for spec in sources_to_learn_from(recipe)] == [2, 1, 0]


def test_small_pieces_are_drawn_as_seldom_as_they_are_small() -> None:
    pytest.importorskip("torch", reason="training needs the extra: pip install '.[train,cpu]'")
    from cloudmask.train.pool import MemorySet

    sides = (32, 32, 128)
    pieces = [Sample("", np.zeros((1, n, n), np.float32), np.zeros((n, n), np.uint8), 20.0) for n in sides]
    odds = MemorySet(pieces).odds
    assert odds is not None
    assert odds == pytest.approx([1 / 18, 1 / 18, 16 / 18])


def test_another_resampler_changes_detail_of_the_finer_bands_alone() -> None:
    torch = pytest.importorskip("torch", reason="training needs the extra: pip install '.[train,cpu]'")
    from cloudmask.train.augment import resampled

    batch = torch.ones(6, 3, 32, 32)
    batch[:, :2, :, 16:] = 2.0
    after = resampled(np.random.default_rng(0), batch, [0])
    assert torch.equal(after[:, 1:], batch[:, 1:])
    change = (after - batch)[:, 0].abs()
    assert change[:, :, 14:18].mean() > 0.01
    assert change[:, :, :12].max() < 1e-6, "flat ground looks the same whoever resamples it"
    assert change[:, :, 20:].max() < 1e-6


@pytest.mark.parametrize("azimuth", [30.0, 80.0, 135.0, 170.0, math.nan])
def test_turns_move_shadows_as_they_move_the_sun(azimuth: float) -> None:
    """A bar that points at the sun still does after every turn, and the sun stays in the east."""
    known = 140.0 if math.isnan(azimuth) else azimuth
    image = np.zeros((101, 101))
    for step in range(45):
        image[
            round(50 - step * math.cos(math.radians(known))), round(50 + step * math.sin(math.radians(known)))
        ] = 1
    turns = possible_turns(azimuth)
    assert len(turns) >= 2
    for turn in turns:
        rows, cols = np.nonzero(turn.apply(image))
        found = math.degrees(math.atan2(cols.mean() - 50, 50 - rows.mean())) % 360
        assert found == pytest.approx(turn.azimuth(known), abs=1.5)
        assert 10 < found < 195


def test_coarsen_votes_and_keeps_missing_missing() -> None:
    values = np.ones((1, 4, 4), np.float32)
    values[0, 0, 0] = np.nan
    labels = np.array([[0, 0, 3, 3], [0, 1, 3, 3], [0, 1, 2, 2], [1, 0, 2, IGNORE]], np.uint8)
    out = coarsen(Sample("s", values, labels, 10.0), 2)
    assert out.gsd == 20.0
    assert np.isnan(out.values[0]).tolist() == [[True, False], [False, False]]
    assert out.labels.tolist() == [[0, 3], [IGNORE, 2]]


def scene_pair() -> tuple[np.ndarray, np.ndarray]:
    clear = np.empty((5, 120, 120), np.float32)
    clear[:] = np.array([0.08, 0.07, 0.3, 0.001, 0.2], np.float32)[:, None, None]
    cloudy = clear.copy()
    cloudy[:, 10:40, 10:40] = np.array([0.6, 0.6, 0.65, 0.002, 0.4], np.float32)[:, None, None]
    cloudy[:, 50:80, 20:50] *= np.array([0.9, 0.7, 0.4, 1, 0.4], np.float32)[:, None, None]
    cloudy[:, 10:50, 70:110] += np.array([0.06, 0.06, 0.05, 0.012, 0.02], np.float32)[:, None, None]
    cloudy[2, 90:110, 20:60] = 0.15  # harvested: darker in the near infrared, brighter in SWIR
    cloudy[4, 90:110, 20:60] = 0.3
    return cloudy, clear


def test_difference_labels_name_what_is_sure_and_leave_change_alone() -> None:
    labels = difference_labels(*scene_pair(), BANDS)
    assert (labels[14:36, 14:36] == 3).all()
    assert (labels[56:74, 26:44] == 1).all()
    assert (labels[18:42, 78:102] == 2).all()
    assert (labels[92:108, 22:58] == IGNORE).all()
    assert (labels[60:80, 80:110] == 0).all()


def test_shadow_needs_a_cloud_near_it() -> None:
    cloudy, clear = scene_pair()
    cloudy[:, 10:40, 10:40] = clear[:, 10:40, 10:40]
    assert not (difference_labels(cloudy, clear, BANDS) == 1).any()


def test_difference_needs_its_bands() -> None:
    cloudy, clear = scene_pair()
    with pytest.raises(UsageError, match="need band B11"):
        difference_labels(cloudy[:4], clear[:4], BANDS[:4])


def test_arrays_are_read_by_name_averaged_and_scaled(tmp_path: Path) -> None:
    x = np.full((8, 8, 2), 2000, np.uint16)
    x[..., 1] = 4000
    y = np.zeros((8, 8), np.uint8)
    y[:4] = 3
    np.savez(tmp_path / "a.npz", x=x, y=y, bands=np.array(["B08", "B02"]))
    spec = SourceSpec("arrays", path=str(tmp_path))
    (sample,) = read_arrays(spec, ("B02", "B03", "B08"), 20.0)
    assert sample.values.shape == (3, 4, 4)
    assert np.allclose(sample.values[:, 0, 0], [0.4, np.nan, 0.2], equal_nan=True)
    assert (sample.labels[:2] == 3).all()
    assert (sample.labels[2:] == 0).all()


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"x": np.zeros((4, 4, 2), np.float32)}, "'bands' is missing"),
        ({"x": np.zeros((4, 4, 2), np.float32), "bands": np.array(["B02", "B03"])}, "'y' is missing"),
        (
            {
                "x": np.zeros((4, 4, 2), np.float32),
                "bands": np.array(["B02"]),
                "y": np.zeros((4, 4), np.uint8),
            },
            r"expected \(rows, cols, 1 bands\)",
        ),
        (
            {
                "x": np.zeros((4, 4, 1), np.float32),
                "bands": np.array(["B02"]),
                "y": np.zeros((5, 4), np.uint8),
            },
            "labels of shape",
        ),
    ],
)
def test_unusable_arrays_are_named(tmp_path: Path, arrays: dict[str, np.ndarray], named: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=named):
        read_arrays(SourceSpec("arrays", path=str(tmp_path)), ("B02",), 10.0)


def test_not_an_archive(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_text("no", "utf-8")
    with pytest.raises(InputError, match="cannot read as"):
        read_arrays(SourceSpec("arrays", path=str(tmp_path)), ("B02",), 10.0)


def test_l2a_patches_over_l1c_scenes(tmp_path: Path) -> None:
    """The simulator's processor takes the atmosphere off, so blue falls and B10 is not there."""
    scene = simulate_scene(SceneSpec(3, "L1C", 96, clouds=(), biome="forest", season="summer", aerosol=0.1))
    np.savez(tmp_path / "clear.npz", x=np.moveaxis(scene.reflectance, 0, -1), bands=np.array(scene.bands))
    bands = ("B02", "B08", "B10")
    surfaces = (str(tmp_path / "clear.npz"),)
    options = (("aerosol", 0.1), ("clouds", ()), ("procedural", 0.0), ("surface_level", "L1C"))
    patch = simulate_patch(Job(1, 64, 20.0, "L2A", bands, surfaces, options))
    assert np.isnan(patch.values[2]).all()
    assert (patch.labels == 0).all()
    blue = patch.values[0].mean()
    assert 0 < blue < scene.reflectance[scene.bands.index("B02")].mean() - 0.02
    as_l2a = simulate_patch(Job(1, 64, 20.0, "L2A", bands, surfaces, options[:-1]))
    assert as_l2a.values[0].mean() > blue + 0.02


def test_no_more_air_is_taken_off_a_clear_scene_than_its_dark_ground_has(tmp_path: Path) -> None:
    """Forest in clean air under a high sun, whatever sun and haze its patches are drawn with."""
    spec = SceneSpec(3, "L1C", 96, clouds=(), biome="forest", season="summer", aerosol=0.03, sun_zenith=25.0)
    scene = simulate_scene(spec)
    np.savez(tmp_path / "clear.npz", x=np.moveaxis(scene.reflectance, 0, -1), bands=np.array(scene.bands))
    surfaces = (str(tmp_path / "clear.npz"),)
    options = (("clouds", ()), ("procedural", 0.0), ("season", "winter"), ("surface_level", "L1C"))
    black = []
    for seed in range(12):
        patch = simulate_patch(Job(seed, 64, 20.0, "L2A", ("B02", "B03"), surfaces, options))
        black.append((patch.values <= 2e-4).mean())
    assert max(black) < 0.02
