"""README's table of scores is made of results files and nothing else."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import cloudmask
from cloudmask.bands import LEVEL_BANDS
from cloudmask.card import load_card
from cloudmask.catalog import choose

ROOT = Path(__file__).parents[1]
MODELS = Path(cloudmask.__file__).parent / "models"
SCRIPT = ROOT / "benchmarks" / "scores.py"


def run(readme: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--table-only", "--readme", str(readme)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_table_replaces_what_is_between_the_markers(tmp_path):
    if not list((ROOT / "benchmarks" / "results").glob("*.json")):
        pytest.skip("no results yet: python benchmarks/scores.py makes them")
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- scores -->\nstale 99.9\n<!-- /scores -->\nafter\n", "utf-8")
    done = run(readme)
    assert done.returncode == 0, done.stderr
    text = readme.read_text("utf-8")
    assert text.startswith("before\n<!-- scores -->\n")
    assert text.endswith("\n<!-- /scores -->\nafter\n")
    assert "stale" not in text
    assert "Not measured yet" in text
    assert "PixBox" in text
    rows = [line for line in text.splitlines() if line.startswith("| cloudmask")]
    assert rows
    assert all(
        any(f"| {kind} |" in row for kind in ("human", "simulated", "draft", "clear by eye")) for row in rows
    )
    assert run(readme).returncode == 0
    assert readme.read_text("utf-8") == text


def test_every_model_that_comes_with_the_package_has_a_row():
    spec = importlib.util.spec_from_file_location("scores", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    scores = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scores)
    listed = scores.masks().split(",")
    default = choose("L1C", LEVEL_BANDS["L1C"]).card.name
    cards = [load_card(p) for p in MODELS.glob("*.json")]
    others = {c.name for c in cards if c.level == "L1C"} - {default}
    assert "cloudmask-l1c" in others | {default}
    assert sorted(listed) == sorted(
        ["cloudmask", *(f"cloudmask:{name}" for name in others), "ukis-csmask", "s2cloudless"]
    )


def test_a_readme_without_markers_is_left_alone(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("no markers\n", "utf-8")
    done = run(readme)
    assert done.returncode != 0
    assert "<!-- scores -->" in done.stderr
    assert readme.read_text("utf-8") == "no markers\n"
