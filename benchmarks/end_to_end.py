"""What a whole product costs beyond its two unavoidable parts.

    python benchmarks/end_to_end.py PRODUCT [--resolution 20] [--threads 2] [--repeat 3]

Measures, in turn and each in a process of its own,

- ``total``: the command, product to GeoTIFF, as a user runs it;
- ``decode``: GDAL alone, decoding the bands that the model needs at the wavelet level it reads them at;
- ``infer``: ONNX Runtime alone, on as many tiles as the product needs, with nothing before or after.

and prints the medians, ``total / (decode + infer)`` and the command's peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cloudmask.catalog import load_model
from cloudmask.jp2 import BandImage
from cloudmask.options import Options
from cloudmask.pipeline import tile_side
from cloudmask.safe import open_product
from cloudmask.tiling import TileAxis


def time_total(product: str, args: argparse.Namespace) -> dict[str, float]:
    """Run the command; seconds on the wall and peak memory of the process."""
    with tempfile.TemporaryDirectory() as folder:
        call = [sys.executable, "-m", "cloudmask", "run", product, "-o", folder, "--json", "-q"]
        call += ["--resolution", str(args.resolution), "--threads", str(args.threads)]
        call += ["--model", args.model] if args.model else []
        begun = time.perf_counter()
        done = subprocess.run(call, check=True, capture_output=True)
        seconds = time.perf_counter() - begun
    parts = json.loads(done.stdout)["seconds"]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    return {"seconds": seconds, "peak_gib": peak, **{f"inside_{k}": v for k, v in parts.items()}}


def time_decode(product: str, args: argparse.Namespace) -> dict[str, float]:
    """Decode the needed bands whole, side by side."""
    with open_product(product) as source:
        card = load_model(args.model, level=source.level, bands=source.bands).card
        wanted = []
        for band in card.bands:
            layout = source.layout(band, card.gsd)
            _, level, _ = source._level(band, card.gsd)
            name = source._paths[band][0]
            wanted.append((BandImage(source._files.local_path(name), name), level, layout))
        begun = time.perf_counter()
        with ThreadPoolExecutor(args.threads) as pool:
            list(pool.map(lambda w: w[0].read(w[1], (0, w[2].rows), (0, w[2].cols)), wanted))
        seconds = time.perf_counter() - begun
    return {"seconds": seconds}


def time_infer(product: str, args: argparse.Namespace) -> dict[str, float]:
    """Run the network on as many tiles as the product has."""
    with open_product(product) as source:
        model = load_model(
            args.model, level=source.level, bands=source.bands, device="cpu", threads=args.threads
        )
        work = source.grid.at(model.card.gsd)
    side = tile_side(model, Options(resolution=args.resolution), max(work.shape))
    margin = model.card.tile.margin
    tiles = len(TileAxis(work.rows, side, margin).starts) * len(TileAxis(work.cols, side, margin).starts)
    batch = np.random.default_rng(0).normal(size=(1, len(model.card.bands), side, side)).astype(np.float32)
    model.predict(batch)
    begun = time.perf_counter()
    for _ in range(tiles):
        model.predict(batch)
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "tiles": tiles, "mpx_per_s": work.rows * work.cols / seconds / 1e6}


PARTS = {"total": time_total, "decode": time_decode, "infer": time_infer}


def main() -> int:
    """Measure all parts in turn and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("product")
    parser.add_argument("--resolution", type=int, default=20)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--model")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        print(json.dumps(PARTS[args.part](args.product, args)))
        return 0
    results: dict[str, list[dict[str, float]]] = {part: [] for part in PARTS}
    for _ in range(args.repeat):
        for part, rows in results.items():
            call = [sys.executable, __file__, *sys.argv[1:], "--part", part]
            rows.append(json.loads(subprocess.run(call, check=True, capture_output=True).stdout))
    median = {part: statistics.median(r["seconds"] for r in rows) for part, rows in results.items()}
    for part, rows in results.items():
        spread = ", ".join(f"{r['seconds']:.1f}" for r in rows)
        print(f"{part:8} {median[part]:7.2f} s   ({spread})")
    ratios = [
        t["seconds"] / (d["seconds"] + i["seconds"])
        for t, d, i in zip(*(results[part] for part in PARTS), strict=True)
    ]
    print(f"total / (decode + infer) = {statistics.median(ratios):.3f}   (of each round)")
    print(f"peak memory of the command {max(r['peak_gib'] for r in results['total']):.2f} GiB")
    print(json.dumps({"product": Path(args.product).name, "threads": args.threads, "rounds": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
