"""Whole products: bands at their own resolution, the swath's edge, the command."""

import os

import numpy as np
import pytest
import rasterio

from cloudmask.bands import BANDS, LEVEL_BANDS
from cloudmask.classes import CloudClass
from cloudmask.cli import main
from cloudmask.errors import UsageError
from cloudmask.simulate.product import ProductScene
from cloudmask.simulate.safe_source import check_source
from cloudmask.simulate.spec import SceneSpec


@pytest.fixture(scope="module")
def product():
    return ProductScene(SceneSpec(3, size=150, clouds=("cumulus",), cover=0.3, sun_zenith=40))


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_bands_come_at_their_own_resolution(level):
    scene = ProductScene(SceneSpec(2, level, 60))
    check_source(scene)
    assert scene.size10 == 120
    assert scene.bands == LEVEL_BANDS[level]
    for name in scene.bands:
        values, valid = scene.band(name), scene.valid(name)
        side = 1200 // BANDS[name].gsd
        assert values.shape == valid.shape == (side, side)
        assert values.dtype == np.float32
        assert np.isfinite(values[valid]).mean() > 0.9


def test_ten_metre_bands_refine_the_twenty_metre_scene(product):
    scene = product._stage.toa("B04")
    fine = product.band("B04")
    coarse = fine.reshape(150, 2, 150, 2).mean(axis=(1, 3))
    assert np.corrcoef(coarse.ravel(), scene.ravel())[0, 1] > 0.99
    assert coarse.mean() == pytest.approx(scene.mean(), rel=0.01)
    # Texture goes on below 20 m: neighbours differ more than interpolation alone would make them.
    plain = np.repeat(np.repeat(scene, 2, axis=0), 2, axis=1)
    assert (fine - plain).std() > 0.002


def test_same_seed_same_product_whatever_the_order(product):
    again = ProductScene(SceneSpec(3, size=150, clouds=("cumulus",), cover=0.3, sun_zenith=40))
    last = again.band("B12")
    np.testing.assert_array_equal(again.band("B02"), product.band("B02"))
    np.testing.assert_array_equal(last, product.band("B12"))


def test_swath_edge_is_slanted_and_differs_between_bands(product):
    blue, late = product.valid("B02"), product.valid("B08")
    first, last = blue[0].sum(), blue[-1].sum()
    assert first > last + 20
    assert 0.02 < 1 - blue.mean() < 0.2
    assert (blue != late).any()
    assert product.valid("B01").shape == (50, 50)


@pytest.mark.parametrize("gsd", [10, 20, 60])
def test_truth_is_missing_where_any_band_is(product, gsd):
    truth = product.truth(gsd)
    side = 3000 // gsd
    assert truth.shape == (side, side)
    centre = (np.arange(side) + 0.5) * gsd
    for name in product.bands:
        step = BANDS[name].gsd
        at = np.minimum((centre / step).astype(int), 3000 // step - 1)
        gap = ~product.valid(name)[np.ix_(at, at)]
        # Where grids differ, edges may disagree by the coarser pixel.
        assert (truth[gap] == CloudClass.MISSING).mean() > 0.93
    assert {1, 2, 4, 5} <= set(np.unique(truth))


def test_no_edge_if_not_asked_for():
    scene = ProductScene(SceneSpec(1, size=60), edge=0)
    assert scene.valid("B02").all()
    assert (scene.truth(20) != CloudClass.MISSING).all()


@pytest.mark.parametrize("wrong", [{"size": 100}, {"size": 99, "gsd": 10}])
def test_wrong_sizes(wrong):
    with pytest.raises(UsageError, match="multiple of 3"):
        ProductScene(SceneSpec(1, **wrong))


def test_command_writes_product_and_truth(tmp_path, capsys):
    arguments = ["simulate", str(tmp_path / "new"), "--size", "240", "--seed", "5", "--level", "L2A"]
    assert main(arguments) == 0
    product, truth = capsys.readouterr().out.split()
    assert product.endswith(".SAFE")
    found = sorted(p.name for p in (tmp_path / "new").iterdir())
    assert len(found) == 3  # product, truth, class names; no temporaries
    with rasterio.open(truth) as image:
        assert image.dtypes == ("uint8",)
        assert image.shape == (120, 120)
        assert image.res == (20, 20)
        assert image.colormap(1)[int(CloudClass.CLOUD)] == (255, 255, 255, 255)
        origin, crs = image.bounds[0::3], image.crs
    band = next((tmp_path / "new").rglob("*_B02_10m.jp2"))
    with rasterio.open(band) as image:
        assert image.shape == (240, 240)
        assert image.bounds[0::3] == origin
        assert image.crs == crs
    # Nothing is replaced unless asked for, and then as a whole.
    for seed in ([], ["--seed", "6"]):
        assert main([*arguments, *seed]) == 5
        said = capsys.readouterr().err
        assert "name another folder for this one, or use --overwrite to replace it" in said
        assert " -o" not in said
    assert main([*arguments, "--overwrite", "--truth-resolution", "10"]) == 0
    with rasterio.open(truth) as image:
        assert image.res == (10, 10)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--size", "100"],
        ["--size", "big"],
        ["--level", "L3"],
        ["--clouds", "pancakes"],
        ["--biome", "moon"],
        ["--baseline", "1.2"],
    ],
)
def test_command_refuses_what_cannot_be(tmp_path, wrong):
    assert main(["simulate", str(tmp_path), *wrong]) == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "idle"),
    [
        (["--format", "arrays", "--zip"], "--zip changes nothing with --format arrays"),
        (["--format", "arrays", "--nodata", "0.08"], "--nodata changes nothing with --format arrays"),
        (["--format", "arrays", "--baseline", "04.00"], "--baseline changes nothing with --format arrays"),
        (["--format", "arrays", "--truth-resolution", "60"], "--truth-resolution changes nothing with"),
        (["--clouds", "none", "--cover", "0.3"], "--cover changes nothing with --clouds none"),
        (["--ground", "clear.npz", "--biome", "coast"], "--biome changes nothing with --ground"),
    ],
)
def test_command_refuses_options_that_change_nothing(tmp_path, capsys, options, idle):
    assert main(["simulate", str(tmp_path / "out"), "--size", "96", *options]) == 2
    assert idle in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_command_without_permission(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK)  # root may write everywhere
    for form in ("safe", "arrays"):
        assert main(["simulate", str(tmp_path), "--size", "96", "--format", form]) == 5
        said = capsys.readouterr().err
        assert "no permission to write there; name another folder" in said
        assert " -o" not in said


def test_command_writes_a_zip(tmp_path, capsys):
    assert main(["simulate", str(tmp_path), "--size", "120", "--clouds", "none", "--zip"]) == 0
    product, truth = capsys.readouterr().out.split()
    assert product.endswith(".zip")
    with rasterio.open(truth) as image:
        assert set(np.unique(image.read(1))) <= {int(CloudClass.CLEAR), int(CloudClass.MISSING)}


@pytest.mark.parametrize(("share", "missing"), [("0", 0.0), ("0.5", 0.5)])
def test_command_leaves_a_share_without_data(tmp_path, capsys, share, missing):
    assert main(["simulate", str(tmp_path), "--size", "240", "--clouds", "none", "--nodata", share]) == 0
    _, truth = capsys.readouterr().out.split()
    with rasterio.open(truth) as image:
        assert (image.read(1) == CloudClass.MISSING).mean() == pytest.approx(missing, abs=0.1)
