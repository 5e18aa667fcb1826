"""``cloudmask bench``: how fast, against whom, and how far from what the machine can do."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..errors import UsageError
from ..options import DEVICES, Options


def _listed(context: click.Context, parameter: click.Parameter, value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


@click.command("bench")
@click.argument("product", required=False, type=click.Path(path_type=Path))
@click.option(
    "--against",
    default="",
    callback=_listed,
    metavar="MASK,...",
    help="Masks of other packages to run in turn with ours: ukis-csmask, s2cloudless, each perhaps with "
    "@METRES. Ours with ukis-csmask's weights joins in, for the agreement.",
)
@click.option(
    "--model",
    default="",
    callback=_listed,
    metavar="NAME|FILE,...",
    help="Our models; by default the best one for the pixels.",
)
@click.option(
    "--device",
    default="auto",
    show_default=True,
    callback=_listed,
    metavar="DEVICE,...",
    help=f"Where ours run: {', '.join(DEVICES)}.",
)
@click.option(
    "--threads",
    default="0",
    show_default=True,
    callback=_listed,
    metavar="N,...",
    help="Processor threads; 0 takes all.",
)
@click.option(
    "--resolution",
    type=int,
    default=Options().resolution,
    show_default=True,
    help="Metres a pixel of the product's mask.",
)
@click.option(
    "--size",
    type=click.IntRange(256, 10980),
    default=2048,
    show_default=True,
    help="Rows and columns of the pixels that all contenders get.",
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Runs of each, in turn.")
@click.option("--json", "as_json", is_flag=True, help="Print every measurement as JSON.")
@click.option("--markdown", is_flag=True, help="Print the tables as Markdown.")
@click.option("-q", "--quiet", is_flag=True, help="Do not say what is being measured.")
def command(
    product: Path | None,
    against: list[str],
    model: list[str],
    device: list[str],
    threads: list[str],
    resolution: int,
    size: int,
    rounds: int,
    as_json: bool,
    markdown: bool,
    quiet: bool,
) -> None:
    """Measure throughput, peak memory, ratios to other masks, and the share of what the machine can do.

    All contenders run on the same array, a simulated scene or the middle of PRODUCT, each in a process
    of its own and in turn. With PRODUCT, it is also masked as a whole, stage by stage, beside decoding
    alone and the network alone.
    """
    try:
        counts = [int(text) for text in threads]
    except ValueError as error:
        raise UsageError(f"--threads: expected whole numbers, found '{','.join(threads)}'") from error
    for name in device:
        Options(device=name, resolution=resolution)
    for count in counts:
        Options(threads=count)
    if not device or not counts:
        raise UsageError("--device and --threads: expected at least one value")

    from ..bench.report import json_report, text_report
    from ..bench.run import run_benchmark

    def say(text: str) -> None:
        if not quiet:
            click.echo(f"cloudmask: {text}", err=True)

    result = run_benchmark(
        product=product,
        against=against,
        models=model or [None],
        devices=device,
        threads=counts,
        resolution=resolution,
        size=size,
        rounds=rounds,
        say=say,
    )
    if as_json:
        click.echo(json.dumps(json_report(result), indent=2))
    else:
        click.echo(text_report(result, markdown=markdown), nl=False)
