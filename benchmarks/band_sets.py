"""How badly a model can fail with a set of bands that nobody chose: random sets on clear scenes.

    python benchmarks/band_sets.py MODEL [MODEL ...] [--sets 40] [--seed 0] [--level L1C|L2A]

Masks the clear scenes that training does not see (docs/training.md, kept-apart and development ones, at 20 m)
with random sets of bands: those that the first model cannot do without, and of the others as many as it
happens. Prints of each set the scene of which most is called something else, and how these worst shares are
distributed over all sets and over those with each of the optional bands. All models get the same sets.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from kept_apart import classes, load, scores

from cloudmask.bands import Level
from cloudmask.catalog import load_model
from cloudmask.train.sample import Sample

Bands = tuple[str, ...]


@dataclass(frozen=True)
class Worst:
    """The scene of which a model calls most something else with these bands, and the share of it."""

    bands: Bands
    scene: str
    share: float


def draw_sets(bands: Sequence[str], required: Sequence[str], count: int, seed: int) -> list[Bands]:
    """Different sets, `count` or as many as there are: the required bands and a uniform number of others."""
    rng = np.random.default_rng(seed)
    others = [b for b in bands if b not in required]
    out: dict[Bands, None] = {}
    while len(out) < min(count, 2 ** len(others)):
        number = int(rng.integers(len(others) + 1))
        more = rng.permutation(others)[:number].tolist()
        out[tuple(b for b in bands if b in required or b in more)] = None
    return list(out)


def clear_scenes(level: Level) -> list[Sample]:
    """Clear scenes of both splits."""
    return [s for split in ("kept", "development") for kind, s in load(split, level) if kind == "clear"]


def worst(model: str, level: Level, bands: Bands, scenes: Sequence[Sample]) -> Worst:
    """Mask all scenes with some of their bands."""
    shares = {}
    for sample in scenes:
        found = scores(sample, {"ours": classes(sample, level, model, bands)})
        shares[sample.name] = found["ours"]["clear_called_otherwise"]
    name = max(shares, key=lambda scene: shares[scene])
    return Worst(bands, name, shares[name])


def summary(name: str, rows: Sequence[Worst]) -> str:
    """A line of a table: number of sets, and quantiles of their worst shares."""
    shares = 100 * np.array([row.share for row in rows])
    cells = [f"{value:.1f}" for value in np.quantile(shares, (0.5, 0.9, 1.0))]
    return f"| {name} | {len(rows)} | {' | '.join(cells)} | {(shares > 2).sum()} |"


def main() -> None:
    """Print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--sets", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--level", choices=["L1C", "L2A"], default="L1C")
    arguments = parser.parse_args()
    if arguments.sets < 1:
        parser.error(f"--sets: expected 1 or more, found {arguments.sets}")
    card = load_model(arguments.models[0], device="cpu").card
    sets = draw_sets(card.bands, card.required, arguments.sets, arguments.seed)
    scenes = clear_scenes(arguments.level)
    for model in arguments.models:
        rows = [worst(model, arguments.level, bands, scenes) for bands in sets]
        print(f"\n{model}: false cloud and shadow on the worst of {len(scenes)} clear scenes\n")
        print("| bands | scene | false, % |\n|---|---|---|")
        for row in sorted(rows, key=lambda row: -row.share):
            print(f"| {' '.join(row.bands)} | {row.scene} | {100 * row.share:.1f} |")
        print("\n| sets | number | median, % | nine tenths below, % | worst, % | above 2 % |")
        print("|---|---|---|---|---|---|")
        print(summary("all", rows))
        for band in card.bands:
            if band not in card.required:
                print(summary(f"with {band}", [row for row in rows if band in row.bands]))
        print(flush=True)


if __name__ == "__main__":
    main()
