# ruff: noqa: E402
"""Runs: the same curve after a kill, other bands from the same weights, export, int8, pools, errors."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers_evaluate import DAMAGES, damage_npz

torch = pytest.importorskip("torch", reason="training needs the extra: pip install '.[train,cpu]'")
pytest.importorskip("onnxruntime")

from cloudmask.classes import SURFACE_CLASSES
from cloudmask.cli import main
from cloudmask.errors import InputError, ModelError, OutputError, UsageError
from cloudmask.onnx_model import OnnxModel
from cloudmask.train import export
from cloudmask.train.batches import Batches
from cloudmask.train.checkpoint import load_checkpoint, save_checkpoint
from cloudmask.train.curves import draw_curves
from cloudmask.train.export import export_model, finish
from cloudmask.train.pool import pool_folder, simulated_pool
from cloudmask.train.quantise import quantise
from cloudmask.train.recipe import TeacherSpec
from cloudmask.train.recipe_file import load_recipe
from cloudmask.train.sample import Sample
from cloudmask.train.sources import open_source
from cloudmask.train.teachers import add_soft_labels, class_groups
from cloudmask.train.trainer import Trainer

RECIPE = """
name = "tiny"
level = "L1C"
bands = ["B02", "B03", "B04", "B08"]
patch = 64
[model]
widths = [4, 6]
[augment]
drop = 0.5
band_sets = [["B02", "B03", "B04"]]
[schedule]
epochs = 3
steps = 4
batch = 4
crop = 32
rate = 0.01
warmup = 2
{schedule}
[[train]]
kind = "arrays"
path = "{data}"
[[validation]]
kind = "arrays"
path = "{data}"
[[scenes]]
kind = "arrays"
path = "{data}"
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark ground with bright squares, at 20 m."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    x = rng.uniform(0.05, 0.1, (3, 64, 64, 4)).astype(np.float32)
    y = np.zeros((3, 64, 64), np.uint8)
    for i in range(3):
        x[i, 10 * i : 10 * i + 20, 8:40] += 0.5
        y[i, 10 * i : 10 * i + 20, 8:40] = 3
    np.savez(folder / "a.npz", x=x, y=y, bands=np.array(["B02", "B03", "B04", "B08"]), gsd=20.0)
    return folder


def write(folder: Path, data: Path, schedule: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.toml"
    path.write_text(RECIPE.replace("{schedule}", schedule).replace("{data}", data.as_posix()), "utf-8")
    return path


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    assert main(["train", str(write(folder / "in", data)), "-o", str(folder / "out"), "-q"]) == 0
    return folder / "out"


def curve(folder: Path) -> list[float]:
    return [row["loss"] for row in json.loads((folder / "metrics.json").read_text("utf-8"))]


def test_run_folder_is_complete_and_learns(run: Path) -> None:
    names = {p.name for p in run.iterdir()}
    assert {
        "recipe.toml",
        "recipe.json",
        "versions.json",
        "curves.png",
        "best.pt",
        "tiny.onnx",
        "tiny.json",
    } <= names
    assert (run / "curves.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert not [n for n in names if n.endswith(".part")]
    assert curve(run)[-1] < curve(run)[0]


def kill_in_second_epoch(monkeypatch: pytest.MonkeyPatch, recipe: Path, out: Path) -> None:
    """Begin a run as a user does who then presses Ctrl-C."""
    whole = Trainer._epoch

    def killed(self: Trainer, state: object) -> float:
        if state.epoch == 1:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return whole(self, state)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "_epoch", killed)
    assert main(["train", str(recipe), "-o", str(out), "-q"]) == 130
    monkeypatch.setattr(Trainer, "_epoch", whole)


def test_told_to_stop_while_it_simulates(data: Path, tmp_path: Path) -> None:
    """What was asked of the workers is not waited for."""
    path = write(tmp_path, data)
    more = '[[train]]\nkind = "simulation"\ncount = 100000\n[train.options]\nclouds = ["stratus"]\n'
    path.write_text(path.read_text("utf-8") + more, "utf-8")
    pools = tmp_path / "pools"
    call = ["train", str(path), "-o", str(tmp_path / "out"), "--cache", str(pools), "--workers", "2", "-q"]
    with subprocess.Popen([sys.executable, "-m", "cloudmask", *call], stderr=subprocess.PIPE) as child:
        try:
            for _ in range(600):
                if list(pools.glob("*/*.npz")):
                    break
                time.sleep(0.1)
            child.terminate()
            _, err = child.communicate(timeout=60)
        finally:
            child.kill()
    assert child.returncode == 128 + signal.SIGTERM
    assert b"Traceback" not in err
    assert 0 < len(list(pools.glob("*/*.npz"))) < 1000


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_resumed_run_follows_the_same_curve(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimiser: str
) -> None:
    recipe = write(tmp_path, data, f'optimiser = "{optimiser}"')
    assert main(["train", str(recipe), "-o", str(tmp_path / "run"), "-q"]) == 0
    kill_in_second_epoch(monkeypatch, recipe, tmp_path / "out")
    assert len(curve(tmp_path / "out")) == 1
    assert main(["train", str(recipe), "-o", str(tmp_path / "out"), "-q", "--resume"]) == 0
    assert curve(tmp_path / "out") == pytest.approx(curve(tmp_path / "run"), rel=1e-6)
    state = load_checkpoint(tmp_path / "out" / "last.pt").data["optimiser"]
    momentum = sum("momentum" in s for part in state for s in part["state"].values())
    assert momentum == (5 if optimiser == "muon" else 0)  # kernels but for those of stem and head


def test_run_is_not_resumed_with_another_simulator(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = write(tmp_path, data), tmp_path / "out"
    more = '[[train]]\nkind = "simulation"\ncount = 2\n[train.options]\nclouds = ["stratus"]\n'
    path.write_text(path.read_text("utf-8") + more, "utf-8")
    kill_in_second_epoch(monkeypatch, path, out)
    facts = (out / "versions.json").read_text("utf-8")
    now = json.loads(facts)["versions"]["simulator"]
    (out / "versions.json").write_text(facts.replace(now, "before"), "utf-8")
    assert main(["train", str(path), "-o", str(out), "-q", "--resume"]) == 2
    assert f"another version of the simulator (before, now {now})" in capsys.readouterr().err
    (out / "versions.json").write_text("{}", "utf-8")
    assert main(["train", str(path), "-o", str(out), "-q", "--resume"]) == 2
    assert "versions.json: cannot read" in capsys.readouterr().err
    (out / "versions.json").write_text(facts, "utf-8")
    assert main(["train", str(path), "-o", str(out), "-q", "--resume"]) == 0
    (out / "versions.json").write_text(facts.replace(now, "before"), "utf-8")
    assert main(["train", str(path), "-o", str(out), "--resume"]) == 0, "a finished run may export again"
    assert "patches of today's" in capsys.readouterr().err


def test_run_is_neither_overwritten_nor_resumed_by_another_recipe(
    run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for late in ("run.open_source", "sources.draw_patch"):  # simulating takes minutes
        monkeypatch.setattr(f"cloudmask.train.{late}", lambda *_, **__: pytest.fail("too late"))
    recipe = write(tmp_path, data)
    assert main(["train", str(recipe), "-o", str(run), "-q"]) == 2
    other = write(tmp_path / "other", data, "weight_decay = 0.5")
    more = write(tmp_path / "more", data)
    simulation = '[[train]]\nkind = "simulation"\ncount = 2\n[train.options]\nclouds = ["stratus"]\n'
    more.write_text(more.read_text("utf-8") + simulation, "utf-8")
    for recipe_of_another in (other, more):
        assert main(["train", str(recipe_of_another), "-o", str(run), "-q", "--resume"]) == 2
        assert "last.pt: made with another recipe" in capsys.readouterr().err
    assert not (run / "pools").exists()
    assert main(["train", str(recipe), "-o", str(tmp_path / "none"), "-q", "--resume"]) == 2


def test_a_run_by_a_recipe_with_a_base_can_be_run_again_from_its_folder(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in", data)
    recipe, out = tmp_path / "in" / "other.toml", tmp_path / "out"
    recipe.write_text('base = "recipe.toml"\nseed = 5\n', "utf-8")
    kill_in_second_epoch(monkeypatch, recipe, out)
    assert main(["train", str(recipe), "-o", str(out), "-q", "--resume"]) == 0
    shutil.rmtree(tmp_path / "in")
    again = tmp_path / "again"
    assert main(["train", str(out / "recipe.toml"), "-o", str(again), "-q"]) == 0
    assert curve(again) == pytest.approx(curve(out), rel=1e-6)
    assert main(["train", str(out / "recipe.toml"), "-o", str(out), "-q", "--resume"]) == 0


def test_init_takes_weights_bands_and_freezes_the_encoder(run: Path, data: Path, tmp_path: Path) -> None:
    path = write(tmp_path, data, "freeze_encoder = true\naverage = 0.0")
    text = path.read_text("utf-8").replace('"B03", "B04", "B08"]\npatch', '"B04", "B08", "B11"]\npatch')
    path.write_text(
        text.replace('band_sets = [["B02", "B03", "B04"]]', 'band_sets = [["B02", "B04"]]'), "utf-8"
    )
    out = tmp_path / "out"
    assert main(["train", str(path), "-o", str(out), "-q", "--init", str(run / "best.pt")]) == 0
    old, new = load_checkpoint(run / "best.pt"), load_checkpoint(out / "best.pt")
    before, after = old.data["average"], new.data["average"]
    assert torch.equal(after["stem.weight"][:, 0], before["stem.weight"][:, 0])
    assert torch.equal(after["stem.weight"][:, 1], before["stem.weight"][:, 2])
    assert not after["stem.weight"][:, 3].any()
    assert not torch.equal(after["head.weight"], before["head.weight"])
    assert new.normalisation.mean[1] == old.normalisation.mean[2]


def test_a_share_of_the_first_weights_stays(run: Path, data: Path, tmp_path: Path) -> None:
    recipe = write(tmp_path, data, 'select = "last"\nanchor = 0.25')
    assert main(["train", str(recipe), "-o", str(tmp_path / "no"), "-q"]) == 2  # nothing to be anchored to
    out = tmp_path / "out"
    assert main(["train", str(recipe), "-o", str(out), "-q", "--init", str(run / "best.pt")]) == 0
    first, last = load_checkpoint(run / "best.pt"), load_checkpoint(out / "last.pt")
    mixed = last.blended(load_checkpoint(out / "init.pt"), 0.25)
    name = "head.weight"
    expected = 0.75 * last.data["average"][name] + 0.25 * first.data["average"][name]
    assert torch.allclose(mixed.data["average"][name], expected)
    export_model(mixed, tmp_path / "tiny.onnx")
    batch = np.random.default_rng(0).standard_normal((1, 4, 32, 32)).astype(np.float32)
    shipped, ours = (OnnxModel(f / "tiny.onnx", device="cpu").predict(batch) for f in (out, tmp_path))
    assert np.allclose(shipped, ours, atol=1e-5)
    assert not np.allclose(shipped, OnnxModel(run / "tiny.onnx", device="cpu").predict(batch), atol=1e-4)
    # Another share may be taken of the finished run.
    write(tmp_path, data, 'select = "last"\nanchor = 0.5')
    assert main(["train", str(recipe), "-o", str(out), "-q", "--resume"]) == 0
    export_model(last.blended(first, 0.5), tmp_path / "tiny.onnx")
    shipped, ours = (OnnxModel(f / "tiny.onnx", device="cpu").predict(batch) for f in (out, tmp_path))
    assert np.allclose(shipped, ours, atol=1e-5)


def test_without_the_first_weights_an_anchored_run_is_not_resumed(
    run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out = write(tmp_path, data, "anchor = 0.25\nepochs = 1").read_text("utf-8"), tmp_path / "out"
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.replace("epochs = 3\n", ""), "utf-8")
    assert main(["train", str(path), "-o", str(out), "-q", "--init", str(run / "best.pt")]) == 0
    monkeypatch.setattr("cloudmask.train.run.open_source", lambda *_, **__: pytest.fail("too late"))
    resume = ["train", str(path), "-o", str(out), "-q", "--resume"]
    (out / "init.pt").write_bytes(b"no")
    assert main(resume) == 3
    (out / "init.pt").unlink()
    assert main(resume) == 2
    assert re.search(r"init\.pt: no such file; schedule\.anchor", capsys.readouterr().err)


@pytest.mark.parametrize("optional", [(), ("B08",)])
def test_training_goes_on_from_an_exported_model(
    run: Path, data: Path, tmp_path: Path, optional: tuple[str, ...]
) -> None:
    model = export_model(load_checkpoint(run / "best.pt"), tmp_path / "m.onnx", optional=optional)
    recipe = write(tmp_path, data, "anchor = 0.5").read_text("utf-8").replace("rate = 0.01", "rate = 1e-9")
    (tmp_path / "recipe.toml").write_text(recipe, "utf-8")
    out = tmp_path / "out"
    assert (
        main(
            ["train", str(tmp_path / "recipe.toml"), "-o", str(out), "-q", "--init", str(tmp_path / "m.onnx")]
        )
        == 0
    )
    batch = np.random.default_rng(0).standard_normal((1, 4, 32, 32)).astype(np.float32)
    start = load_checkpoint(out / "init.pt")
    again = export_model(start, tmp_path / "again.onnx", optional=optional)
    before, after = (OnnxModel(p, device="cpu").predict(batch) for p in (model, again))
    assert np.allclose(before, after, atol=1e-5)
    assert start.normalisation == load_checkpoint(run / "best.pt").normalisation


def test_an_exported_model_of_other_bands_or_widths_is_refused(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = load_checkpoint(run / "best.pt")
    recipe = write(tmp_path, data)
    fewer = export_model(best, tmp_path / "two.onnx", keep=("B04", "B02"))
    assert main(["train", str(recipe), "-o", str(tmp_path / "a"), "-q", "--init", str(fewer)]) == 2
    assert "bands" in capsys.readouterr().err
    whole = export_model(best, tmp_path / "all.onnx")
    recipe.write_text(recipe.read_text("utf-8").replace("[4, 6]", "[4, 8]"), "utf-8")
    assert main(["train", str(recipe), "-o", str(tmp_path / "b"), "-q", "--init", str(whole)]) == 2
    assert "widths" in capsys.readouterr().err


SIMULATION = '[[train]]\nkind = "simulation"\ncount = 2\n[train.options]\n'


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (SIMULATION + "magic = 1\n", r"\[\[train\]\] 2: simulation option 'magic' is unknown"),
        (SIMULATION + 'skies = [[], ["cirrus"], ["pancakes"]]\n', "cloud kind 'pancakes' is unknown"),
        (SIMULATION + "skies = []\n", r"options\.skies, options\.clouds: expected lists"),
        (SIMULATION + 'clouds = "cumulus"\n', r"options\.skies, options\.clouds: expected lists"),
        (SIMULATION + "season = 3\n", r"options\.season: expected text"),
        (SIMULATION + 'surface_level = "L3"\n', "unknown processing level 'L3'"),
        ('[[train]]\nkind = "reference"\nformat = "magic"\n', "format: expected one of pixbox"),
    ],
)
def test_what_cannot_end_well_is_not_begun(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, text: str
) -> None:
    path = write(tmp_path / "in", data)
    path.write_text(path.read_text("utf-8") + more, "utf-8")
    assert main(["train", str(path), "-o", str(tmp_path / "out"), "-q"]) == 2
    assert re.search(text, capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "init", "text"),
    [
        ("widths = [4, 6]", 'widths = [4, 6]\nfeatures = ["ndsi"]', "", "ndsi"),
        ("warmup = 2", "warmup = 2\nanchor = 0.5", "", r"schedule\.anchor mixes in"),
        ("warmup = 2", "warmup = 2", "no.pt", r"no\.pt: no such file"),
    ],
)
def test_a_net_or_a_start_that_cannot_be(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, init: str, text: str
) -> None:
    path = write(tmp_path / "in", data)
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    start = ["--init", str(tmp_path / init)] if init else []
    assert main(["train", str(path), "-o", str(tmp_path / "out"), "-q", *start]) == 2
    assert re.search(text, capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_an_int8_copy_without_complete_pixels_is_refused_before_training(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "in", data)
    text = path.read_text("utf-8").replace('"B08"]', '"B08", "B11"]')
    path.write_text(text + '[[exports]]\nname = "a"\nint8 = true\n', "utf-8")
    assert main(["train", str(path), "-o", str(tmp_path / "out"), "-q"]) == 2
    assert r"needs real pixels with B02, B03, B04, B08, B11" in capsys.readouterr().err
    assert not (tmp_path / "out" / "last.pt").exists()


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("kind", ["arrays", "simulation"])
def test_damaged_arrays_are_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str, kind: str
) -> None:
    shutil.copy(data / "a.npz", tmp_path / "b.npz")
    damage_npz(tmp_path / "b.npz", how)
    path = write(tmp_path / "in", data)
    more = {"arrays": "", "simulation": 'count = 1\nfiles = ["b.npz:x"]\n'}[kind]
    source = f'[[train]]\nkind = "{kind}"\npath = "{tmp_path.as_posix()}"\n{more}'
    path.write_text(path.read_text("utf-8") + source, "utf-8")
    assert main(["train", str(path), "-o", str(tmp_path / "out"), "-q"]) == 3
    assert "b.npz: cannot be read as .npz" in capsys.readouterr().err
    assert not (tmp_path / "out" / "pools").exists()


def test_a_damaged_patch_of_a_pool_is_named(data: Path, tmp_path: Path) -> None:
    path = write(tmp_path, data)
    path.write_text(path.read_text("utf-8") + '[[train]]\nkind = "simulation"\ncount = 1\n', "utf-8")
    recipe = load_recipe(path)
    open_source(recipe.train[1], recipe, tmp_path)
    (made,) = tmp_path.rglob("0.npz")
    damage_npz(made, "cut")
    with pytest.raises(InputError, match=r"0\.npz: a damaged patch .*delete it and --resume"):
        open_source(recipe.train[1], recipe, tmp_path).get(0)


def test_early_stopping(data: Path, tmp_path: Path) -> None:
    recipe = write(tmp_path, data, "patience = 1")
    text = (
        recipe.read_text("utf-8").replace("rate = 0.01", "rate = 1e-12").replace("epochs = 3", "epochs = 9")
    )
    recipe.write_text(text, "utf-8")
    assert main(["train", str(recipe), "-o", str(tmp_path / "out"), "-q"]) == 0
    assert len(curve(tmp_path / "out")) < 9


def test_export_with_fewer_bands_has_a_card_that_runs(run: Path, tmp_path: Path) -> None:
    path = export_model(
        load_checkpoint(run / "best.pt"), tmp_path / "m.onnx", keep=("B04", "B02"), name="two"
    )
    model = OnnxModel(path, device="cpu")
    assert (model.card.name, model.card.bands, model.card.opset) == ("two", ("B04", "B02"), 17)
    assert model.card.sha256
    (tmp_path / "m.json").unlink()
    assert OnnxModel(path, device="cpu").card.bands == ("B04", "B02")  # from the file's metadata
    with pytest.raises(UsageError, match="B11"):
        export_model(load_checkpoint(run / "best.pt"), tmp_path / "n.onnx", keep=("B11",))


def test_export_that_does_without_optional_bands(run: Path, tmp_path: Path) -> None:
    best = load_checkpoint(run / "best.pt")
    path = export_model(best, tmp_path / "m.onnx", optional=("B08",))
    batch = np.random.default_rng(0).standard_normal((1, 4, 32, 32)).astype(np.float32)
    batch[:, 3] = 0
    less = OnnxModel(path, device="cpu", bands=("B02", "B03", "B04"))
    assert less.card.bands == ("B02", "B03", "B04")
    told = less.predict(np.ascontiguousarray(batch[:, :3]))
    untold = OnnxModel(path, device="cpu").predict(batch)
    assert np.abs(told - untold).max() > 1e-3  # it matters that the net knows
    folded = export_model(best, tmp_path / "n.onnx", keep=("B02", "B03", "B04"))
    fewer = OnnxModel(folded, device="cpu").predict(np.ascontiguousarray(batch[:, :3]))
    assert np.allclose(told, fewer, atol=1e-4)


def test_exports_of_a_recipe(data: Path, tmp_path: Path) -> None:
    path = write(tmp_path, data)
    exports = (
        '[[exports]]\nname = "a"\nint8 = true\noptional = ["B08"]\n'
        '[[exports]]\nname = "b"\nbands = ["B04", "B02"]\nrank = 3\n'
    )
    path.write_text(path.read_text("utf-8") + exports, "utf-8")
    out = tmp_path / "out"
    assert main(["train", str(path), "-o", str(out), "-q"]) == 0
    int8 = OnnxModel(out / "a-int8.onnx", device="cpu").card
    assert (int8.bands, int8.optional) == (("B02", "B03", "B04", "B08"), ("B08",))
    card = OnnxModel(out / "b.onnx", device="cpu").card
    assert (card.bands, card.rank) == (("B04", "B02"), 3)


def test_a_finished_run_exports_again_with_another_operating_point(data: Path, tmp_path: Path) -> None:
    path, out = write(tmp_path, data), tmp_path / "out"
    text = path.read_text("utf-8")
    for offsets, resume in (("[0.0, 0.0, 0.0, 0.0]", []), ("[0.0, 0.0, 0.0, 50.0]", ["--resume"])):
        more = f'[[exports]]\nname = "a"\noffsets = {offsets}\nlimits = ["Night."]\n'
        version = '\nversion = "7.0.0"' if resume else ""
        path.write_text(text.replace('name = "tiny"', f'name = "tiny"{version}') + more, "utf-8")
        assert main(["train", str(path), "-o", str(out), "-q", *resume]) == 0
    assert len(curve(out)) == 3  # no more training
    assert "50.0" in (out / "recipe.toml").read_text("utf-8")
    assert json.loads((out / "recipe.json").read_text("utf-8"))["exports"][0]["offsets"][3] == 50
    batch = np.random.default_rng(0).standard_normal((1, 4, 32, 32)).astype(np.float32)
    assert (OnnxModel(out / "a.onnx", device="cpu").predict(batch).argmax(1) == 3).all()
    card = json.loads((out / "a.json").read_text("utf-8"))
    assert (card["limits"], card["version"]) == (["Night."], "7.0.0")
    assert card["source"].endswith(f"epoch {load_checkpoint(out / 'best.pt').data['epoch']}")
    dice = card["scores"]["validation_dice"]  # of the exported net, which calls everything cloud
    assert dice["clear"] == 0
    assert dice["cloud"] > 0


def test_without_anything_to_choose_by_the_last_epoch_is_taken(data: Path, tmp_path: Path) -> None:
    path = write(tmp_path, data)
    text = path.read_text("utf-8")
    path.write_text(text[: text.index("[[validation]]")], "utf-8")
    out = tmp_path / "out"
    assert main(["train", str(path), "-o", str(out), "-q"]) == 0
    assert load_checkpoint(out / "best.pt").data["epoch"] == 3
    assert "NaN" not in (out / "metrics.json").read_text("utf-8")
    assert json.loads((out / "tiny.json").read_text("utf-8"))["scores"]["validation_dice"]["clear"] is None


def test_int8_agrees_mostly_and_is_int8(run: Path, tmp_path: Path, data: Path) -> None:
    import onnx

    full = tmp_path / "tiny.onnx"
    for name in ("tiny.onnx", "tiny.json"):
        shutil.copy(run / name, tmp_path / name)
    card = OnnxModel(full, device="cpu").card
    with np.load(data / "a.npz") as held:
        tiles = [card.input.normalise(x.transpose(2, 0, 1).copy()) for x in held["x"]]
    agreement = quantise(full, tmp_path / "fast.onnx", tiles[:2], tiles[2:])
    assert agreement > 0.9
    graph = onnx.load(str(tmp_path / "fast.onnx")).graph
    assert any(i.data_type == onnx.TensorProto.INT8 for i in graph.initializer)
    assert OnnxModel(tmp_path / "fast.onnx", device="cpu").card.name == "tiny-int8"
    with pytest.raises(UsageError, match="found 3 and 0"):
        quantise(full, tmp_path / "none.onnx", tiles, [])


def test_pool_continues_where_it_stopped(tmp_path: Path, data: Path) -> None:
    path = write(tmp_path, data)
    text = path.read_text("utf-8").replace(
        f'[[train]]\nkind = "arrays"\npath = "{data.as_posix()}"',
        '[[train]]\nkind = "simulation"\ncount = 3\nseed = 5',
    )
    path.write_text(text, "utf-8")
    recipe = load_recipe(path)
    seen: list[tuple[int, int]] = []
    pool = simulated_pool(
        tmp_path, recipe, recipe.train[0], workers=1, progress=lambda done, total: seen.append((done, total))
    )
    first = pool.get(1)
    pool.path(6).unlink()
    again = simulated_pool(
        tmp_path, recipe, recipe.train[0], workers=1, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 3), (2, 3), (3, 3), (3, 3)]
    assert np.array_equal(first.values, again.get(1).values, equal_nan=True)
    assert len({tuple(pool.get(i).labels.ravel()[:999]) for i in range(3)}) > 1
    assert pool_folder(tmp_path, recipe, recipe.train[0]) == pool.folder


def test_not_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(b"no")
    with pytest.raises(InputError, match=r"expected a checkpoint .*a file that is damaged"):
        load_checkpoint(path)
    torch.save(torch.zeros(3), path)
    with pytest.raises(InputError, match=r"expected a checkpoint .*a Tensor"):
        load_checkpoint(path)
    with pytest.raises(UsageError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "y.pt")


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("average", None, "no key 'average', weights by name"),
        ("net", [1.0], "key 'net': a list, not weights by name"),
        ("epoch", "3", "key 'epoch': a str, not a whole number"),
        ("history", {}, "key 'history': a dict, not a list"),
        ("average", {}, r"key 'average': \S+ is missing"),
        ("average", {"more": torch.zeros(1)}, "key 'average': more is no part of the net"),
        ("average", {"head.bias": 3}, "head.bias is int, not a tensor"),
        ("net", {"head.bias": torch.zeros(3)}, r"head.bias is torch.float32 \[3\], not torch.float32 \[16\]"),
        ("net", {"head.bias": torch.zeros(16).double()}, r"head.bias is torch.float64 \[16\]"),
        ("normalisation", ["sqrt", (0.1,), (1.0,)], "not 4 means and as many deviations above 0"),
        ("normalisation", ["sqrt", (0.1,) * 4, (0.0,) * 4], "not 4 means"),
        ("normalisation", ["sqrt", ("a",) * 4, (1.0,) * 4], "not 4 means"),
        ("normalisation", ["none", (0.1,) * 4, (1.0,) * 4], "transform 'none' is not its recipe's"),
    ],
)
def test_what_a_checkpoint_lacks_is_named(
    run: Path, tmp_path: Path, key: str, value: object, text: str
) -> None:
    data = torch.load(run / "best.pt", weights_only=True)
    if value is None:
        del data[key]
    else:
        data[key] = {**data[key], **value} if isinstance(value, dict) and value else value
    torch.save(data, tmp_path / "x.pt")
    with pytest.raises(InputError, match=r"x\.pt: expected a checkpoint of 'cloudmask train'.*" + text):
        load_checkpoint(tmp_path / "x.pt")


def test_a_run_with_the_states_of_another_optimiser_is_not_resumed(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(run, out)
    data = torch.load(out / "last.pt", weights_only=True)
    torch.save({**data, "optimiser": []}, out / "last.pt")
    assert main(["train", str(out / "recipe.toml"), "-o", str(out), "-q", "--resume"]) == 3
    assert "last.pt: key 'optimiser': expected the states of adamw" in capsys.readouterr().err


def test_what_cannot_be_written_leaves_what_was_there_and_nothing_else(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx

    for name in ("best.pt", "tiny.onnx", "tiny.json"):
        shutil.copy(run / name, tmp_path / name)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    best = load_checkpoint(tmp_path / "best.pt")
    card = json.loads(before["tiny.json"])

    def half(_: object, path: object, *__: object, **___: object) -> None:
        Path(str(path)).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    def full(_: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("PytorchStreamWriter failed writing file")

    for fail in (half, full):
        monkeypatch.setattr(torch, "save", fail)
        with pytest.raises(OutputError, match=r"best\.pt: cannot"):
            save_checkpoint(tmp_path / "best.pt", best.recipe, best.normalisation, {})
    monkeypatch.setattr(onnx, "save", half)
    with pytest.raises(OutputError, match=r"tiny\.onnx: cannot be written: No space"):
        finish(tmp_path / "tiny.onnx", card)
    with pytest.raises(ModelError, match="key 'bands'"):
        finish(tmp_path / "tiny.onnx", {**card, "bands": 3})
    monkeypatch.setattr(torch.onnx, "export", lambda net, _, path, **__: half(net, path))
    with pytest.raises(OutputError, match=r"tiny\.onnx: cannot be written: No space"):
        export_model(best, tmp_path / "tiny.onnx")
    monkeypatch.undo()
    monkeypatch.setattr(export, "_TOLERANCE", -1.0)
    with pytest.raises(ModelError, match=r"^tiny\.onnx: ONNX Runtime and PyTorch differ by"):
        export_model(best, tmp_path / "tiny.onnx")
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", half)
    with pytest.raises(OutputError, match=r"curves\.png: cannot be written: No space"):
        draw_curves(best.data["history"], tmp_path / "curves.png")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_teacher_is_asked_only_where_it_is_right(run: Path) -> None:
    rng = np.random.default_rng(1)
    bands = ("B02", "B03", "B04", "B08", "B11")
    values = rng.uniform(0.05, 0.6, (5, 64, 64)).astype(np.float32)
    values[4] = np.nan
    gap = values.copy()
    gap[:, :9] = np.nan
    unknown = np.full((64, 64), 255, np.uint8)
    samples = [
        Sample("right", values, unknown, 20.0),
        Sample("too fine", values, unknown, 10.0),
        Sample("clear", values, np.zeros_like(unknown), 20.0),
        Sample("clear with a gap", gap, np.where(np.isnan(gap).all(0), 255, 0).astype(np.uint8), 20.0),
        Sample("lacks a band", np.where(np.arange(5)[:, None, None] == 1, np.nan, values), unknown, 20.0),
    ]
    model = str(run / "tiny.onnx")
    teachers = (TeacherSpec(model, gsd=60.0, weight=0.9), TeacherSpec(model, gsd=30.0, weight=0.2))
    right, *others = add_soft_labels(samples, bands, "L1C", teachers)
    assert right.soft is not None
    assert np.allclose(right.soft.sum(0), 1, atol=1e-4)
    assert right.trust == 0.2
    assert [s.soft is None for s in others] == [True] * 4
    # At 30 m, which no mask of a product has, it can be asked as well.
    assert add_soft_labels([Sample("30 m", values, unknown, 30.0)], bands, "L1C", teachers)[0].trust == 0.2


def test_classes_that_a_teacher_lacks_are_merged() -> None:
    clear, shadow, thin, cloud = SURFACE_CLASSES
    assert class_groups((clear, cloud, shadow)) == (0, 1, 3, 3)
    assert class_groups((clear, cloud)) == (0, 0, 3, 3)
    assert class_groups((thin, cloud, clear, shadow)) == (0, 1, 2, 3)


def test_soft_labels_reach_the_batches(run: Path, data: Path, tmp_path: Path) -> None:
    path = write(tmp_path, data)
    teacher = f'[[teachers]]\nmodel = "{(run / "tiny.onnx").as_posix()}"\ngsd = 20.0\n'
    path.write_text(path.read_text("utf-8") + teacher, "utf-8")
    recipe = load_recipe(path)
    samples = open_source(recipe.train[0], recipe, tmp_path)
    batches = Batches(recipe, [(1.0, samples)])
    batches.normalisation = batches.statistics()
    batch, again = batches.batch(7), batches.batch(7)
    assert batch.soft is not None
    assert batch.soft.shape == (4, 4, 32, 32)
    assert torch.equal(batch.values, again.values)
    assert not torch.equal(batch.values, batches.batch(8).values)
    drawn = [batches.batch(step) for step in range(8)]
    assert 0 < sum(float(b.absent.mean()) for b in drawn) < 4
    assert all(not b.values[b.absent.bool()].any() for b in drawn)


def test_with_consistency_a_batch_shows_each_patch_twice(data: Path, tmp_path: Path) -> None:
    path = write(tmp_path, data)
    path.write_text(path.read_text("utf-8") + "[loss]\nconsistency = 1.0\n", "utf-8")
    recipe = load_recipe(path)
    assert recipe.loss.consistency == 1.0
    batches = Batches(recipe, [(1.0, open_source(recipe.train[0], recipe, tmp_path))])
    batches.normalisation = batches.statistics()
    batch = batches.batch(3)
    half = len(batch.values) // 2
    assert torch.equal(batch.labels[:half], batch.labels[half:])
    assert torch.equal(batch.absent[:half], batch.absent[half:])
    changed = (batch.values[:half] != batch.values[half:]).any(dim=3).any(dim=2).any(dim=0)
    names = [name for name, there in zip(recipe.bands, changed, strict=True) if there]
    assert names
    assert set(names) <= {"B02", "B03", "B04", "B08"}, "bands of 20 m and more need no resampling"
