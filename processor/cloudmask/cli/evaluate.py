"""``cloudmask evaluate``: any mask against any reference set."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..errors import UsageError
from ..options import DEVICES

KINDS = ("pixbox", "kappaset", "cloudsen12", "baetens", "simulated", "pairs")
PROTOCOLS = ("default", "kappamask", "cloudsen12", "cmix")


@click.command("evaluate")
@click.argument("reference", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(KINDS), required=True, help="Which reference set it is.")
@click.option(
    "--masks",
    default="cloudmask",
    show_default=True,
    help="Masks to score, separated by commas: cloudmask[:MODEL][@METRES], ukis-csmask, s2cloudless, "
    "sen2cor=DIR, esa-l1c[=DIR], fmask=DIR, python-fmask=DIR, maja=DIR, kappamask=DIR, idepix=DIR, "
    "raster:MAP.json=DIR, ...",
)
@click.option(
    "--protocol", type=click.Choice(PROTOCOLS), help="How to score; by default as is usual for the set."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the report.")
@click.option(
    "--products", type=click.Path(path_type=Path), help="Folder of SAFE products, for sets of labels only."
)
@click.option(
    "--split",
    type=click.Choice(["test", "val", "train", "all"]),
    default="test",
    show_default=True,
    help="Part of the set.",
)
@click.option(
    "--level", type=click.Choice(["L1C", "L2A"]), help="Level of the images, where the set has both."
)
@click.option(
    "--labels",
    type=click.Choice(["human", "draft", "simulated", "clear by eye"]),
    help="What the labels are worth, for pairs that do not say it themselves.",
)
@click.option("--classes", help="Class map of GeoTIFF labels: a name, or a .json file.")
@click.option(
    "--offset", type=float, help="Radiometric offset of KappaSet's digital numbers, if not by date."
)
@click.option(
    "--label-band", type=click.IntRange(1), help="Band of the labels in .mlstac files that hold several."
)
@click.option("--title", help="What the report calls the set, in place of its own name.")
@click.option("--limit", type=click.IntRange(1), help="At most so many scenes, spread evenly.")
@click.option(
    "--bootstrap", type=click.IntRange(0), default=1000, show_default=True, help="Resamples; 0 for none."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the resampling.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    default=20.0,
    show_default=True,
    help="Band along class borders that the second count leaves out, metres.",
)
@click.option(
    "--pictures", type=click.IntRange(0), default=12, show_default=True, help="Scenes shown, at most."
)
@click.option("--threads", type=click.IntRange(0), default=0, help="Processor threads; 0 takes all.")
@click.option(
    "--device",
    type=click.Choice(DEVICES),
    default="auto",
    show_default=True,
    help="Where our own models run.",
)
@click.option("--overwrite", is_flag=True, help="Replace a report that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print no progress and no summary.")
def command(
    reference: Path,
    kind: str,
    masks: str,
    protocol: str | None,
    output: Path,
    products: Path | None,
    split: str,
    level: str | None,
    labels: str | None,
    classes: str | None,
    offset: float | None,
    label_band: int | None,
    title: str | None,
    limit: int | None,
    bootstrap: int,
    seed: int,
    tolerance: float,
    pictures: int,
    threads: int,
    device: str,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score masks against the reference set REFERENCE and write a report.

    The folder gets report.html (open it in a browser), results.json, report.md and figures/.
    docs/evaluation.md says where to get each set, how every mask is run and what the protocols are.
    """
    try:
        from ..evaluate.bootstrap import BootstrapSettings
        from ..evaluate.document import to_json
        from ..evaluate.evaluate import Request, check_folder, evaluate, write_report
        from ..evaluate.labels import parse_label_kind
        from ..evaluate.references.registry import Selection
        from ..evaluate.report.markdown import render_summary
    except ImportError as error:
        raise UsageError(
            f"evaluation needs more packages: pip install '.[evaluate,cpu]' ({error})"
        ) from error

    def say(done: int, total: int, name: str) -> None:
        if not quiet and name:
            click.echo(f"[{done + 1}/{total}] {name}", err=True)

    check_folder(output, overwrite)
    selection = Selection(
        split=split,
        level=level,
        products=products,
        labels=parse_label_kind(labels, "--labels") if labels else None,
        classes=classes,
        limit=limit,
        offset=offset,
        title=title,
        label_band=label_band,
    )
    request = Request(
        path=reference,
        kind=kind,
        masks=masks,
        protocol=protocol,
        selection=selection,
        bootstrap=BootstrapSettings(bootstrap, seed),
        tolerance=tolerance,
        pictures=pictures,
        threads=threads,
        device=device,
    )
    document, shown = evaluate(request, say)
    made = write_report(document, shown, output, overwrite=overwrite)
    if as_json:
        sys.stdout.write(to_json(document))
    elif not quiet:
        click.echo(render_summary(document))
        click.echo(f"report: {made[0]}")
