"""Scenes and products that the simulator makes in a second.

    OMP_NUM_THREADS=1 python benchmarks/simulation_speed.py [--size 256] [--count 32] [--workers 0 2]

Prints patches a second over procedural ground and over a clear array given (13 bands at 20 m), by number of
worker processes; 0 is this process alone.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from cloudmask.bands import BAND_NAMES
from cloudmask.simulate.spec import SceneSpec
from cloudmask.simulate.streaming import simulate_scenes
from cloudmask.simulate.surfaces import ArraySurface, Surface


def given(spec: SceneSpec) -> Surface:
    """Stand-in for a clear scene: values do not matter for speed."""
    rng = np.random.default_rng(0)
    return ArraySurface(0.1 + 0.2 * rng.random((13, spec.size, spec.size), np.float32), BAND_NAMES, "L1C")


def rate(size: int, count: int, workers: int, over_array: bool) -> float:
    """Patches a second once the workers are up."""
    specs = (SceneSpec(seed, size=size) for seed in range(count + max(workers, 1) * 2))
    scenes = simulate_scenes(specs, given if over_array else None, workers=workers)
    for _ in range(max(workers, 1) * 2):
        next(scenes)
    start = time.perf_counter()
    made = sum(1 for _ in scenes)
    return made / (time.perf_counter() - start)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    arguments = parser.parse_args()
    for workers in arguments.workers:
        for over_array in (True, False):
            speed = rate(arguments.size, arguments.count, workers, over_array)
            ground = "array given" if over_array else "procedural"
            print(f"{workers} workers, {ground:>11}: {speed:5.1f} patches of {arguments.size} px a second")


if __name__ == "__main__":
    main()
