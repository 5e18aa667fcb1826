"""What a whole product costs beyond its two unavoidable parts.

    python benchmarks/end_to_end.py PRODUCT [--resolution 20] [--threads 2] [--rounds 3]

Measures, in turn and each in a process of its own,

- ``total``: product to GeoTIFF, as ``cloudmask run`` does it;
- ``decode``: GDAL alone, decoding the bands that the model needs at the wavelet level it reads them at;
- ``infer``: ONNX Runtime alone, on as many tiles as the product needs, with nothing before or after.

and prints the medians, ``total / (decode + infer)`` and the peak memory. ``cloudmask bench PRODUCT``
has the same and more; here are only the figures that a test of the whole asks for.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from cloudmask.bench.product import measure_product
from cloudmask.bench.statistics import Spread


def main() -> int:
    """Measure all parts in turn and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("product", type=Path)
    parser.add_argument("--resolution", type=int, default=20)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model")
    args = parser.parse_args()
    times = measure_product(
        args.product,
        model=args.model,
        resolution=args.resolution,
        device=args.device,
        threads=args.threads,
        rounds=args.rounds,
    )
    for part in times.rounds:
        wall, cpu = Spread.of(times.seconds(part)), Spread.of(times.cpu_seconds(part))
        print(f"{part:8} {wall.text(4)} s, {cpu.text(4)} s of the processor")
    print(f"total / (decode + infer)     = {times.over(sum).text()}")
    print(f"total / larger of the two    = {times.over(max).text()}")
    print(f"the first by processor time  = {times.over(sum, cpu=True).text()}")
    print(f"peak memory of the command {times.peak_mib / 2**10:.2f} GiB")
    print(json.dumps({"product": times.name, "model": times.model, "rounds": times.rounds}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
