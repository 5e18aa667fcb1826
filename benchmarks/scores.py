"""Run the evaluations that can be run here and write README's table of scores.

    python benchmarks/scores.py                      evaluate, then write the table
    python benchmarks/scores.py --table-only         write the table from benchmarks/results

The table goes between ``<!-- scores -->`` and ``<!-- /scores -->``. Every row comes from a results file of
``cloudmask evaluate``; nothing is typed by hand. Sets that are not here are named as not measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from cloudmask.atomic import write_text
from cloudmask.bands import LEVEL_BANDS
from cloudmask.catalog import catalog, choose
from cloudmask.evaluate.labels import parse_label_kind
from cloudmask.evaluate.references.registry import REFERENCES
from cloudmask.evaluate.report.markdown import render_summary
from cloudmask.evaluate.report.words import reference_title

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
REAL = ROOT.parent / "shared" / "data" / "real"
OTHERS = ("ukis-csmask", "s2cloudless")
BEGIN, END = "<!-- scores -->", "<!-- /scores -->"
SIMULATED = 5  # products: the fewest that an interval is given for
SIZE = 1098  # 10 m pixels a side


def run(arguments: list[str]) -> None:
    """Run the command in this environment; its errors end the script."""
    print("cloudmask", *arguments, file=sys.stderr)
    subprocess.run([sys.executable, "-m", "cloudmask", *arguments], check=True)


def masks() -> str:
    """Masks to score: the default, every other model for L1C that is installed, the peers.

    Nearly all pieces are L1C. Models of L2A run as the default on the others.
    """
    default = choose("L1C", LEVEL_BANDS["L1C"]).card.name
    ours = [e.card.name for e in catalog() if e.card.level == "L1C" and e.path is not None]
    return ",".join(["cloudmask", *(f"cloudmask:{name}" for name in ours if name != default), *OTHERS])


def evaluate(name: str, path: Path, kind: str, title: str) -> None:
    """Evaluate one set and keep its results."""
    with tempfile.TemporaryDirectory() as folder:
        what = [str(path), "--kind", kind, "--title", title, "--masks", masks()]
        run(["evaluate", *what, "-o", folder, "--pictures", "0", "-q"])
        text = (Path(folder) / "results.json").read_text("utf-8")
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_text(RESULTS / f"{name}.json", text, overwrite=True)


def evaluate_all() -> None:
    """Evaluate simulated products and, where they are, the real pieces that no training saw."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, SIMULATED + 1):
            run(["simulate", f"{folder}/seed{seed}", "--size", str(SIZE), "--seed", str(seed)])
        evaluate("simulated", Path(folder), "simulated", f"{SIMULATED} simulated products")
    if REAL.is_dir():
        from kept_apart import write_pairs

        with tempfile.TemporaryDirectory() as folder:
            write_pairs(Path(folder), "kept", "L1C")
            evaluate("real", Path(folder), "pairs", "real scenes kept apart from training (docs/training.md)")
    else:
        print(f"{REAL} is not there: results from it stay as they are", file=sys.stderr)


def table(documents: list[dict[str, Any]]) -> str:
    """Markdown between the markers."""
    parts = []
    for document in documents:
        protocol, reference = document["protocol"], document["reference"]
        kinds = [parse_label_kind(g["labels"], "results").note for g in document["groups"]]
        parts.append(
            f"**On {reference_title(document)}**, {reference['scenes']} scenes, protocol "
            f"*{protocol['name']}* ([docs/evaluation.md](docs/evaluation.md)), "
            f"cloudmask {document['cloudmask']}, {document['made']}. {' '.join(kinds)}"
        )
        parts.append(render_summary(document))
        parts.append(f"Run: {'; '.join(m['title'] + ' = ' + m['setting'] for m in document['masks'])}.")
    measured = {d["reference"]["kind"] for d in documents}
    absent = [r for r in REFERENCES.values() if r.name not in measured and r.source]
    if absent:
        listed = "; ".join(f"{r.title} (<{r.source}>)" for r in absent)
        parts.append(
            "**Not measured yet**, because the images or labels cannot be distributed with the project: "
            f"{listed}. Whoever has one measures it with `cloudmask evaluate`: "
            "[docs/evaluation.md](docs/evaluation.md)."
        )
    return "\n\n".join(parts)


def write_between(document: Path, begin: str, end: str, content: str) -> None:
    """Replace what is between two markers of a document."""
    text = document.read_text("utf-8")
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise SystemExit(f"{document}: expected one line {begin} and, after it, one line {end}")
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    write_text(document, f"{before}{begin}\n{content}\n{end}{after}", overwrite=True)


def main() -> int:
    """Evaluate unless told not to, then write the table."""
    parser = argparse.ArgumentParser(description="Write README's table of scores.")
    parser.add_argument("--table-only", action="store_true", help="use the results there are")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    arguments = parser.parse_args()
    if not arguments.table_only:
        evaluate_all()
    files = sorted(RESULTS.glob("*.json"))
    documents = [json.loads(f.read_text("utf-8")) for f in files]
    found = [d for d in documents if str(d.get("format", "")).startswith("cloudmask-evaluation/")]
    if not found:
        raise SystemExit(f"{RESULTS}: no results of 'cloudmask evaluate'; run without --table-only")
    write_between(arguments.readme, BEGIN, END, table(found))
    print(f"{arguments.readme}: scores of {len(found)} evaluations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
