"""Scripts of benchmarks/: what they read, and what they say of what they cannot use."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from helpers_evaluate import damage_npz
from helpers_models import BANDS, card

from cloudmask.errors import InputError

FOLDER = Path(__file__).parents[1] / "benchmarks"
DRAWN = np.arange(140 * 150 * 4).reshape(140, 150, 4) % 4


def call(script, *arguments):
    line = [sys.executable, str(FOLDER / f"{script}.py"), *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def load(name, patch):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    patch.setitem(sys.modules, name, module)  # where its dataclass looks for names
    patch.syspath_prepend(str(FOLDER))
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tile_shift():
    with pytest.MonkeyPatch.context() as patch:
        yield load("tile_shift", patch)


def write_codes(path, codes):
    shape = {"width": codes.shape[1], "height": codes.shape[0], "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32635", **shape) as file:
        file.write(codes, 1)
    return path


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_agreement(tmp_path):
    truth = np.array([[1, 1, 4, 4], [2, 3, 0, 5]], np.uint8)
    found = np.where(truth == 3, 4, truth).astype(np.uint8)
    mask, reference = write_codes(tmp_path / "m.tif", found), write_codes(tmp_path / "t.tif", truth)
    done = call("agreement", mask, reference)
    assert done.returncode == 0, done.stderr
    assert "6 pixels of four classes" in done.stdout
    assert done.stdout.splitlines()[-1].split()[-1] == "0.833"
    other = call("agreement", mask, write_codes(tmp_path / "o.tif", truth[:1]))
    assert (other.returncode, "different grids" in other.stderr) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--help"], 0, ""),
        (["m.tif"], 2, "required: TRUTH.tif"),
        (["m.tif", "t.tif", "u.tif"], 2, "unrecognized arguments"),
        (["none.tif", "none.tif"], 3, "none.tif: No such file"),
    ],
)
def test_agreement_asks_for_two_files(arguments, code, text):
    done = call("agreement", *arguments)
    assert done.returncode == code
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_kept_apart_says_where_there_is_no_scene(tmp_path):
    done = call(
        "kept_apart", "cloudmask-l2a", "-o", tmp_path / "out", "--split", "development", "--level", "L2A"
    )
    assert done.returncode == 2
    assert "there is no such scene; take another split" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("stack", [False, True])
def test_tile_shift_reads_whole_numbers_as_reflectance(tile_shift, tmp_path, stack):
    x, y = DRAWN.astype(np.uint16) * 1000, np.where(DRAWN[..., 0] == 3, 255, 1).astype(np.int16)
    names = np.array(BANDS[::-1])
    held = {"x": x[None] if stack else x, "bands": names}
    np.savez(tmp_path / "a.npz", y=y[None] if stack else y, **held)
    np.savez(tmp_path / "b.npz", **held)
    np.savez(tmp_path / "c.npz", x=x.astype(np.float32) / 10000, bands=names)
    ((name, image, labels),) = tile_shift.read(tmp_path / "a.npz", card())
    ((other, same, none),) = tile_shift.read(tmp_path / "b.npz", card())
    ((_, fraction, _),) = tile_shift.read(tmp_path / "c.npz", card())
    assert (name, other) == (("a[0]", "b[0]") if stack else ("a", "b"))
    np.testing.assert_array_equal(image, same)
    np.testing.assert_allclose(image, fraction, rtol=1e-6)
    np.testing.assert_allclose(image[0], DRAWN[..., 3] / 10, rtol=1e-6)
    assert image.dtype == same.dtype == np.float32
    assert none is None
    assert labels.dtype == np.uint8
    assert (labels == np.where(y == 255, 0, 2)).all()


LABELS = np.zeros((140, 150), np.uint8)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"x": None}, "expected arrays x and bands, found bands"),
        ({"x": DRAWN[:100]}, "133 rows and columns or more, found 100 and 150"),
        ({"x": DRAWN[..., :3]}, "4 bands"),
        ({"x": DRAWN[0]}, r"expected x of .* found \(150, 4\)"),
        ({"x": DRAWN.astype(object)}, "cannot be read as .npz: Object arrays"),
        ({"x": None, "y": LABELS}, "expected arrays x, y and bands, found "),
        ({"x": DRAWN[:100], "y": LABELS[:100]}, "133 rows and columns or more, found 100 and 150"),
        ({"x": DRAWN[..., :3], "y": LABELS}, "4 bands"),
        ({"y": np.full((140, 150), -1)}, r"codes \[-1\]"),
        ({"y": np.full((140, 150), 4)}, r"codes \[4\]"),
        ({"y": LABELS[:, 1:]}, r"labels of \(140, 149\) do not fit"),
        ({"bands": np.array(["B02", "B03", "B04", "B11"])}, "needs B08, found B02, B03, B04, B11"),
        ({"bands": np.array(["B02", "B03", "B04", "B11"]), "y": LABELS}, "needs B08, found B02, B03, B04"),
        ({"level": "L2A", "y": LABELS}, "model tiny is for L1C, found another level; give --model"),
    ],
)
def test_tile_shift_names_what_it_cannot_read(tile_shift, tmp_path, change, text):
    held = {"x": DRAWN, "bands": np.array(BANDS), **change}
    np.savez(tmp_path / "a.npz", **{k: v for k, v in held.items() if v is not None})
    with pytest.raises(InputError, match=r"a\.npz: .*" + text):
        next(tile_shift.read(tmp_path / "a.npz", card()))


def test_tile_shift_prints_a_line_for_each_size(tiny, tmp_path):
    x = DRAWN[:, :140] / 10
    np.savez(tmp_path / "a.npz", x=x, y=x.argmax(-1).astype(np.uint8), bands=np.array(BANDS))
    done = call("tile_shift", "--model", tiny, "--size", "0", "--sizes", "64,128", tmp_path / "a.npz")
    assert done.returncode == 0, done.stderr
    same = "0.00 % | 0.00 % | 100.00 % | 100.0 |"  # this network looks at the pixel alone
    assert done.stdout.splitlines()[2:] == [f"| a | 64 | {same}", f"| a | 128 | {same}"]


@pytest.mark.parametrize("name", ["none.npz", "cut.npz"])
def test_tile_shift_names_a_file_that_is_not_there_or_damaged(tiny, tmp_path, name):
    np.savez(tmp_path / "cut.npz", x=DRAWN / 10, bands=np.array(BANDS))
    damage_npz(tmp_path / "cut.npz", "cut")
    done = call("tile_shift", "--model", tiny, "--size", "0", tmp_path / name)
    assert done.returncode == 3
    assert f"{name}: cannot be read as .npz" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("sizes", ["256", "256,x", "1,2,3"])
def test_tiles_asks_for_two_sizes(sizes):
    done = call("tiles", "none", "--sizes", sizes)
    assert done.returncode == 2
    assert f"expected two whole numbers, as in 256,1024, found '{sizes}'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--sizes", "256,x"], "--sizes: expected whole numbers"),
        (["--sizes", "100"], "multiples of 32 above 32, found 100"),
        (["--sizes", "-256"], "multiples of 32 above 32, found -256"),
        (["--size", "-1"], "--size: expected 0, or 133 pixels or more"),
        (["--threads", "-1"], "option threads: expected"),
        (["--model", "none"], "no model 'none'"),
    ],
)
def test_tile_shift_names_an_argument_that_is_wrong(dlr, arguments, text):
    done = call("tile_shift", *arguments)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_band_sets_are_different_and_hold_what_is_required(monkeypatch):
    band_sets = load("band_sets", monkeypatch)
    bands = [f"B{i:02}" for i in range(1, 13)]
    sets = band_sets.draw_sets(bands, ["B02", "B11"], 30, seed=1)
    assert len(set(sets)) == 30
    assert all({"B02", "B11"} <= set(s) and list(s) == [b for b in bands if b in s] for s in sets)
    assert {len(s) for s in sets} >= {2, 12}, "from the least to all"
    assert (
        sets
        == band_sets.draw_sets(bands, ["B02", "B11"], 30, seed=1)
        != band_sets.draw_sets(bands, [], 30, 1)
    )
    assert len(band_sets.draw_sets(bands[:3], ["B02"], 30, seed=1)) == 4, "all that there are"


def test_band_sets_summary(monkeypatch):
    band_sets = load("band_sets", monkeypatch)
    rows = [band_sets.Worst(("B02",), "town", share) for share in (0.0, 0.01, 0.03)]
    assert band_sets.summary("all", rows) == "| all | 3 | 1.0 | 2.6 | 3.0 | 1 |"
