"""``cloudmask run``: products to masks."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ..errors import CloudMaskError, DeviceError, OutputError, UsageError
from ..options import Options
from . import say_error
from .common import (
    collect_options,
    processing_options,
    progress_bar,
    set_up_logging,
    verbosity_options,
)

log = logging.getLogger(__name__)

_LOADED = 2
"""Networks kept from one product to the next: those of L1C and L2A."""


@click.command("run", short_help="Mask Sentinel-2 products.")
@click.argument("products", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="PRODUCT...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File or existing folder; by default <product>_cloudmask.tif beside the product. Of several "
    "products a folder.",
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
@click.option("--skip-existing", is_flag=True, help="Leave out products all of whose outputs exist.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the record of the run on standard output; of several products one a line.",
)
@verbosity_options
def command(
    products: tuple[Path, ...],
    output: Path | None,
    format_: str,
    probability_type: str,
    quicklook: bool,
    aoi: Path | None,
    overwrite: bool,
    skip_existing: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    threshold: tuple[str, ...],
    **values: Any,
) -> int:
    """Mask Sentinel-2 products: each PRODUCT a .SAFE folder, a zip of one, or its MTD_MSIL1C/2A.xml.

    Writes a GeoTIFF with the classes 1 clear, 2 cloud shadow, 3 semi-transparent cloud, 4 cloud,
    5 missing, and a JSON with percentages, options, model and timing beside it.

    Of several products one that cannot be masked does not stop the others; the exit code is that of the
    first of them.
    """
    set_up_logging(verbose, quiet)
    if overwrite and skip_existing:
        raise UsageError("--overwrite, --skip-existing: expected one of the two, found both")
    settings = _Settings(
        collect_options(values, threshold),
        output,
        format_,
        probability_type,
        quicklook,
        aoi,
        overwrite,
        # Products alike share a network: a GPU takes seconds to get ready.
        functools.lru_cache(maxsize=_LOADED)(_load_model),
    )

    def tell(facts: dict[str, Any]) -> None:
        if as_json:
            click.echo(json.dumps(facts, indent=2 if len(products) == 1 else None))
        elif not quiet:
            _summarise(facts)

    run = functools.partial(_mask, settings=settings, show=not (quiet or as_json))
    if len(products) > 1:
        return _mask_several(products, settings, skip_existing, run, tell, quiet)
    targets = _targets(products[0], settings)
    if skip_existing and targets.there():
        log.warning("%s: exists already; left out", targets.main)
    else:
        tell(run(products[0], targets))
    return 0


@dataclass(frozen=True)
class _Settings:
    """What holds for every product of a call."""

    options: Options
    output: Path | None
    format: str
    probability_type: str
    quicklook: bool
    aoi: Path | None
    overwrite: bool
    load: Callable[..., Any]


@dataclass(frozen=True)
class _Targets:
    """Where a product's mask goes, and every file that is written with it, by role."""

    main: Path
    files: dict[str, Path]

    def there(self) -> bool:
        """Whether all of them exist."""
        return all(file.exists() for file in self.files.values())


_Run = Callable[[Path, _Targets], dict[str, Any]]


def _mask_several(
    products: Sequence[Path],
    settings: _Settings,
    skip_existing: bool,
    run: _Run,
    tell: Callable[[dict[str, Any]], None],
    quiet: bool,
) -> int:
    """Mask one product after the other; returns the exit code."""
    if settings.output is not None and not settings.output.is_dir():
        raise UsageError(
            f"{settings.output}: expected an existing folder for the masks of {len(products)} products; "
            "make it first"
        )
    _refuse_shared_targets(products, settings)
    failed: list[int] = []
    done = left_out = 0
    for product in products:
        try:
            targets = _targets(product, settings)
            if skip_existing and targets.there():
                left_out += 1
                continue
            if skip_existing:
                _refuse_part_of_a_set(targets)
            facts = run(product, targets)
        except (UsageError, DeviceError):
            raise  # the others would meet the same
        except CloudMaskError as error:
            failed.append(say_error(str(error), error.exit_code))
            continue
        done += 1
        tell(facts)
    if failed or not quiet:
        skipped = f", {left_out} left out as masked already" if skip_existing else ""
        click.echo(f"{done} of {len(products)} products masked{skipped}, {len(failed)} failed", err=True)
    return failed[0] if failed else 0


def _refuse_part_of_a_set(targets: _Targets) -> None:
    """Name the outputs that are there where others of the set are not, as after a call with other options."""
    there = [file.name for file in targets.files.values() if file.exists()]
    if there:
        lacking = [file.name for file in targets.files.values() if not file.exists()]
        raise OutputError(
            f"{targets.main}: expected all outputs or none with --skip-existing, found "
            f"{', '.join(there)} without {', '.join(lacking)}; remove them, or mask this "
            "product with --overwrite"
        )


def _refuse_shared_targets(products: Sequence[Path], settings: _Settings) -> None:
    """See that no product's mask takes the place of another's."""
    seen: dict[Path, Path] = {}
    for product in products:
        try:
            main = _targets(product, settings).main.absolute()
        except CloudMaskError:
            continue  # said when its turn comes
        if main in seen:
            raise UsageError(
                f"{product}: expected products whose masks have names of their own, found {main.name} of "
                f"{seen[main]} as well; mask them into different folders"
            )
        seen[main] = product


def _targets(product: Path, settings: _Settings) -> _Targets:
    """Where the outputs of a product go."""
    from ..output import output_files, output_path
    from ..safe_files import open_files

    files = open_files(product)
    files.close()
    main = output_path(settings.output or files.folder, files.stem, settings.format)
    return _Targets(
        main, output_files(main, settings.format, settings.options.probabilities, settings.quicklook)
    )


def _mask(product: Path, targets: _Targets, *, settings: _Settings, show: bool) -> dict[str, Any]:
    """Mask a product and write what belongs to it; gives the record with the files."""
    _check(targets, settings)

    from ..api import mask_product  # loads GDAL, so only once the arguments are known to be good
    from ..output import record, save_mask

    with progress_bar(not show, targets.main.stem) as progress:
        mask = mask_product(
            product,
            settings.options,
            aoi=settings.aoi,
            preview=settings.quicklook,
            progress=progress,
            load=settings.load,
        )
    save_mask(
        mask,
        targets.main,
        format=settings.format,
        overwrite=settings.overwrite,
        quicklook=settings.quicklook,
        probability_type=settings.probability_type,
    )
    return record(mask) | {"files": {role: str(path) for role, path in targets.files.items()}}


def _load_model(*args: Any, **settings: Any) -> Any:
    from ..catalog import load_model

    return load_model(*args, **settings)


def _check(targets: _Targets, settings: _Settings) -> None:
    """Refuse outputs before any work if they exist or cannot be written."""
    from ..atomic import check_targets

    aoi = settings.aoi
    if aoi is not None and aoi.absolute() in [file.absolute() for file in targets.files.values()]:
        raise UsageError(f"{aoi}: the record would replace the area of interest; use -o for another name")
    try:
        check_targets(list(targets.files.values()), settings.overwrite)
    except OutputError as error:
        if settings.output is None and "permission" in str(error):
            raise OutputError(f"{error} (the product's own folder is the default)") from error
        raise
    _tell_of_leftovers(targets.main, settings.format, targets.files)


def _tell_of_leftovers(main: Path, format_: str, files: dict[str, Path]) -> None:
    """Say which files of an earlier run will stay beside the new mask."""
    from ..output import output_files

    every = output_files(main, format_, probabilities=True, quicklook=True)
    left = [file.name for role, file in every.items() if role not in files and file.exists()]
    if left:
        log.warning("%s: beside it stay, of an earlier run: %s", main, ", ".join(left))


def _summarise(facts: dict[str, Any]) -> None:
    shares = facts["statistics"]["percent"]
    if shares["clear"] is None:
        click.echo("no valid pixels: the product holds no data here", err=True)
    else:
        listed = ", ".join(f"{name.replace('_', ' ')} {share:.2f} %" for name, share in shares.items())
        click.echo(f"{listed} of {facts['statistics']['valid_percent']:.2f} % valid pixels", err=True)
    model = facts["model"]
    seconds = facts["seconds"]["total"]
    click.echo(f"{model['name']} {model['version']} on {facts['device']}, {seconds:.1f} s", err=True)
    click.echo(facts["files"]["mask"])
