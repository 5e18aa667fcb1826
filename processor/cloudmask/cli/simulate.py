"""``cloudmask simulate``: write a synthetic product and its truth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from .. import __version__
from ..bands import LEVELS, RESOLUTIONS, Level
from ..errors import OutputError, UsageError

if TYPE_CHECKING:
    from ..simulate.ground import ClearScene
    from ..simulate.spec import SceneSpec

FULL = 10980
TILE = "T35VLG"
"""Tile whose grid simulated products lie on."""


class Size(click.ParamType):  # type: ignore[type-arg]
    """``full`` or a number of 10 m pixels."""

    name = "full|PX"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the side in 10 m pixels."""
        if value == "full":
            return FULL
        try:
            size = int(str(value))
        except ValueError:
            self.fail(f"'{value}' is neither 'full' nor a number of 10 m pixels", param, ctx)
        if size % 6 or not 36 <= size <= FULL:
            self.fail(f"{size} is not a multiple of 6 from 36 to {FULL}", param, ctx)
        return size


@click.command()
@click.argument("out_dir", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--level", type=click.Choice(LEVELS), default="L1C", show_default=True, help="Processing level."
)
@click.option("--baseline", default="05.11", show_default=True, help="Processing baseline, NN.NN.")
@click.option(
    "--size", type=Size(), default="1098", show_default=True, help="Side in 10 m pixels; full is 10980."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same product.")
@click.option(
    "--clouds",
    help="Kinds of cloud layers, separated by commas, or 'none'; drawn by default.",
)
@click.option(
    "--cover", type=click.FloatRange(0, 1), help="Share of the sky under each layer; drawn by default."
)
@click.option("--sun-zenith", type=click.FloatRange(0, 85), help="Degrees; drawn by default.")
@click.option("--biome", help="Kind of ground, such as coast or farmland; drawn by default.")
@click.option(
    "--ground",
    metavar="PRODUCT|NPZ",
    help="Clear scene to put the clouds over: a product, or an .npz file with x (rows, cols, bands), bands "
    "and gsd. A square of it is drawn by the seed. Procedural by default.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("safe", "arrays")),
    default="safe",
    show_default=True,
    help="A product, or .npz files with all that is known of the scene, as 'cloudmask train' reads them.",
)
@click.option(
    "--count",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="With --format arrays: scenes to make, of this seed and the next ones.",
)
@click.option(
    "--workers",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="With --format arrays: processes; 0 simulates in this one.",
)
@click.option(
    "--nodata",
    type=click.FloatRange(0, 1),
    default=0.08,
    show_default=True,
    help="Share of the product without data, beyond the edge of the swath; 0 fills the tile.",
)
@click.option(
    "--truth-resolution",
    type=click.Choice([str(r) for r in RESOLUTIONS]),
    default="20",
    show_default=True,
    help="Metres a pixel of the truth.",
)
@click.option("--zip", "zipped", is_flag=True, help="Write a zip of the product.")
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
def command(
    out_dir: Path,
    level: Level,
    baseline: str,
    size: int,
    seed: int,
    clouds: str | None,
    cover: float | None,
    sun_zenith: float | None,
    biome: str | None,
    ground: str | None,
    form: str,
    count: int,
    workers: int,
    nodata: float,
    truth_resolution: str,
    zipped: bool,
    overwrite: bool,
) -> int:
    """Write a synthetic SAFE product with clouds and shadows, and beside it their truth.

    The truth is <product>_truth.tif with the codes of the mask. Both paths are printed. With --format
    arrays, files simulated_<level>_<seed>.npz hold pixels of 20 m and their truth.
    """
    from ..atomic import AtomicOutputs
    from ..geotiff import auxiliary_path, write_classes
    from ..grid import Grid
    from ..simulate.product import ProductScene
    from ..simulate.safe_naming import Baseline, ProductNames
    from ..simulate.safe_tile import tile_grid
    from ..simulate.safe_writer import SENSING_TIME, write_safe
    from ..simulate.spec import SceneSpec

    _refuse_idle_options(form, clouds, ground)
    kinds = None if clouds is None else () if clouds == "none" else tuple(clouds.split(","))
    spec = SceneSpec(
        seed, level, size // 2, 20.0, biome=biome, clouds=kinds, cover=cover, sun_zenith=sun_zenith
    )
    surface = None if ground is None else _clear_scene(ground)
    if form == "arrays":
        return _write_arrays(out_dir, spec, surface, count, workers, overwrite)
    if count > 1 or workers:
        raise UsageError("--count and --workers: products are made one at a time; add --format arrays")
    names = ProductNames("S2A", level, Baseline.parse(baseline, level), TILE, SENSING_TIME)
    product = out_dir / (f"{names.stem}.zip" if zipped else names.product)
    truth = out_dir / f"{names.stem}_truth.tif"
    _make(out_dir)
    _check_free(
        [product, truth],
        overwrite,
        "products of all seeds have one name, so name another folder for this one",
    )
    with AtomicOutputs([product, truth, auxiliary_path(truth)], overwrite=overwrite) as outputs:
        scene = ProductScene(spec, edge=nodata, surface=None if surface is None else surface(spec))
        write_safe(scene, outputs.path(product).parent, baseline=baseline, tile=TILE, zip=zipped)
        gsd = int(truth_resolution)
        tile = tile_grid(TILE, size)
        grid = Grid(tile.crs, tile.ulx, tile.uly, gsd, gsd, tile.size(gsd), tile.size(gsd))
        tags = {"seed": str(seed), "software": f"cloudmask {__version__} simulate"}
        write_classes(outputs.path(truth), scene.truth(gsd), grid, tags)
    click.echo(product)
    click.echo(truth)
    return 0


def _refuse_idle_options(form: str, clouds: str | None, ground: str | None) -> None:
    """Refuse options given that change nothing, lest somebody takes what is made for what was asked for."""
    context = click.get_current_context()
    idle = {
        "--format arrays": ("baseline", "nodata", "truth_resolution", "zipped") if form == "arrays" else (),
        "--clouds none": ("cover",) if clouds == "none" else (),
        "--ground": ("biome",) if ground is not None else (),
    }
    flags = {p.name: p.opts[0] for p in context.command.params}
    for because, names in idle.items():
        for name in names:
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
                raise UsageError(f"{flags[name]} changes nothing with {because}; leave out one of the two")


def _clear_scene(ground: str) -> ClearScene:
    from ..npz import check_npz
    from ..simulate.ground import ClearScene

    file, _, array = ground.partition(".npz:")
    if array or ground.endswith(".npz"):
        check_npz(Path(f"{file}.npz" if array else ground))
    return ClearScene(ground)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make this folder ({error.strerror})") from error


def _check_free(targets: Sequence[Path], overwrite: bool, otherwise: str) -> None:
    """Refuse what is there and a folder without permission, with hints that fit this command."""
    for target in targets:
        if target.exists() and not overwrite:
            raise OutputError(f"{target}: exists already; {otherwise}, or use --overwrite to replace it")
    folder = targets[0].parent
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{folder}: no permission to write there; name another folder")


def _write_arrays(
    folder: Path, spec: SceneSpec, surface: ClearScene | None, count: int, workers: int, overwrite: bool
) -> int:
    from ..atomic import AtomicOutputs
    from ..simulate.streaming import simulate_scenes
    from ..train.arrays import write_arrays

    specs = [replace(spec, seed=spec.seed + i) for i in range(count)]
    targets = [folder / f"simulated_{s.level}_{s.seed}.npz" for s in specs]
    _make(folder)
    _check_free(targets, overwrite, "name another folder or another --seed")
    for target, scene in zip(targets, simulate_scenes(specs, surface, workers=workers), strict=True):
        with AtomicOutputs([target], overwrite=overwrite) as outputs:
            write_arrays(outputs.path(target), scene)
        click.echo(target)
    return 0
