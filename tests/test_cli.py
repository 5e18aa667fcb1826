"""The command: what it prints, where, and with which exit code."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from helpers_masks import leftovers
from helpers_models import write_model
from helpers_safe import make_safe

from cloudmask import __version__
from cloudmask.cli import COMMANDS, main
from cloudmask.options import option_specs


@pytest.fixture
def run(tiny, tmp_path, capfd, monkeypatch):
    """Run the command in this process, in an empty folder; gives code, output and errors.

    Also checks what holds for every call: errors are one line, and nothing half-written is left.
    """
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)

    def call(*args):
        code = main([str(a) for a in args])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        assert leftovers(tmp_path) == []
        if code:
            assert "rror: " in err.splitlines()[-1]
            assert out == ""
        return code, out, err

    yield call
    signal.signal(signal.SIGTERM, handler)


# A mask


def test_run_writes_and_reports(run, safe, tiny, tmp_path):
    code, out, err = run("run", safe, "-o", tmp_path, "--model", tiny, "--quicklook", "--probabilities")
    stem = f"{safe.name[:-5]}_cloudmask"
    assert code == 0
    assert out == f"{tmp_path / stem}.tif\n"
    assert "% of 90.00 % valid pixels" in err
    assert "tiny 1 on cpu" in err
    names = [f"{stem}{e}" for e in (".json", ".png", ".tif", ".tif.aux.xml", "_probabilities.tif")]
    assert sorted(p.name for p in tmp_path.iterdir()) == names


def test_beside_the_product_by_default(run, tiny, tmp_path):
    root = make_safe(tmp_path / "in", size10=60)
    code, out, _ = run("run", root / "MTD_MSIL1C.xml", "--model", tiny)
    assert code == 0
    assert out.strip() == str(tmp_path / "in" / f"{root.name[:-5]}_cloudmask.tif")
    assert not list(root.glob("*_cloudmask*"))


def test_json_is_the_record(run, safe, tiny, tmp_path):
    code, out, err = run("run", safe, "-o", "m.tif", "--model", tiny, "--json", "--cloud-buffer", 40)
    assert (code, err) == (0, "")
    facts = json.loads(out)
    written = json.loads((tmp_path / "m.json").read_text())
    assert facts.pop("files")["mask"] == "m.tif"
    facts.pop("created")
    written.pop("created")
    assert facts == written
    assert facts["options"]["cloud_buffer"] == 40
    assert sum(facts["statistics"]["percent"].values()) == pytest.approx(100, abs=0.01)


def test_quiet_says_nothing(run, safe, tiny):
    assert run("run", safe, "-o", "m.tif", "--model", tiny, "-q") == (0, "", "")


def test_verbose_names_the_model(run, safe, tiny):
    assert "model tiny 1 on cpu" in run("run", safe, "-o", "m.tif", "--model", tiny, "-v")[2]


def test_resolution_offset_and_format(run, safe, tiny, tmp_path):
    code, out, _ = run("run", safe, "-o", ".", "--model", tiny, "--format", "dimap", "--resolution", 60)
    assert code == 0
    assert out.endswith("_cloudmask.dim\n")
    assert (
        run(
            "run", safe, "-o", "m.tif", "--model", tiny, "--resolution", "10", "--radiometric-offset", "-500"
        )[0]
        == 0
    )
    with rasterio.open("m.tif") as image:
        assert image.shape == (240, 240)


def test_thresholds_by_any_name(run, safe, tiny):
    every = ("--threshold", "cloud=0", "--threshold", "thin=0.4", "--threshold", "SHADOW=1")
    assert run("run", safe, "-o", "m.tif", "--model", tiny, *every)[0] == 0
    options = json.loads(Path("m.json").read_text())["options"]
    assert (options["cloud_threshold"], options["semi_transparent_cloud_threshold"]) == (0, 0.4)
    assert options["cloud_shadow_threshold"] == 1
    with rasterio.open("m.tif") as image:
        assert set(np.unique(image.read(1))) == {4, 5}


def test_default_model_and_product_without_valid_pixels(run, tmp_path, dlr):
    root = make_safe(tmp_path / "in", size10=60, edge=1.0)
    code, _, err = run("run", root, "--device", "cpu")
    assert code == 0
    assert "no valid pixels" in err
    assert "cloudmask-l1c" in err


def test_what_an_earlier_run_left_is_told_of(run, safe, tiny):
    base = ("run", safe, "-o", "m.tif", "--model", tiny, "--overwrite")
    assert run(*base, "--quicklook", "--probabilities")[0] == 0
    code, _, err = run(*base)
    assert code == 0
    assert "beside it stay, of an earlier run: m_probabilities.tif, m.png" in err
    assert "beside it" not in run(*base, "--quicklook", "--probabilities")[2]


# Errors


def test_the_record_does_not_replace_the_area_of_interest(run, safe, tiny):
    Path("field.json").write_text("{}")
    found, _, err = run("run", safe, "-o", "field.tif", "--model", tiny, "--aoi", "field.json", "--overwrite")
    assert found == 2
    assert "field.json: the record would replace the area of interest" in err
    assert Path("field.json").read_text() == "{}"


def fails(run, code, text, *args):
    found, out, err = run(*args)
    assert (found, out) == (code, "")
    assert text in err, err
    if code != 2:
        assert err.count("\n") == 1, err
        assert err.startswith("cloudmask: error: ")


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((), "Missing argument 'PRODUCT...'"),
        (("x", "--resolution", "30"), "'30' is not one of '10', '20', '60'"),
        (("x", "--tile-size", "big"), "not a valid integer"),
        (("x", "--nonsense"), "No such option"),
        (("x", "--tile-size", "5"), "option tile-size: expected 64 to 4096 px, found 5"),
        (("x", "--threads", "-1"), "option threads: expected 0 to 1024"),
        (("x", "--cloud-buffer", "-3"), "option cloud-buffer: expected 0 to 5000 m"),
        (("x", "--cloud-buffer", "nan"), "option cloud-buffer: expected 0 to 5000 m, found nan"),
        (("x", "--radiometric-offset", "1e6"), "option radiometric-offset: expected -20000 to 20000 DN"),
        (("x", "--bands", "B02,nir"), "option bands: unknown band 'nir'; expected one of B01"),
        (("x", "--threshold", "cloud"), "--threshold cloud: expected CLASS=P, such as cloud=0.4"),
        (("x", "--threshold", "fog=0.4"), "--threshold fog=0.4: expected CLASS=P"),
        (("x", "--threshold", "clear=0.4"), "--threshold clear=0.4: expected one of cloud"),
        (("x", "--threshold", "cloud=7"), "option cloud-threshold: expected 0 to 1, found 7"),
        (("x", "--device", "tpu"), "'tpu' is not one of"),
    ],
)
def test_usage_errors_are_2(run, args, text):
    fails(run, 2, text, "run", *args)


def test_unknown_command_and_extension_are_2(run, safe):
    fails(run, 2, "No such command 'mask'", "mask")
    fails(run, 2, "m.png: expected a folder or a name that ends in .tif", "run", safe, "-o", "m.png")


BROKEN = [
    ({"truncated": "B04"}, "the image is truncated"),
    ({"missing": "B04"}, "model tiny needs band B04"),
    ({"wrong_size": "B04"}, "the image has the wrong size"),
    ({"without": "product"}, "expected MTD_MSIL1C.xml or MTD_MSIL2A.xml"),
    ({"entity": "external"}, "declares a document type"),
    ({"entity": "bomb"}, "MTD_MSIL1C.xml: "),
    ({"offset": "-99999"}, "radiometric offset: expected -20000 to 20000"),
    ({"offset": "lots"}, "RADIO_ADD_OFFSET: expected a number, found 'lots'"),
]


@pytest.mark.parametrize(("broken", "text"), BROKEN, ids=[str(b) for b, _ in BROKEN])
def test_broken_products_are_3(run, tiny, tmp_path, broken, text):
    path = make_safe(tmp_path / "in", size10=60, **broken)
    fails(run, 3, text, "run", path, "--model", tiny, "-o", ".")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_other_bad_inputs_are_3(run, tiny, safe, tmp_path):
    fails(run, 3, "no.SAFE: no such file or folder", "run", "no.SAFE")
    fails(run, 3, "expected MTD_MSIL1C.xml or MTD_MSIL2A.xml in it", "run", tmp_path)
    Path("a.zip").write_bytes(b"PK\x03\x04")
    fails(run, 3, "expected a zip archive", "run", "a.zip")
    Path("a.geojson").write_text("{}")
    fails(
        run, 3, "expected at least one Polygon", "run", safe, "-o", ".", "--model", tiny, "--aoi", "a.geojson"
    )
    fails(
        run, 3, "no.geojson: cannot be read", "run", safe, "-o", ".", "--model", tiny, "--aoi", "no.geojson"
    )


def test_models_and_devices_are_4(run, safe, tmp_path):
    fails(
        run,
        4,
        "no model 'best': expected an .onnx file or one of cloudmask-",
        "run",
        safe,
        "-o",
        ".",
        "--model",
        "best",
    )
    fails(run, 4, "no.onnx: no such model file", "run", safe, "-o", ".", "--model", "no.onnx")
    Path("text.onnx").write_text("not a model")
    fails(run, 4, "expected an ONNX model", "run", safe, "-o", ".", "--model", "text.onnx")
    odd = write_model(tmp_path / "m", channels=6)
    fails(run, 4, "the graph has 6 input bands", "run", safe, "-o", ".", "--model", odd)
    level = write_model(tmp_path / "n", level="L2A")
    fails(run, 4, "is L1C but model tiny is for L2A", "run", safe, "-o", ".", "--model", level)
    fails(run, 4, "pip install '.[gpu]'", "run", safe, "-o", ".", "--device", "cuda")


def test_outputs_are_5_and_refused_before_the_work(run, safe, tiny):
    Path("m.json").write_text("mine")
    fails(
        run,
        5,
        "m.json: exists already; use --overwrite",
        "run",
        safe,
        "-o",
        "m.tif",
        "--model",
        "no-such-model",
    )
    assert Path("m.json").read_text() == "mine"
    assert run("run", safe, "-o", "m.tif", "--model", tiny, "--overwrite")[0] == 0
    fails(run, 5, "no such folder for the output", "run", safe, "-o", "a/b/m.tif", "--model", tiny)


def test_interrupted_is_130(run, tiny, tmp_path, monkeypatch):
    from cloudmask import api

    def interrupted(*args, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "mask_product", interrupted)
    root = make_safe(tmp_path / "in", size10=60)
    code, _, err = run("run", root, "--model", tiny)
    assert (code, err.strip()) == (130, "cloudmask: error: interrupted")


# Other commands


def test_help_and_version(run):
    code, out, _ = run("--version")
    assert (code, out.strip()) == (0, f"cloudmask, version {__version__}")
    code, out, _ = run("--help")
    assert "Exit codes: 0 done, 2 usage, 3 bad input, 4 model or device, 5 output" in out
    assert all(f"  {name} " in out for name in COMMANDS)
    code, out, _ = run("run", "-h")
    for name in option_specs():
        if not name.endswith("_threshold"):
            assert f"--{name.replace('_', '-')}" in out


def test_models_lists_and_tells_json(run, tmp_path, monkeypatch):
    write_model(tmp_path / "m", "mine", rank=999)
    monkeypatch.setenv("CLOUDMASK_MODEL_PATH", str(tmp_path / "m"))
    code, text, _ = run("models")
    assert code == 0
    assert text.startswith(
        "mine  A tiny network for tests, version 1\n  level L1C   bands B02 B03 B04 B08   20 m"
    )
    code, out, _ = run("models", "--json")
    entries = json.loads(out)
    assert entries[0]["name"] == "mine"
    assert all({"level", "bands", "gsd", "licence", "sha256", "path"} <= e.keys() for e in entries)
    citations = {e["name"]: e["citation"] for e in entries}
    assert citations["mine"] == ""
    assert citations["dlr-unet-6b-l1c"].startswith("Wieland, M.; Li, Y.; Martinis, S. Multi-sensor cloud")
    assert f"\n  cite as {citations['dlr-unet-6b-l1c']}\n" in text
    assert text.count("cite as") == sum(map(bool, citations.values()))
    (tmp_path / "m" / "bad.json").write_text("{")
    (tmp_path / "m" / "bad.onnx").write_bytes(b"")
    fails(run, 4, "bad.json: expected a model card in JSON", "models")


@pytest.mark.parametrize("version", [(3, 10), (3, 11)])
def test_training_asks_for_what_its_extra_brings(monkeypatch, version):
    """Before 3.11 Python reads no TOML by itself."""
    here = Path(importlib.util.find_spec("cloudmask.cli.train").origin)
    spec = importlib.util.spec_from_file_location("cloudmask.cli.train_again", here)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    spec.loader.exec_module(module)
    more = ["tomli"] if version < (3, 11) else []
    assert list(module._NEEDED) == ["torch", "onnx", "matplotlib", *more]


def test_doctor_finds_what_is_needed(run, dlr):
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    for subject in ("numpy", "rasterio", "ONNX Runtime", "device cpu", "JPEG 2000", "model L1C", "model L2A"):
        assert f"ok    {subject} " in out
    assert "note  ESA SNAP" in out or "ok    ESA SNAP" in out


# As a process


def command(*args, **more):
    env = os.environ | {"PYTHONWARNINGS": "default"}
    return subprocess.run(
        [sys.executable, "-m", "cloudmask", *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        env=env,
        **more,
    )


def test_two_processes_write_the_same_bytes(safe, tiny, tmp_path):
    for name, side in (("a", 64), ("b", 64)):
        (tmp_path / name).mkdir()
        done = command(
            "run",
            safe,
            "-o",
            tmp_path / name / "m.tif",
            "--model",
            tiny,
            "--tile-size",
            side,
            "--probabilities",
        )
        assert done.returncode == 0, done.stderr
    for name in ("m.tif", "m_probabilities.tif"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_nothing_puzzling_is_said(safe, tiny, tmp_path):
    done = command("run", safe, "-o", tmp_path, "--model", tiny, "--quicklook")
    lines = done.stderr.splitlines()
    assert len(lines) == 2, done.stderr
    assert "valid pixels" in lines[0]


def test_terminated_half_way(tmp_path, dlr):
    """A run that is told to stop leaves nothing, neither beside the product nor in the temporary folder."""
    path = make_safe(tmp_path / "in", size10=600, zipped=True)
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "cloudmask", "run", str(path), "--device", "cpu", "--threads", "1"],
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
        stderr=subprocess.PIPE,
    ) as child:
        for _ in range(300):
            if list((tmp_path / "tmp").glob("cloudmask-*/*.jp2")):
                break
            time.sleep(0.05)
        child.terminate()
        _, err = child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGTERM
    assert b"Traceback" not in err
    # ONNX Runtime keeps a hidden file of its own there.
    assert [p.name for p in (tmp_path / "tmp").iterdir() if p.name != ".ses"] == []
    assert [p.name for p in (tmp_path / "in").iterdir()] == [path.name]


def test_reader_of_the_output_goes_away(tmp_path):
    done = subprocess.run(
        f"{sys.executable} -m cloudmask models --json | head -c 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[", "")


# Real products


@pytest.mark.data
@pytest.mark.parametrize("name", ["*N0205*.zip", "*N0206*.zip", "*N0301*.zip", "*N0510*.SAFE"])
def test_real_products_mask_without_puzzling_words(run, data, dlr, name, tmp_path):
    code, out, err = run("run", next(data.glob(name)), "-o", tmp_path, "--device", "cpu", "--quicklook")
    assert code == 0, err
    lines = [line for line in err.splitlines() if "thinned-out product" not in line]
    assert len(lines) == 2, err
    with rasterio.open(out.strip()) as image:
        codes = set(np.unique(image.read(1)))
    assert codes <= {1, 2, 3, 4, 5}
    assert codes != {5}


@pytest.mark.data
def test_real_metadata_alone_is_3(run, data):
    products = sorted(p.parent for p in (data / "metadata_only").rglob("MTD_MSIL*.xml"))
    assert products
    for product in products:
        fails(run, 3, "no band images", "run", product, "-o", ".")


@pytest.mark.data
def test_real_product_zipped_again_is_the_same(run, data, dlr, tmp_path):
    folder = next(data.glob("*N0510*.SAFE"))
    archive = shutil.make_archive(str(tmp_path / "p"), "zip", folder.parent, folder.name)
    for path, name in ((folder, "a.tif"), (archive, "b.tif")):
        assert run("run", path, "-o", name, "--device", "cpu")[0] == 0
    with rasterio.open("a.tif") as first, rasterio.open("b.tif") as second:
        np.testing.assert_array_equal(first.read(1), second.read(1))
