"""What cannot be undercut: decoding alone, and the network alone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..catalog import load_model
from ..cpu import thread_count
from ..options import make_options
from ..pipeline import IN_FLIGHT, tile_axes
from ..safe import open_product


def decode(product: str, model: str | None, threads: int) -> dict[str, Any]:
    """Decode the bands that a model needs, whole, side by side, and nothing else."""
    with open_product(product) as source:
        card = load_model(model, level=source.level, bands=source.bands, device="cpu").card
        cpu, wall = time.process_time(), time.perf_counter()
        with ThreadPoolExecutor(thread_count(threads)) as pool:
            sizes = list(pool.map(lambda band: source.digital_numbers(band, card.gsd).size, card.bands))
        return {
            "seconds": time.perf_counter() - wall,
            "cpu_seconds": time.process_time() - cpu,
            "samples": sum(sizes),
        }


def infer(
    model: str, rows: int, cols: int, tile_size: int | None, device: str, threads: int, most: int | None
) -> dict[str, Any]:
    """Run a network on as many tiles as a scene of some size needs, with nothing before or after.

    As many tiles are in work at a time as the pipeline has. At most `most` tiles are run, and the time is
    scaled up.
    """
    loaded = load_model(model, device=device, threads=threads)
    down, across = tile_axes(loaded, make_options(tile_size=tile_size), (rows, cols))
    tiles = len(down.starts) * len(across.starts)
    size = max(1, loaded.batch_size)
    shape = (size, len(loaded.card.bands), down.tile, across.tile)
    batch = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    calls = -(-min(tiles, most or tiles) // size)
    callers = min(IN_FLIGHT, calls)
    network = loaded.shared(callers)
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(network.predict, [batch] * callers))
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in pool.map(network.predict, [batch] * calls):
            pass  # what comes out is not kept
    scale = tiles / (calls * size)
    return {
        "seconds": (time.perf_counter() - wall) * scale,
        "cpu_seconds": (time.process_time() - cpu) * scale,
        "tiles": tiles,
        "tile": down.tile,
        "measured_tiles": calls * size,
        "tiled_pixels": tiles * down.tile * across.tile,
    }
