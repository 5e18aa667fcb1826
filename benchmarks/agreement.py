"""Agreement of a mask with a reference mask on the same grid, class by class.

    python benchmarks/agreement.py MASK.tif TRUTH.tif

Pixels that either file calls missing or undefined do not count.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from cloudmask import metrics
from cloudmask.classes import SURFACE_CLASSES
from cloudmask.errors import CloudMaskError


def main() -> int:
    """Print the table; returns an exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mask", type=Path, metavar="MASK.tif")
    parser.add_argument("truth", type=Path, metavar="TRUTH.tif", help="the reference")
    arguments = parser.parse_args()
    mask, truth = arguments.mask, arguments.truth
    try:
        with rasterio.open(mask) as mask_file, rasterio.open(truth) as truth_file:
            if mask_file.shape != truth_file.shape or mask_file.transform != truth_file.transform:
                print(f"{mask} and {truth} lie on different grids", file=sys.stderr)
                return 3
            matrix = metrics.confusion(truth_file.read(1), mask_file.read(1), mask.name)
    except (RasterioError, CloudMaskError) as error:
        print(error, file=sys.stderr)
        return 3
    codes = [int(c) for c in SURFACE_CLASSES]
    matrix = matrix[np.ix_(codes, codes)]
    columns = (metrics.users_accuracy(matrix), metrics.producers_accuracy(matrix), metrics.dice(matrix))
    total = int(matrix.sum())
    print(f"{mask.name} against the simulated truth: {total} pixels of four classes")
    print(f"{'class':24}{'truth':>10}{'precision':>11}{'recall':>9}{'Dice':>8}")
    for i, member in enumerate(SURFACE_CLASSES):
        share = matrix[i].sum() / total if total else float("nan")
        cells = "".join(f"{value[i]:{width}.3f}" for value, width in zip(columns, (11, 9, 8), strict=True))
        print(f"{member.label:24}{100 * share:8.2f} %{cells}")
    print(f"{'overall accuracy':24}{float(metrics.overall(matrix)):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
