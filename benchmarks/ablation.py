"""What each ingredient of training is worth: short runs that differ in one thing, and a table of scores.

    python benchmarks/ablation.py -o runs/ablation [--cache POOLS] [--bands MODEL.onnx]

Runs every recipe of ``recipes/ablation`` that has not been run in that folder yet, and writes
``docs/records/ablation.json`` and the table of docs/training.md. The last epoch is scored, so that no run is
favoured by choosing. ``--bands`` adds what a finished model is worth with fewer bands;
with ``--bands-only`` the runs stay those of the record.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scores import write_between

from cloudmask.atomic import write_text
from cloudmask.bands import LEVEL_BANDS
from cloudmask.catalog import load_model
from cloudmask.classes import SURFACE_CLASSES, CloudClass
from cloudmask.metrics import confusion
from cloudmask.train.pool import PatchSet, simulated_pool
from cloudmask.train.recipe_file import load_recipe
from cloudmask.train.sample import codes_from_labels
from cloudmask.train.scoring import scores_from

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "recipes" / "ablation"
RECORD = ROOT / "docs" / "records" / "ablation.json"
GUIDE = ROOT / "docs" / "training.md"
BEGIN, END = "<!-- ablation -->", "<!-- /ablation -->"
BAND_SETS: Mapping[str, Sequence[str]] = {
    "all 13": LEVEL_BANDS["L1C"],
    "without B10": tuple(b for b in LEVEL_BANDS["L1C"] if b != "B10"),
    "10 and 20 m": ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"),
    **{
        names: tuple(names.split())
        for names in (
            "B02 B03 B04 B08 B10 B11 B12",
            "B02 B03 B04 B08 B8A B09 B11",
            "B02 B03 B04 B08 B11 B12",
            "B02 B03 B04 B08 B11",
        )
    },
}
Row = dict[str, Any]


def run(recipe: Path, folder: Path, cache: Path) -> Row:
    """Scores of a run, which is done first if its folder has none."""
    metrics = folder / "metrics.json"
    if not list(folder.glob("*.onnx")):  # what a run writes last
        command = [sys.executable, "-m", "cloudmask", "train", str(recipe), "-o", str(folder)]
        subprocess.run([*command, "--cache", str(cache), "--workers", "2"], check=True, cwd=ROOT)
    last = json.loads(metrics.read_text("utf-8"))[-1]
    false = [s["false"] for s in last["scenes"] if "false" in s]
    draft = [s["scores"] for s in last["scenes"] if "scores" in s]
    what = recipe.read_text("utf-8").splitlines()[0].lstrip("# ")
    return {
        "run": recipe.stem,
        "what": what,
        "steps": last["step"],
        **{c.key: last["validation"][c.key] for c in SURFACE_CLASSES},
        "false": float(np.mean(false)),
        "draft_shadow": _mean([s[CloudClass.CLOUD_SHADOW.key] for s in draft]),
        "draft_cloud": _mean([s[CloudClass.CLOUD.key] for s in draft]),
    }


def _mean(values: Sequence[float | None]) -> float:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else math.nan


def bands_row(model: str, name: str, patches: PatchSet, every: Sequence[str]) -> Row:
    """Dice of a finished model on the validation patches with some bands only."""
    bands = BAND_SETS[name]
    loaded = load_model(model, level="L1C", bands=bands, device="cpu")
    places = [every.index(b) for b in loaded.card.bands]
    codes = np.array([int(c) for c in loaded.card.classes], np.uint8)
    matrix = np.zeros((len(CloudClass), len(CloudClass)), np.int64)
    for i in range(len(patches)):
        sample = patches.get(i)
        batch = loaded.card.input.normalise(sample.values[places].astype(np.float32))[None]
        found = codes[loaded.predict(batch)[0].argmax(0)]
        matrix += confusion(codes_from_labels(sample.labels), found)
    scores = scores_from(matrix)
    return {"bands": name, **{c.key: scores[c.key] for c in SURFACE_CLASSES}}


def table(rows: Sequence[Row], columns: Mapping[str, str]) -> str:
    """Markdown; numbers in per cent."""
    lines = [f"| {' | '.join(columns.values())} |", f"|{' --- |' * len(columns)}"]
    for row in rows:
        cells = [v if isinstance(v := row[c], str) else f"{100 * v:.1f}" for c in columns]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run, write the record, rewrite the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="pools of simulated patches, by default in the folder")
    parser.add_argument("--bands", default="cloudmask-l1c", help="model to score with fewer bands")
    parser.add_argument("--bands-only", action="store_true", help="take the runs from the record")
    arguments = parser.parse_args()
    cache = arguments.cache or arguments.output / "pools"
    names = ["reference", *sorted(p.stem for p in RECIPES.glob("*.toml") if p.stem != "reference")]
    if arguments.bands_only:
        runs = json.loads(RECORD.read_text("utf-8"))["runs"]
    else:
        runs = [run(RECIPES / f"{n}.toml", arguments.output / n, cache) for n in names]

    recipe = load_recipe(RECIPES / "reference.toml")
    patches = simulated_pool(cache, recipe, recipe.validation[0], workers=2)
    bands = [bands_row(arguments.bands, name, patches, recipe.bands) for name in BAND_SETS]

    write_text(RECORD, json.dumps({"runs": runs, "bands": bands}, indent=1) + "\n", overwrite=True)
    dice = {
        "clear": "clear",
        "cloud_shadow": "shadow",
        "semi_transparent_cloud": "thin",
        "cloud": "cloud",
    }
    training = table(
        runs,
        {
            "run": "run",
            "what": "what is different",
            **dice,
            "false": "false alarms, clear scenes",
            "draft_shadow": "draft shadow",
            "draft_cloud": "draft cloud",
        },
    )
    text = (
        f"{training}\n\nThe model `{arguments.bands}` with the bands named, on the same "
        f"simulated patches:\n\n{table(bands, {'bands': 'bands', **dice})}"
    )
    write_between(GUIDE, BEGIN, END, text)
    print(text)


if __name__ == "__main__":
    main()
