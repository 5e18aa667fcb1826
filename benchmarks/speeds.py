"""Measure speed against the other masks and write README's table of it.

    python benchmarks/speeds.py                 `cloudmask bench`, then the table
    python benchmarks/speeds.py --table-only    the table from benchmarks/results/speed.json

The table goes between ``<!-- speeds -->`` and ``<!-- /speeds -->``. Every number comes from the JSON of
``cloudmask bench``; nothing is typed by hand. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from scores import OTHERS, RESULTS, ROOT, write_between

from cloudmask.atomic import write_text
from cloudmask.bands import LEVEL_BANDS
from cloudmask.catalog import choose

RESULT = RESULTS / "speed.json"
BEGIN, END = "<!-- speeds -->", "<!-- /speeds -->"
YARDSTICK = "ukis-csmask"


def measure() -> None:
    """Run the benchmark in this environment and keep its figures; its errors end the script."""
    default = choose("L1C", LEVEL_BANDS["L1C"]).card.name
    what = ["--model", f"{default},{default}-int8", "--against", ",".join(OTHERS), "--rounds", "5", "--json"]
    command = [sys.executable, "-m", "cloudmask", "bench", *what]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_text(RESULT, done.stdout, overwrite=True)


def table(result: dict[str, Any]) -> str:
    """Markdown between the markers."""
    ratios = {r["ours"]: r for r in result["ratios"] if r["other"] == YARDSTICK}
    lines = [
        f"| Mask | Times as fast as {YARDSTICK} | by processor time | Mpx/s | s a product | Peak, MiB "
        "| Same classes at equal weights |",
        "|---|---|---|---|---|---|---|",
    ]
    for mask in result["masks"]:
        ratio = ratios.get(mask["name"])
        same = None if ratio is None else ratio["agreement"]
        cells = [
            f"{mask['name']} at {mask['gsd']:g} m",
            "" if ratio is None else _spread(ratio["times_as_fast"]),
            "" if ratio is None else _spread(ratio["times_as_fast_by_processor_time"]),
            _spread(mask["pixels_per_second"], 1e6),
            f"{mask['product_seconds_extrapolated']:.1f}",
            f"{mask['peak_mib']:.0f}",
            "" if same is None else f"{100 * same:.1f} %",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines += [
        "",
        f"`cloudmask bench` on {result['pixels']}, {result['rounds']} rounds in turn: medians (least to "
        "greatest), loading of models included; seconds a product are extrapolated, without decoding. "
        f"{machine['processor']}, {machine['cores']} cores; {versions}. "
        "What limits them is in [docs/benchmarks.md](docs/benchmarks.md).",
    ]
    return "\n".join(lines)


def _spread(figures: dict[str, float], unit: float = 1.0) -> str:
    median, least, greatest = (figures[k] / unit for k in ("median", "min", "max"))
    return f"{median:.2g} ({least:.2g} to {greatest:.2g})"


def main() -> int:
    """Measure unless told not to, then write the table."""
    parser = argparse.ArgumentParser(description="Write README's table of speeds.")
    parser.add_argument("--table-only", action="store_true", help="use the figures there are")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    arguments = parser.parse_args()
    if not arguments.table_only:
        measure()
    if not RESULT.is_file():
        raise SystemExit(f"{RESULT}: no figures of 'cloudmask bench'; run without --table-only")
    write_between(arguments.readme, BEGIN, END, table(json.loads(RESULT.read_text("utf-8"))))
    print(f"{arguments.readme}: speeds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
