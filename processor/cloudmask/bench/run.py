"""A whole benchmark: contenders in turn, their ratios, the limits, and a product if there is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ..catalog import catalog, load_model
from ..errors import UsageError
from .contenders import Contender, agreement, line_up, race, twin_of
from .machine import machine
from .macs import macs_per_pixel
from .peak import PRECISIONS
from .pixels import Pixels, benchmark_pixels
from .product import measure_product
from .results import Benchmark, Comparison, Lap, Limits
from .tasks import run_task

_TILES = 12
"""Tiles that the network alone is timed on: enough for a mean, seconds at most."""


def run_benchmark(
    *,
    product: Path | None,
    against: Sequence[str],
    models: Sequence[str | None],
    devices: Sequence[str],
    threads: Sequence[int],
    resolution: int,
    size: int,
    rounds: int,
    say: Callable[[str], None],
) -> Benchmark:
    """Measure.

    Parameters
    ----------
    product : Path or None
        Also measure this product as a whole, and take the pixels from its middle.
    against : sequence of str
        Masks of others, see :func:`cloudmask.bench.contenders.line_up`.
    models, devices, threads : sequence
        Of our own masks; the first of each is what limits and product are measured with.
    resolution : int
        Of the product's mask, metres.
    size : int
        Rows and columns of the pixels.
    rounds : int
        How often each is run.
    say : callable
        Told what is being done.

    Raises
    ------
    CloudMaskError
        If anything cannot be measured.
    """
    if rounds < 1:
        raise UsageError(f"--rounds: expected 1 or more, found {rounds}")
    conditions = machine()
    with (
        benchmark_pixels(size, product, max(1, threads[0])) as pixels,
        TemporaryDirectory(prefix="cloudmask-bench-") as folder,
    ):
        contenders = line_up(pixels, models=models, against=against, devices=devices, threads=threads)
        results = race(contenders, pixels, rounds, Path(folder), say)
        laps = [Lap(c, results[c.name]) for c in contenders]
        comparisons = _compare(laps, pixels, Path(folder))
        say("limits")
        limits = _limits(contenders[0], pixels)
    times = None
    if product is not None:
        say("product")
        times = measure_product(
            product,
            model=limits.model,
            resolution=resolution,
            device=devices[0],
            threads=threads[0],
            rounds=rounds,
        )
    notes = [
        f"{c.name} is slow and got {c.size} x {c.size} px only; its pixels a second do not depend on that"
        for c in contenders
        if c.size < size
    ]
    return Benchmark(conditions, pixels.text, rounds, laps, comparisons, limits, times, notes)


def _compare(laps: Sequence[Lap], pixels: Pixels, folder: Path) -> list[Comparison]:
    out = []
    for i, ours in enumerate(laps):
        for k, other in enumerate(laps):
            if not ours.contender.own or other.contender.own:
                continue
            same = ours.contender.mask == twin_of(other.contender.peer, pixels.level)
            share = agreement([lap.contender for lap in laps], folder, i, k) if same else None
            out.append(Comparison(ours, other, share))
    return out


def _limits(contender: Contender, pixels: Pixels) -> Limits:
    name = contender.model
    card = load_model(name, device="cpu").card
    path = next((e.path for e in catalog() if e.card.name == name and e.path), Path(name))
    infer = run_task(
        "infer",
        threads=contender.threads,
        model=name,
        rows=pixels.size,
        cols=pixels.size,
        tile_size=None,
        device=contender.device,
        most=_TILES,
    )
    peaks = {p: run_task("multiply", threads=contender.threads, precision=p) for p in PRECISIONS}
    return Limits(card.name, macs_per_pixel(path, infer["tile"]), infer, pixels.size**2, peaks)
