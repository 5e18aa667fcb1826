"""How much a mask depends on the tiles it was made in.

    python benchmarks/tiles.py MODEL [MODEL ...] [--sizes 256,1024] [--seeds 3]

Masks simulated cloudy scenes of 1536 x 1536 pixels at the model's own spacing with both sizes of tile, and
prints the share of pixels whose class differs. Networks tied to one size of tile have nothing to compare.
"""

from __future__ import annotations

import argparse

import numpy as np

from cloudmask import load_model, mask_array
from cloudmask.simulate.scene import simulate_scene
from cloudmask.simulate.spec import SceneSpec

SIDE = 1536
SKIES = (("cumulus",), ("cumulus", "cirrus"), ("stratocumulus",), ("altocumulus",))


def two_sizes(text: str) -> tuple[int, int]:
    """Two sides of tiles, pixels, from a text such as ``256,1024``."""
    try:
        small, large = (int(size) for size in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"expected two whole numbers, as in 256,1024, found '{text}'"
        ) from error
    return small, large


def main() -> None:
    """Simulate, mask twice, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+")
    parser.add_argument("--sizes", type=two_sizes, default=(256, 1024), metavar="SMALL,LARGE")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    small, large = arguments.sizes
    for name in arguments.models:
        model = load_model(name, device="cpu")
        shares = []
        for seed in range(arguments.seeds):
            sky = SKIES[seed % len(SKIES)]
            spec = SceneSpec(970000 + seed, model.card.level, SIDE, model.card.gsd, clouds=sky)
            scene = simulate_scene(spec)
            first, second = (
                mask_array(
                    scene.reflectance,
                    scene.bands,
                    gsd=spec.gsd,
                    level=spec.level,
                    model=name,
                    tile_size=size,
                    probabilities=False,
                ).classes
                for size in (small, large)
            )
            shares.append(float((first != second).mean()))
            print(f"{model.card.name}: {' and '.join(sky)}: {shares[-1]:.3%} differ", flush=True)
        tile = model.card.tile
        print(
            f"{model.card.name}: {np.mean(shares):.3%} of pixels differ, tiles of {small} and {large} px "
            f"(margin {tile.margin}, blind {tile.blind})"
        )


if __name__ == "__main__":
    main()
