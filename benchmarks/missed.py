"""Which shadow and thin cloud a model misses, by what the simulation knows of each pixel.

    python benchmarks/missed.py MODEL [MODEL ...] [--recipe recipes/l1c.toml]

Simulates the frozen validation patches of a recipe, masks them, and prints Dice, the same under stricter
definitions of the classes and with the mask moved (one that lies right loses either way), and what share of
the pixels of a class is found (recall), by kind of sky, light on the ground, contrast of light within 500 m,
distance to clear ground, brightness of the ground and reflectance of the cloud.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cloudmask import mask_array
from cloudmask.classes import SURFACE_CLASSES, CloudClass
from cloudmask.metrics import confusion, dice
from cloudmask.simulate.conditions import draw_conditions
from cloudmask.simulate.landcover import draw_surface
from cloudmask.simulate.render import Stage
from cloudmask.train.pool import jobs_of
from cloudmask.train.recipe import Recipe
from cloudmask.train.recipe_file import load_recipe
from cloudmask.train.sample import bands_there, codes_from_labels
from cloudmask.train.simulation import Job, draw_patch, simulate_patch

SHADOW, THIN, CLOUD = CloudClass.CLOUD_SHADOW, CloudClass.SEMI_TRANSPARENT_CLOUD, CloudClass.CLOUD
NEAR = 25
"""Pixels; 500 m at 20 m."""
Patch = dict[str, Any]


def look(job: Job) -> Patch:
    """A patch with what the simulation knows of it."""
    spec, surface = draw_patch(job)
    conditions = draw_conditions(spec)
    shape = (spec.size, spec.size)
    given = surface is not None
    if surface is None:
        surface = draw_surface(spec.seed, shape, spec.gsd, conditions.season, conditions.geometry, spec.biome)
    stage = Stage(spec, conditions, surface)
    sample = simulate_patch(job)
    light = stage.illumination("B8A")
    smooth = ndimage.gaussian_filter(light, 1)
    there = np.flatnonzero(bands_there(sample.values))
    return {
        "values": sample.values[there],
        "bands": [job.bands[i] for i in there],
        "truth": codes_from_labels(sample.labels),
        "sky": " + ".join(p.kind for p in conditions.layers) or "clear",
        "given": given,
        "light": light,
        "nearby": light / ndimage.maximum_filter(smooth, 2 * NEAR + 1, mode="nearest"),
        "away": ndimage.distance_transform_edt(sample.labels != 0),
        "ground": surface.band("B8A"),
        "cloud": stage.contribution(),
        "contrast": stage.contrast(),
    }


def patches(recipe: Recipe) -> Iterator[Patch]:
    """All patches of the recipe's validation."""
    for spec in recipe.validation:
        if spec.kind == "simulation":
            yield from (look(job) for job in jobs_of(recipe, spec))


def table(patches: Iterable[Patch], truth: Callable[[Patch], npt.NDArray[np.uint8]]) -> npt.NDArray[Any]:
    """Confusion of the four classes over patches."""
    size = len(CloudClass)
    matrix = np.zeros((size, size), np.int64)
    for patch in patches:
        matrix += confusion(truth(patch), patch["found"])
    codes = [int(c) for c in SURFACE_CLASSES]
    four: npt.NDArray[Any] = matrix[np.ix_(codes, codes)]
    return four


def without(rule: Callable[[Patch], npt.NDArray[np.bool_]]) -> Callable[[Patch], npt.NDArray[np.uint8]]:
    """Truth in which the pixels of a rule are undefined."""

    def truth(patch: Patch) -> npt.NDArray[np.uint8]:
        out: npt.NDArray[np.uint8] = np.where(rule(patch), np.uint8(CloudClass.UNDEFINED), patch["truth"])
        return out

    return truth


DEFINITIONS: dict[str, Callable[[Patch], npt.NDArray[np.bool_]]] = {
    "as in docs/simulator.md": lambda p: np.zeros(p["truth"].shape, bool),
    "shadow only under .70 of the light": lambda p: (p["truth"] == SHADOW) & (p["light"] > 0.70),
    "shadow only where .70 of the light within 500 m, or less": lambda p: (
        (p["truth"] == SHADOW) & (p["nearby"] > 0.70)
    ),
    "neither shadow nor clear over ground darker than .05": lambda p: (
        ((p["truth"] == SHADOW) | (p["truth"] == CloudClass.CLEAR)) & (p["ground"] < 0.05)
    ),
    "contrast of .33 to .47 undefined": lambda p: (
        ((p["truth"] == THIN) | (p["truth"] == CLOUD)) & (p["contrast"] > 0.33) & (p["contrast"] < 0.47)
    ),
}
STEPS: tuple[tuple[CloudClass, str, str, tuple[float, ...]], ...] = (
    (SHADOW, "light", "shadow by light on the ground", (0, 0.3, 0.5, 0.6, 0.7, 0.8)),
    (
        SHADOW,
        "nearby",
        "shadow by light against the brightest within 500 m",
        (0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 2),
    ),
    (SHADOW, "away", "shadow by pixels to the next clear ground", (0, 5, 15, 30, 60, 105, 1000)),
    (SHADOW, "ground", "shadow by B8A of the ground", (-1, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 2)),
    (THIN, "cloud", "thin by B02 of the cloud", (0.05, 0.06, 0.08, 0.12, 0.2, 0.3)),
    (THIN, "contrast", "thin by contrast that passes", (0.4, 0.45, 0.5, 0.6, 0.8, 1)),
    (CLOUD, "contrast", "cloud by contrast that passes", (0, 0.1, 0.2, 0.3, 0.35, 0.4)),
)
GROUNDS = (("real", True), ("procedural", False))


def scores(matrix: npt.NDArray[Any]) -> str:
    """Dice of the four classes as cells of a table."""
    return " | ".join(f"{100 * v:.1f}" for v in dice(matrix))


def moved(patch: Patch, step: int) -> Patch:
    """The patch with its mask moved by `step` pixels down and right, without the border."""
    inner = np.s_[4:-4, 4:-4]
    return {"truth": patch["truth"][inner], "found": np.roll(patch["found"], (step, step), (0, 1))[inner]}


def report(seen: list[Patch]) -> None:
    """Print everything about one model."""
    print("\n| Dice | clear | shadow | thin | cloud |\n| --- | --- | --- | --- | --- |")
    for name, rule in DEFINITIONS.items():
        print(f"| {name} | {scores(table(seen, without(rule)))} |")
    for step, where in ((-1, "up and left"), (1, "down and right")):
        part = [moved(p, step) for p in seen]
        print(f"| mask moved by a pixel {where} | {scores(table(part, lambda p: p['truth']))} |")
    parts = {f"over {w} ground": [p for p in seen if p["given"] is g] for w, g in GROUNDS}
    for sky in sorted({p["sky"] for p in seen}):
        parts[sky] = [p for p in seen if p["sky"] == sky]
    for name, part in parts.items():
        print(f"| {name} | {scores(table(part, lambda p: p['truth']))} |")
    for kind, key, title, steps in STEPS:
        print(f"\n| {title} | found, % | of pixels, k |\n| --- | --- | --- |")
        for low, high in pairwise(steps):
            inside = [(p["truth"] == kind) & (p[key] >= low) & (p[key] < high) for p in seen]
            number = sum(int(k.sum()) for k in inside)
            hit = sum(int((p["found"][k] == kind).sum()) for p, k in zip(seen, inside, strict=True))
            print(f"| {low:g} to {high:g} | {100 * hit / max(1, number):.0f} | {number // 1000} |")


def main() -> None:
    """Simulate once, mask with each model, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/l1c.toml"))
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    recipe = load_recipe(arguments.recipe)
    os.chdir(Path(__file__).resolve().parents[1])  # paths in recipes are relative to the project
    seen = list(patches(recipe))
    for model in arguments.models:
        for patch in seen:
            patch["found"] = mask_array(
                patch["values"], patch["bands"], gsd=recipe.gsd, level=recipe.level, model=model
            ).classes
        print(f"\n{model}")
        report(seen)


if __name__ == "__main__":
    main()
