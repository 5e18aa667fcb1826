"""What is written: names, formats, and all of it or nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rasterio
from helpers_masks import leftovers, make_mask
from PIL import Image

from cloudmask import __version__
from cloudmask.atomic import AtomicOutputs, write_text
from cloudmask.classes import COLOURS, NODATA, SURFACE_CLASSES, CloudClass
from cloudmask.errors import OutputError, UsageError
from cloudmask.geotiff import halved, scale_probabilities
from cloudmask.output import output_path, record
from cloudmask.quicklook import write_quicklook

HERE = Path(__file__).parent


# Statistics and record


def test_statistics_count_valid_pixels_only():
    mask = dataclasses.replace(make_mask(), classes=np.array([[1, 1, 1, 4], [2, 3, 5, 5]], np.uint8))
    found = mask.statistics
    assert found["percent"] == {
        "clear": 50.0,
        "cloud_shadow": 16.6667,
        "semi_transparent_cloud": 16.6667,
        "cloud": 16.6667,
    }
    assert found["valid_percent"] == 75.0
    assert found["pixels"] == {
        "clear": 3,
        "cloud_shadow": 1,
        "semi_transparent_cloud": 1,
        "cloud": 1,
        "missing": 2,
    }


def test_outside_an_area_of_interest_nothing_counts():
    whole = dataclasses.replace(make_mask(), classes=np.array([[1, 1, 1, 4], [2, 3, 5, 5]], np.uint8))
    outside = np.array([[True, False], [True, False]])
    part = whole.within((0, 2, 2, 2), outside, "a.geojson")
    assert (part.classes == [[5, 4], [5, 5]]).all()
    assert part.statistics["valid_percent"] == 50
    assert part.statistics["pixels"]["missing"] == 1
    assert (part.grid.left, part.grid.top) == (whole.grid.left + 40, whole.grid.top)
    assert record(part)["aoi"] == "a.geojson"


def test_record_holds_what_is_needed_to_repeat_the_run():
    facts = json.loads(json.dumps(record(make_mask())))
    assert facts.keys() == {
        "product", "level", "software", "model", "device", "options", "statistics", "classes", "grid",
        "seconds", "created",
    }  # fmt: skip
    assert facts["software"] == {"name": "cloudmask", "version": __version__}
    assert facts["model"].keys() == {"name", "version", "sha256", "licence", "bands", "gsd"}
    assert facts["options"]["resolution"] == 20
    assert facts["classes"]["5"] == "missing"
    assert facts["grid"]["transform"] == [20, 0, 300000, 0, -20, 6600000]


# GeoTIFF


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A mask large enough for overviews, saved with everything."""
    folder = tmp_path_factory.mktemp("tif")
    mask = make_mask(1300, 1100, probabilities=True)
    files = mask.save(folder, quicklook=True)
    return mask, {p.name: p for p in files}


def test_names(written):
    _, files = written
    assert list(files) == [
        "S2A_TEST_cloudmask.tif",
        "S2A_TEST_cloudmask.tif.aux.xml",
        "S2A_TEST_cloudmask_probabilities.tif",
        "S2A_TEST_cloudmask.png",
        "S2A_TEST_cloudmask.json",
    ]
    assert sorted(p.name for p in files["S2A_TEST_cloudmask.tif"].parent.iterdir()) == sorted(files)


def test_geotiff_is_cloud_optimised_and_complete(written):
    mask, files = written
    with rasterio.open(files["S2A_TEST_cloudmask.tif"]) as image:
        assert image.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert image.block_shapes == [(512, 512)]
        assert image.overviews(1) == [2, 4]
        assert (image.dtypes, image.nodata, image.crs.to_epsg()) == (("uint8",), 5, 32635)
        assert tuple(image.transform)[:6] == mask.grid.transform
        np.testing.assert_array_equal(image.read(1), mask.classes)
        table = image.colormap(1)
        assert {c: table[c][:3] for c in CloudClass if c != CloudClass.MISSING} == {
            c: COLOURS[c] for c in CloudClass if c != CloudClass.MISSING
        }
        assert image.tags(1)["CLASS_3"] == "semi-transparent cloud"
        assert image.tags()["CLOUDMASK_MODEL"] == "tiny 1"
        assert image.tags()["PRODUCT"] == "S2A_TEST"
        small = image.read(1, out_shape=(325, 275))
        assert set(np.unique(small)) <= set(np.unique(mask.classes))


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (2, 2), (7, 6), (64, 65), (600, 3)])
def test_halved_takes_the_commonest(rows, cols):
    codes = np.random.default_rng(rows).choice([1, 2, 3, 4, NODATA], size=(rows, cols)).astype(np.uint8)
    small = halved(codes)
    assert small.shape == ((rows + 1) // 2, (cols + 1) // 2)
    around = np.pad(codes, [(0, rows % 2), (0, cols % 2)], mode="edge")
    for (row, col), found in np.ndenumerate(small):
        four = [int(v) for v in around[2 * row : 2 * row + 2, 2 * col : 2 * col + 2].flat]
        known = [v for v in four if v != NODATA] or [NODATA]
        assert found == Counter(known).most_common(1)[0][0]  # of equals the first


def test_overviews_hold_the_commonest_classes(written):
    mask, files = written
    expected = mask.classes
    for level in range(2):
        expected = halved(expected)
        with rasterio.open(files["S2A_TEST_cloudmask.tif"], overview_level=level) as image:
            np.testing.assert_array_equal(image.read(1), expected)


def test_cog_layout_by_its_offsets(written):
    """Overviews and tiles lie behind all directories, the smallest first: what makes a COG one."""
    _, files = written
    data = files["S2A_TEST_cloudmask.tif"].read_bytes()
    assert b"LAYOUT=IFDS_BEFORE_DATA" in data[:400]


def test_class_names_are_where_gdal_looks_for_them(written):
    _, files = written
    names = files["S2A_TEST_cloudmask.tif.aux.xml"].read_text()
    at = [names.index(f"<Category>{c.label}</Category>") for c in CloudClass]
    assert at == sorted(at)


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_probabilities(tmp_path, kind):
    mask = make_mask(probabilities=True)
    mask.save(tmp_path / "m.tif", probability_type=kind)
    with rasterio.open(tmp_path / "m_probabilities.tif") as image:
        assert image.dtypes == (kind,) * 4
        assert image.descriptions == tuple(f"probability of {c.label}" for c in SURFACE_CLASSES)
        data = image.read(masked=True).astype(float) * np.array(image.scales)[:, None, None]
        np.testing.assert_allclose(
            data.filled(np.nan), mask.probabilities, atol=0.0026 if kind == "uint8" else 0
        )


def test_scaled_probabilities():
    p = np.array([0, 0.0024, 0.5, 1, np.nan], np.float32)
    assert scale_probabilities(p).tolist() == [0, 0, 100, 200, 255]


def test_one_pixel_and_no_georeference(tmp_path, recwarn):
    mask = make_mask(1, 1, crs=None, probabilities=True)
    mask.save(tmp_path / "m.tif", quicklook=True)
    with rasterio.open(tmp_path / "m.tif") as image:
        assert image.shape == (1, 1)
        assert image.crs is None


def test_two_writings_are_the_same(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_mask().save(tmp_path / name / "m.tif")
    assert (tmp_path / "a/m.tif").read_bytes() == (tmp_path / "b/m.tif").read_bytes()


# Quicklook


@pytest.mark.parametrize("shape", [(1, 1), (1, 2500), (2500, 3), (700, 1200)])
@pytest.mark.parametrize("preview", [False, True])
def test_quicklook_of_any_shape(tmp_path, shape, preview):
    mask = make_mask(*shape)
    picture = np.full((max(1, shape[0] // 4), max(1, shape[1] // 4), 3), 90, np.uint8) if preview else None
    write_quicklook(tmp_path / "q.png", mask, picture)
    with Image.open(tmp_path / "q.png") as image:
        assert image.mode == "RGB"
        assert max(image.size) < 2200
        assert COLOURS[CloudClass.MISSING] in {colour for _, colour in image.getcolors(1 << 22)}


def test_quicklook_shows_the_mask(tmp_path):
    mask = dataclasses.replace(make_mask(), classes=np.full((60, 40), 4, np.uint8))
    write_quicklook(tmp_path / "q.png", mask, None)
    pixels = np.asarray(Image.open(tmp_path / "q.png"))
    assert (pixels[8:68, 8:48] == 255).all()


# Paths


def test_where_outputs_go(tmp_path):
    assert output_path(tmp_path, "X", "geotiff") == tmp_path / "X_cloudmask.tif"
    assert output_path(tmp_path, "X", "dimap") == tmp_path / "X_cloudmask.dim"
    assert output_path(Path("a.TIFF"), "X", "geotiff") == Path("a.TIFF")
    with pytest.raises(UsageError, match=r"a\.png: expected a folder or a name that ends in \.tif"):
        output_path(Path("a.png"), "X", "geotiff")
    with pytest.raises(UsageError, match="expected one of geotiff, dimap"):
        output_path(tmp_path, "X", "netcdf")
    with pytest.raises(UsageError, match="probability type"):
        make_mask().save(tmp_path, probability_type="int16")


def test_existing_files_are_kept(tmp_path):
    mask = make_mask()
    (tmp_path / "m.json").write_text("mine")
    with pytest.raises(OutputError, match=r"m\.json: exists already; use --overwrite"):
        mask.save(tmp_path / "m.tif")
    assert [p.name for p in tmp_path.iterdir()] == ["m.json"]
    mask.save(tmp_path / "m.tif", overwrite=True)
    assert json.loads((tmp_path / "m.json").read_text())["product"] == "S2A_TEST"


def test_no_folder_to_write_to(tmp_path):
    with pytest.raises(OutputError, match="no such folder for the output"):
        make_mask().save(tmp_path / "no" / "m.tif")


# All or nothing


def test_a_failure_leaves_nothing(tmp_path):
    targets = [tmp_path / "a.txt", tmp_path / "b.txt"]
    with pytest.raises(RuntimeError):  # noqa: PT012, SIM117
        with AtomicOutputs(targets) as outputs:
            outputs.path(targets[0]).write_text("half")
            raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_os_error_becomes_an_output_error(tmp_path):
    with pytest.raises(OutputError, match=r"a\.txt: cannot be written: .*nothing was left behind"):  # noqa: SIM117
        with AtomicOutputs([tmp_path / "a.txt"]):
            raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_overwriting_replaces_files_and_folders(tmp_path):
    file, folder = tmp_path / "a.txt", tmp_path / "a.data"
    file.write_text("old")
    folder.mkdir()
    (folder / "old").touch()
    with AtomicOutputs([file, folder], overwrite=True) as outputs:
        outputs.path(file).write_text("new")
        outputs.path(folder).mkdir()
        (outputs.path(folder) / "new").touch()
    assert file.read_text() == "new"
    assert [p.name for p in folder.iterdir()] == ["new"]
    assert leftovers(tmp_path) == []


def test_a_folder_is_never_replaced_by_a_file(tmp_path):
    folder = tmp_path / "m.png"
    folder.mkdir()
    (folder / "thesis.tex").touch()
    with pytest.raises(OutputError, match=r"m\.png: is a folder"):
        write_text(folder, "x", overwrite=True)
    assert (folder / "thesis.tex").exists()
    assert leftovers(tmp_path) == []


def test_old_ones_survive_a_failure(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(RuntimeError):  # noqa: PT012, SIM117
        with AtomicOutputs([file], overwrite=True) as outputs:
            outputs.path(file).write_text("new")
            raise RuntimeError
    assert file.read_text() == "old"


def write_all(targets):
    with AtomicOutputs(targets, overwrite=True) as out:
        for target in targets:
            if target.suffix == ".data":
                out.path(target).mkdir()
            else:
                out.path(target).write_text("new")


def test_old_ones_come_back_where_a_later_one_cannot_be_replaced(tmp_path, monkeypatch):
    targets = [tmp_path / name for name in ("a.tif", "b.data", "c.json", "d.png")]
    targets[0].write_text("old a")
    targets[1].mkdir()
    (targets[1] / "x").write_text("old x")
    targets[2].write_text("old c")
    whole = Path.replace

    def replace(self, target):
        if Path(target).name == "d.png":
            raise OSError(5, "Input/output error")
        return whole(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OutputError, match="Input/output error"):
        write_all(targets)
    assert [targets[0].read_text(), targets[2].read_text()] == ["old a", "old c"]
    assert (targets[1] / "x").read_text() == "old x"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tif", "b.data", "c.json"]


def test_a_folder_in_the_way_stops_all_outputs(tmp_path):
    targets = [tmp_path / "a.tif", tmp_path / "a.json"]
    targets[1].mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write_all(targets)
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_temporaries_of_dead_processes_are_removed(tmp_path):
    dead = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, sys\nfrom pathlib import Path\nfrom cloudmask.atomic import AtomicOutputs\n"
            "target = Path(sys.argv[1])\nwith AtomicOutputs([target]) as outputs:\n"
            "    outputs.path(target).write_text('half')\n    os.kill(os.getpid(), 9)\n",
            str(tmp_path / "x.txt"),
        ],
        check=False,
    )
    assert dead.returncode == -signal.SIGKILL
    assert len(leftovers(tmp_path)) == 1
    alive = tmp_path / leftovers(tmp_path)[0].replace(leftovers(tmp_path)[0].split("-")[2], str(os.getppid()))
    alive.mkdir()
    (tmp_path / ".cloudmask-elsewhere-1-abc").mkdir()
    write_text(tmp_path / "y.txt", "y")
    assert sorted(leftovers(tmp_path)) == sorted([alive.name, ".cloudmask-elsewhere-1-abc"])


def save_in_child(folder, before, fmt="geotiff"):
    """Save a large mask in another process, after some set-up; returns exit code and its error."""
    code = (
        f"import sys; sys.path.insert(0, {str(HERE)!r})\n{before}\n"
        "from pathlib import Path\nfrom helpers_masks import make_mask\n"
        "mask = make_mask(1500, 1500, probabilities=True)\n"
        "print('ready', flush=True)\n"
        f"try:\n    mask.save(Path({str(folder)!r}), format={fmt!r}, probability_type='float32')\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n    sys.exit(5)\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("fmt", ["geotiff", "dimap"])
@pytest.mark.parametrize("room", [1000, 600_000])
def test_full_disk_leaves_nothing(tmp_path, fmt, room):
    """A limit on file size makes writes fail half-way, as a full disk does."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))"
    done = save_in_child(tmp_path, limit, fmt)
    assert done.returncode == 5, done.stderr
    assert "OutputError" in done.stdout
    assert "cannot be written" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting needs root on Linux")
def test_really_full_disk(tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this system does not let tests mount a file system")
    try:
        done = save_in_child(tmp_path, "")
        assert done.returncode == 5, done.stderr
        assert "OutputError" in done.stdout
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_terminated_half_way_leaves_nothing(tmp_path):
    """The command turns SIGTERM into an exception, on which temporaries are removed."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom cloudmask.atomic import AtomicOutputs\n"
        "from cloudmask import cli\ncli._stop_on_sigterm()\ntarget = Path(sys.argv[1])\n"
        "with AtomicOutputs([target]) as outputs:\n"
        "    outputs.path(target).write_text('half')\n    print('writing', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "x.txt")], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout.readline() == b"writing\n"
        assert len(leftovers(tmp_path)) == 1
        time.sleep(0.1)
        child.terminate()
        assert child.wait(20) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
