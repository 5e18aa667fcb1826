"""``cloudmask run``: one product to a mask."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import click

from ..errors import OutputError, UsageError
from ..options import Options
from .common import (
    collect_options,
    processing_options,
    progress_bar,
    set_up_logging,
    verbosity_options,
)

log = logging.getLogger(__name__)


@click.command("run", short_help="Mask one Sentinel-2 product.")
@click.argument("product", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File or existing folder; by default <product>_cloudmask.tif beside the product.",
)
@processing_options
@click.option(
    "--format",
    "format_",
    type=click.Choice(["geotiff", "dimap"]),
    default="geotiff",
    show_default=True,
    help="Cloud-Optimised GeoTIFF, or BEAM-DIMAP for SNAP.",
)
@click.option(
    "--probability-type",
    type=click.Choice(["uint8", "float32"]),
    default="uint8",
    show_default=True,
    help="How --probabilities are stored in a GeoTIFF: 200 * p in a byte, or p itself.",
)
@click.option("--quicklook", is_flag=True, help="Also write a PNG: true colour beside the mask.")
@click.option(
    "--aoi",
    type=click.Path(path_type=Path),
    metavar="FILE.geojson",
    help="Mask only the polygons of this file (longitude and latitude, WGS 84); statistics are of them.",
)
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print the record of the run on standard output.")
@verbosity_options
def command(
    product: Path,
    output: Path | None,
    format_: str,
    probability_type: str,
    quicklook: bool,
    aoi: Path | None,
    overwrite: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    threshold: tuple[str, ...],
    **values: Any,
) -> None:
    """Mask one Sentinel-2 PRODUCT: a .SAFE folder, a zip of one, or its MTD_MSIL1C/2A.xml.

    Writes a GeoTIFF with the classes 1 clear, 2 cloud shadow, 3 semi-transparent cloud, 4 cloud,
    5 missing, and a JSON with percentages, options, model and timing beside it.
    """
    set_up_logging(verbose, quiet)
    options = collect_options(values, threshold)
    main, files = _plan(product, output, format_, options, quicklook, overwrite)
    if aoi is not None and aoi.absolute() in [file.absolute() for file in files.values()]:
        raise UsageError(f"{aoi}: the record would replace the area of interest; use -o for another name")
    _tell_of_leftovers(main, format_, files)

    from ..api import mask_product  # loads GDAL, so only once the arguments are known to be good
    from ..output import record, save_mask

    with progress_bar(quiet or as_json, main.stem) as progress:
        mask = mask_product(product, options, aoi=aoi, preview=quicklook, progress=progress)
    save_mask(
        mask,
        main,
        format=format_,
        overwrite=overwrite,
        quicklook=quicklook,
        probability_type=probability_type,
    )
    facts = record(mask)
    if as_json:
        facts["files"] = {role: str(path) for role, path in files.items()}
        click.echo(json.dumps(facts, indent=2))
    elif not quiet:
        _summarise(facts, files)


def _plan(
    product: Path,
    output: Path | None,
    format_: str,
    options: Options,
    quicklook: bool,
    overwrite: bool,
) -> tuple[Path, dict[str, Path]]:
    """Where the outputs go; refused before any work if they exist or cannot be written."""
    from ..atomic import check_targets
    from ..output import output_files, output_path
    from ..safe_files import open_files

    product_files = open_files(product)
    product_files.close()
    target = output or product_files.folder
    main = output_path(target, product_files.stem, format_)
    files = output_files(main, format_, options.probabilities, quicklook)
    try:
        check_targets(list(files.values()), overwrite)
    except OutputError as error:
        if output is None and "permission" in str(error):
            raise OutputError(f"{error} (the product's own folder is the default)") from error
        raise
    return main, files


def _tell_of_leftovers(main: Path, format_: str, files: dict[str, Path]) -> None:
    """Say which files of an earlier run will stay beside the new mask."""
    from ..output import output_files

    every = output_files(main, format_, probabilities=True, quicklook=True)
    left = [file.name for role, file in every.items() if role not in files and file.exists()]
    if left:
        log.warning("%s: beside it stay, of an earlier run: %s", main, ", ".join(left))


def _summarise(facts: dict[str, Any], files: dict[str, Path]) -> None:
    shares = facts["statistics"]["percent"]
    if shares["clear"] is None:
        click.echo("no valid pixels: the product holds no data here", err=True)
    else:
        listed = ", ".join(f"{name.replace('_', ' ')} {share:.2f} %" for name, share in shares.items())
        click.echo(f"{listed} of {facts['statistics']['valid_percent']:.2f} % valid pixels", err=True)
    model = facts["model"]
    seconds = facts["seconds"]["total"]
    click.echo(f"{model['name']} {model['version']} on {facts['device']}, {seconds:.1f} s", err=True)
    click.echo(str(files["mask"]))
