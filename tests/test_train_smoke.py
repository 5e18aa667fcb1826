"""The whole chain: simulate, train a tiny net, export, mask, and beat what no constant can reach."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra: pip install '.[train,cpu]'")
pytest.importorskip("onnxruntime")

from cloudmask import mask_array
from cloudmask.classes import SURFACE_CLASSES
from cloudmask.cli import main
from cloudmask.metrics import confusion, dice
from cloudmask.simulate.scene import simulate_scene
from cloudmask.simulate.spec import SceneSpec

RECIPE = Path(__file__).parent.parent / "recipes" / "smoke.toml"
FLOOR = 0.55
"""A mask that calls everything one class has a mean Dice under 0.25: three of the four are 0."""


@pytest.mark.slow
def test_smoke_recipe_beats_every_constant(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["train", str(RECIPE), "-o", str(run), "--workers", "2", "--threads", "2", "-q"]) == 0
    for name in ("recipe.toml", "recipe.json", "versions.json", "metrics.json", "curves.png", "smoke.json"):
        assert (run / name).stat().st_size > 0, name
    history = json.loads((run / "metrics.json").read_text("utf-8"))
    assert history[-1]["loss"] < history[0]["loss"]

    matrix = np.zeros((6, 6), np.int64)
    for seed in range(700000, 700012):
        scene = simulate_scene(SceneSpec(seed, "L1C", 128, 20.0))
        found = mask_array(
            scene.reflectance, scene.bands, gsd=20.0, level="L1C", model=str(run / "smoke.onnx")
        )
        matrix += confusion(scene.classes, found.classes)
    codes = [int(c) for c in SURFACE_CLASSES]
    four = matrix[np.ix_(codes, codes)]
    share = four.sum(1) / four.sum()
    constant = max(2 * p / (1 + p) for p in share) / len(codes)
    assert constant < 0.25 < FLOOR
    assert np.nanmean(dice(four)) > FLOOR
