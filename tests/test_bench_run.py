"""The benchmark as a whole, on a tiny network and few pixels."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from helpers_models import write_model

from cloudmask.bench import peak
from cloudmask.bench.contenders import agreement, line_up, race
from cloudmask.bench.pixels import Pixels, benchmark_pixels
from cloudmask.bench.product import measure_product
from cloudmask.bench.tasks import run_task
from cloudmask.cli import main
from cloudmask.errors import InputError, ModelError, UsageError

BANDS = ("B02", "B03", "B04", "B08")


@pytest.fixture
def pixels(tmp_path):
    values = np.random.default_rng(0).random((4, 96, 96)).astype(np.float32)
    np.save(tmp_path / "pixels.npy", values)
    return Pixels(tmp_path / "pixels.npy", BANDS, "L1C", 96, "noise")


def line(pixels, models=(), against=(), devices=("cpu",), threads=(1,)):
    return line_up(pixels, models=models, against=against, devices=devices, threads=threads)


def test_pixels_travel_between_processes(pixels):
    assert Pixels.from_json(pixels.to_json()) == pixels
    assert pixels.load().shape == (4, 96, 96)


def test_simulated_pixels_are_the_same_every_time():
    with benchmark_pixels(64, None, 1) as one, benchmark_pixels(64, None, 1) as two:
        first, second = one.load(), two.load()
        assert first.shape == (13, 64, 64)
        np.testing.assert_array_equal(first, second)
        folder = one.path.parent
    assert not folder.exists()


def test_pixels_from_a_product(safe):
    with benchmark_pixels(48, safe, 1) as pixels:
        values = pixels.load()
        assert values.shape == (13, 48, 48)
        assert np.nanmax(values) > 0.1
    with pytest.raises(UsageError, match="has 120 x 120 px at 20 m"), benchmark_pixels(121, safe, 1):
        pass


def test_line_up_of_own(pixels, tiny):
    names = [c.name for c in line(pixels, models=[str(tiny)], threads=(1, 2))]
    assert names == [f"cloudmask:{tiny}, 1 threads", f"cloudmask:{tiny}, 2 threads"]
    (one,) = line(pixels, models=[str(tiny)])
    assert (one.gsd, one.own, one.model) == (20, True, str(tiny))


def test_line_up_against_ukis(pixels, tiny):
    pytest.importorskip("ukis_csmask", reason="ukis-csmask is not installed")
    six = Pixels(pixels.path, (*BANDS, "B11", "B12"), "L1C", 96, "noise")
    found = line(six, models=[str(tiny)], against=["ukis-csmask@20"])
    # Ours with the same weights joins in, and the other keeps the spacing asked for.
    assert [c.mask for c in found] == [
        f"cloudmask:{tiny}", "cloudmask:dlr-unet-6b-l1c", "ukis-csmask@20"
    ]  # fmt: skip
    assert found[-1].gsd == 20


def test_line_up_refuses(pixels, tiny):
    with pytest.raises(UsageError, match="--against: expected ukis-csmask or s2cloudless"):
        line(pixels, models=[str(tiny)], against=["fmask"])
    with pytest.raises(ModelError, match="no model 'absent'"):
        line(pixels, models=["absent"])


def test_race(pixels, tmp_path):
    # One answers with its bands, the other always with the last class.
    models = [write_model(tmp_path / "a", "a"), write_model(tmp_path / "b", "b", kind="constant")]
    contenders = line(pixels, models=[str(m) for m in models])
    said: list[str] = []
    results = race(contenders, pixels, 2, tmp_path, said.append)
    order = [text.rpartition("/")[2] for text in said]
    assert order == ["a.onnx", "b.onnx"] * 2
    for rounds in results.values():
        assert [r["pixels"] for r in rounds] == [96 * 96] * 2
        assert all(0 < r["seconds"] < r["wall_seconds"] for r in rounds)
        assert all(r["peak_mib"] > 20 for r in rounds)
    share = np.mean(pixels.load().argmax(axis=0) == 3)
    assert agreement(contenders, tmp_path, 0, 1) == pytest.approx(share)
    assert agreement(contenders, tmp_path, 0, 0) == 1


def test_peak_memory_is_the_tasks_own():
    held = np.ones((300, 2**20), np.uint8)  # 300 MiB in this process
    found = run_task("multiply", threads=1, precision="int8")
    assert held.all()
    assert found["peak_mib"] < 290
    assert found["macs_per_second"] > 1e8


def test_bfloat16_is_not_multiplied_where_it_takes_minutes(monkeypatch):
    monkeypatch.setattr(peak, "has_bfloat16", lambda: False)
    assert peak.multiply("bf16", 1) == {"missing": "not multiplied by this processor, as far as is known"}


def test_a_failed_task_says_why(pixels, tiny):
    with pytest.raises(ModelError, match="measuring 'infer' failed: no model 'absent'"):
        run_task("infer", threads=1, model="absent", rows=9, cols=9, tile_size=None, device="cpu", most=1)
    with pytest.raises(UsageError, match="precision: expected one of"):
        run_task("multiply", threads=1, precision="fp8")
    pytest.importorskip("s2cloudless", reason="the peer is an extra: pip install '.[bench]'")
    with pytest.raises(InputError, match=r"measuring .contend. failed: .*lacks"):
        run_task(
            "contend", threads=1, mask="s2cloudless@60", gsd=60, size=96, device="cpu",
            pixels=pixels.to_json(), classes=None,
        )  # fmt: skip


def test_infer_scales_what_it_did_not_run(tiny):
    found = run_task(
        "infer", threads=1, model=str(tiny), rows=200, cols=100, tile_size=None, device="cpu", most=2
    )
    # Tiles of 64 px with a margin of 8: steps of 48, so 4 by 2 of them.
    assert (found["tiles"], found["tile"], found["measured_tiles"]) == (8, 64, 2)
    assert found["tiled_pixels"] == 8 * 64**2


def test_product(safe, tiny):
    times = measure_product(safe, model=str(tiny), resolution=20, device="cpu", threads=1, rounds=1)
    assert times.shape == (120, 120)
    stages = times.rounds["total"][0]["stages"]
    assert stages["write"] > 0
    assert stages["load_work"] > 0
    assert times.rounds["decode"][0]["samples"] == 4 * 120**2
    assert times.rounds["infer"][0]["tiles"] == 9
    assert times.over(sum).median > 1


def test_command(safe, tiny, capfd):
    call = ["bench", str(safe), "--model", str(tiny), "--size", "64", "--rounds", "1", "--device", "cpu"]
    assert main([*call, "--size", "256", "--json"]) == 2  # the product has 120 pixels only
    assert "choose less" in capfd.readouterr().err
    assert main(["bench", "--threads", "two"]) == 2
    assert "--threads: expected whole numbers" in capfd.readouterr().err


def test_command_on_simulated_pixels(tiny):
    call = [
        sys.executable,
        "-m",
        "cloudmask",
        "bench",
        "--model",
        str(tiny),
        "--size",
        "256",
        "--rounds",
        "1",
    ]
    done = subprocess.run(
        [*call, "--threads", "1", "--json", "-q"], capture_output=True, text=True, check=True
    )
    data = json.loads(done.stdout)
    assert data["masks"][0]["name"] == f"cloudmask:{tiny}"
    assert data["limits"]["macs_per_pixel"] == 16
    assert data["ratios"] == []
    assert done.stderr == ""
