"""A benchmark as tables for a terminal or Markdown, ratios first, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .product import ProductTimes
from .results import Benchmark, Comparison, Limits
from .statistics import Spread, figure

Rows = list[list[str]]
_STAGES = {
    # key in the record of a run: words
    "read_wait": "waiting for pixels",
    "inference": "inference and blending",
    "postprocess": "resampling to the mask, classes, post-processing",
    "write": "writing",
    "load_work": "decoding, all threads together",
    "resample_work": "resampling to the model, all threads together",
}


def text_report(benchmark: Benchmark, *, markdown: bool = False) -> str:
    """The whole report."""
    out = []
    for title, rows, notes in _sections(benchmark):
        out.append(f"## {title}\n" if markdown else title.upper())
        if rows:
            out.append(_table(rows, markdown))
        out += [f"{note}\n" if markdown else note for note in notes]
        if not markdown:
            out.append("")
    return "\n".join(out).rstrip() + "\n"


def _sections(b: Benchmark) -> Iterator[tuple[str, Rows, list[str]]]:
    if b.comparisons:
        head = ["ours", "other", "times as fast", "by processor time", "same classes"]
        yield "Ratios", [head, *map(_comparison, b.comparisons)], [_BY_ROUND]
    head = ["mask", "spacing", "Mpx/s", "Mpx a core-second", "peak MiB", "s a product (extrapolated)"]
    rows = [head]
    for lap in b.laps:
        rows.append(
            [
                lap.contender.name,
                f"{lap.contender.gsd:g} m",
                Spread.of([p / 1e6 for p in lap.pixels_a_second()]).text(),
                Spread.of([p / 1e6 for p in lap.pixels_a_second(cpu=True)]).text(),
                f"{lap.peak_mib:.0f}",
                figure(lap.product_seconds),
            ]
        )
    yield "Throughput", rows, [f"Pixels: {b.pixels}. {b.rounds} rounds, in turn.", *b.notes]
    yield "Limits", *_limits(b.limits)
    if b.product is not None:
        yield "Product", *_product(b.product)
    yield "Machine", [], [_machine(b.machine)]


_BY_ROUND = (
    "Medians (least-greatest) of the ratios within rounds; loading of models included. Processor time "
    "is that of all threads: it hardly notices what else a machine does."
)


def _comparison(c: Comparison) -> list[str]:
    return [
        c.ours.contender.name,
        c.other.contender.name,
        c.ratio().text(),
        c.ratio(cpu=True).text(),
        "-" if c.agreement is None else f"{100 * c.agreement:.2f} % (same weights)",
    ]


def _limits(limits: Limits) -> tuple[Rows, list[str]]:
    rows = [["arithmetic", "GMAC/s", "at most Mpx/s", "the network alone reaches", "kernels"]]
    for precision, peak in limits.peaks.items():
        share, ceiling = limits.share(precision), limits.ceiling(precision)
        if share is None or ceiling is None:
            rows.append([precision, "not measured", "-", "-", peak["missing"]])
            continue
        rows.append(
            [
                precision,
                figure(peak["macs_per_second"] / 1e9),
                figure(ceiling / 1e6),
                f"{100 * share:.0f} %",
                peak["by"],
            ]
        )
    infer = limits.infer
    notes = [
        f"{limits.model}: {limits.macs_per_pixel / 1e3:.1f} thousand multiply-accumulates a pixel; alone in "
        f"ONNX Runtime {figure(limits.pixels / infer['seconds'] / 1e6)} Mpx/s, "
        f"{figure(limits.macs_per_second / 1e9)} GMAC/s, with tiles of {infer['tile']} px that cover the "
        f"pixels {infer['tiled_pixels'] / limits.pixels:.2f} times ({infer['measured_tiles']} of "
        f"{infer['tiles']} tiles run). Shares are by processor time.",
    ]
    return rows, notes


def _product(times: ProductTimes) -> tuple[Rows, list[str]]:
    rows = [["part", "seconds", "processor seconds"]]
    for part, words in (
        ("total", "whole command"),
        ("decode", "decoding alone"),
        ("infer", "network alone"),
    ):
        wall, cpu = Spread.of(times.seconds(part)), Spread.of(times.cpu_seconds(part))
        rows.append([words, wall.text(), cpu.text()])
    known = times.rounds["total"][0]["stages"]
    rows += [[f"  {words}", times.stage(key).text(), "-"] for key, words in _STAGES.items() if key in known]
    notes = [
        f"{times.name}, {times.model}: the whole takes {times.over(max).text()} times the larger of decoding "
        f"and network alone, {times.over(sum).text()} times their sum; by processor time "
        f"{times.over(sum, cpu=True).text()} times their sum. Peak memory {times.peak_mib:.0f} MiB.",
    ]
    return rows, notes


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    load = "" if machine["load"] is None else f", load {machine['load']} when it began"
    return f"{machine['processor']}, {machine['cores']} cores{load}; {machine['system']}; {versions}."


def _table(rows: Sequence[Sequence[str]], markdown: bool) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for n, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append(f"| {' | '.join(cells)} |" if markdown else "  ".join(cells).rstrip())
        if n == 0 and markdown:
            lines.append("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + ("\n" if markdown else "")


def json_report(b: Benchmark) -> dict[str, Any]:
    """Every measurement and figure as plain values."""
    return {
        "machine": b.machine,
        "pixels": b.pixels,
        "rounds": b.rounds,
        "notes": list(b.notes),
        "ratios": [
            {
                "ours": c.ours.contender.name,
                "other": c.other.contender.name,
                "times_as_fast": c.ratio().to_dict(),
                "times_as_fast_by_processor_time": c.ratio(cpu=True).to_dict(),
                "agreement": c.agreement,
            }
            for c in b.comparisons
        ],
        "masks": [
            {
                "name": lap.contender.name,
                "gsd": lap.contender.gsd,
                "size": lap.contender.size,
                "threads": lap.contender.threads,
                "device": lap.contender.device,
                "pixels_per_second": Spread.of(lap.pixels_a_second()).to_dict(),
                "pixels_per_core_second": Spread.of(lap.pixels_a_second(cpu=True)).to_dict(),
                "peak_mib": lap.peak_mib,
                "product_seconds_extrapolated": lap.product_seconds,
                "rounds": list(lap.rounds),
            }
            for lap in b.laps
        ],
        "limits": {
            "model": b.limits.model,
            "macs_per_pixel": b.limits.macs_per_pixel,
            "network_alone": b.limits.infer,
            "pixels": b.limits.pixels,
            "peaks": b.limits.peaks,
            "share_of_peak": {p: b.limits.share(p) for p in b.limits.peaks},
        },
        "product": None if b.product is None else _product_json(b.product),
    }


def _product_json(times: ProductTimes) -> dict[str, Any]:
    return {
        "name": times.name,
        "model": times.model,
        "peak_mib": times.peak_mib,
        "over_sum": times.over(sum).to_dict(),
        "over_larger": times.over(max).to_dict(),
        "over_sum_by_processor_time": times.over(sum, cpu=True).to_dict(),
        "rounds": times.rounds,
    }
