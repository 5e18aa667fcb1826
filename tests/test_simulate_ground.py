"""Clear scenes from files under simulated clouds, and scenes written as arrays."""

import numpy as np
import pytest
import rasterio
from helpers_evaluate import DAMAGES, damage_npz

from cloudmask.bands import LEVEL_BANDS
from cloudmask.classes import CloudClass
from cloudmask.cli import main
from cloudmask.errors import InputError
from cloudmask.safe import open_product
from cloudmask.simulate.ground import ClearScene
from cloudmask.simulate.spec import SceneSpec

BANDS = LEVEL_BANDS["L1C"]


@pytest.fixture(scope="module")
def clear(tmp_path_factory):
    """An .npz of 200 x 160 pixels of 10 m whose bands differ, in whole numbers."""
    path = tmp_path_factory.mktemp("ground") / "clear.npz"
    rng = np.random.default_rng(0)
    x = 1000 + 100 * np.arange(13) + rng.integers(0, 3000, (200, 160, 1))
    np.savez(path, x=x.astype(np.uint16), other=x[:50].astype(np.uint16), bands=np.array(BANDS), gsd=10.0)
    return path


def test_a_square_is_cut_and_averaged(clear):
    spec = SceneSpec(3, size=48)
    ground = ClearScene(str(clear))(spec)
    assert (ground.shape, ground.bands, ground.level) == ((48, 48), BANDS, "L1C")
    x = np.load(clear)["x"].astype(float) / 10000
    means = x.reshape(100, 2, 80, 2, 13).mean(axis=(1, 3))[..., 4]
    wanted = ground.band(BANDS[4])
    places = [
        (i, j) for i in range(53) for j in range(33) if np.allclose(means[i : i + 48, j : j + 48], wanted)
    ]
    assert len(places) == 1
    assert np.array_equal(wanted, ClearScene(str(clear))(spec).band(BANDS[4]))
    assert not np.array_equal(wanted, ClearScene(str(clear))(SceneSpec(4, size=48)).band(BANDS[4]))


def test_what_cannot_be_ground(clear, tmp_path):
    spec = SceneSpec(0, size=48)
    with pytest.raises(InputError, match="at least 48 x 48 pixels of 20 m, found 25 x 80"):
        ClearScene(f"{clear}:other")(spec)
    with pytest.raises(InputError, match="expected an array 'none', found x"):
        ClearScene(f"{clear}:none")(spec)
    np.savez(tmp_path / "a.npz", x=np.zeros((99, 99, 1)), bands=["B02"], gsd=20.0)
    with pytest.raises(InputError, match="whole part of 30 m"):
        ClearScene(str(tmp_path / "a.npz"))(SceneSpec(0, size=48, gsd=30))
    np.savez(tmp_path / "b.npz", x=np.zeros((99, 99, 1)), bands=["B02", "B03"])
    with pytest.raises(InputError, match=r"\(rows, cols, 2 bands\)"):
        ClearScene(str(tmp_path / "b.npz"))(spec)
    (tmp_path / "c.npz").write_bytes(b"no")
    with pytest.raises(InputError, match="cannot read"):
        ClearScene(str(tmp_path / "c.npz"))(spec)


def test_arrays_hold_the_scene_and_training_reads_them(clear, tmp_path, capsys):
    asked = [
        "--format",
        "arrays",
        "--size",
        "96",
        "--clouds",
        "cumulus",
        "--cover",
        "0.1",
        "--ground",
        str(clear),
    ]
    command = ["simulate", str(tmp_path), *asked, "--seed", "5", "--count", "2"]
    assert main(command) == 0
    files = [tmp_path / f"simulated_L1C_{seed}.npz" for seed in (5, 6)]
    assert capsys.readouterr().out.split() == [str(f) for f in files]
    data = np.load(files[0])
    assert data["x"].shape == (48, 48, 13)
    assert tuple(data["bands"]) == BANDS
    codes = data["classes"]
    assert (data["y"][codes == int(CloudClass.CLEAR)] == 0).all()
    assert (data["y"][codes == int(CloudClass.CLOUD)] == 3).all()
    assert (data["y"][codes == int(CloudClass.UNDEFINED)] == 255).all()
    ground = ClearScene(str(clear))(SceneSpec(5, size=48)).band("B8A")
    plain = codes == int(CloudClass.CLEAR)
    assert plain.mean() > 0.02
    assert np.corrcoef(data["x"][..., BANDS.index("B8A")][plain], ground[plain])[0, 1] > 0.8

    from cloudmask.train.arrays import read_arrays
    from cloudmask.train.recipe import SourceSpec

    spec = SourceSpec("arrays", path=str(tmp_path), files=(files[0].name,), labels="file")
    (sample,) = read_arrays(spec, BANDS, 20.0)
    assert np.array_equal(sample.labels, data["y"])
    assert sample.sun_azimuth == data["sun_azimuth"]
    assert main(command) == 5  # nothing is replaced unasked
    assert "name another folder or another --seed, or use --overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite", "-h"]) == 0


def test_workers_make_the_same_arrays(tmp_path):
    for folder, workers in (("a", "0"), ("b", "2")):
        asked = ["--format", "arrays", "--size", "48", "--count", "2", "--workers", workers]
        assert main(["simulate", str(tmp_path / folder), *asked]) == 0
    for seed in (0, 1):
        one, two = (np.load(tmp_path / f / f"simulated_L1C_{seed}.npz") for f in "ab")
        assert np.array_equal(one["x"], two["x"], equal_nan=True)


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("array", ["", ":other"])
def test_damaged_ground_is_named(clear, tmp_path, capsys, how, array):
    ground = tmp_path / "a.npz.d" / "clear.npz"
    ground.parent.mkdir()
    ground.write_bytes(clear.read_bytes())
    damage_npz(ground, how)
    out = tmp_path / "out"
    assert main(["simulate", str(out), "--size", "96", "--ground", f"{ground}{array}"]) == 3
    assert "clear.npz: cannot be read as .npz" in capsys.readouterr().err
    assert not out.exists()


def test_a_product_over_the_ground_of_a_product(tmp_path, capsys):
    whole = ["--size", "144", "--nodata", "0"]
    assert main(["simulate", str(tmp_path / "clear"), *whole, "--clouds", "none"]) == 0
    product = capsys.readouterr().out.split()[0]
    cloudy = ["--size", "72", "--nodata", "0", "--clouds", "cumulus", "--cover", "0.1", "--seed", "2"]
    assert main(["simulate", str(tmp_path / "cloudy"), *cloudy, "--ground", product]) == 0
    ground = ClearScene(product)(SceneSpec(2, size=36))
    cloudy_product, truth = capsys.readouterr().out.split()
    with open_product(cloudy_product) as source, rasterio.open(truth) as codes:
        seen = source.read(("B8A",), 20, (0, 36), 20).values[0]
        clear = codes.read(1) == int(CloudClass.CLEAR)
    assert clear.mean() > 0.1
    assert np.corrcoef(seen[clear], ground.band("B8A")[clear])[0, 1] > 0.95
    assert main(["simulate", str(tmp_path / "more"), *whole, "--count", "2"]) == 2


def test_a_product_needs_ground_in_all_bands_without_gaps(tmp_path, capsys):
    for name, x, bands in (
        ("few", np.full((60, 60, 2), 0.1), ["B02", "B03"]),
        ("gap", np.where(np.arange(60)[:, None, None] < 30, np.nan, np.full((60, 60, 13), 0.1)), BANDS),
    ):
        np.savez(tmp_path / f"{name}.npz", x=x, bands=np.array(bands), gsd=20.0)
        out = tmp_path / name
        assert main(["simulate", str(out), "--size", "96", "--ground", str(tmp_path / f"{name}.npz")]) == 3
        assert ("lacks B01" if name == "few" else "without data") in capsys.readouterr().err
        assert not list(out.iterdir())
