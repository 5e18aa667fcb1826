"""``cloudmask snap``: the plug-in for ESA SNAP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def _places(function: F) -> F:
    home = click.option(
        "--snap-home",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="SNAP's installation; by default SNAP_HOME, the gpt on the path, or the usual places.",
    )
    user = click.option(
        "--user-dir",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="SNAP's user folder; by default ~/.snap.",
    )
    return home(user(function))


def _user_folder(snap_home: Path | None, user_dir: Path | None) -> Path:
    """The user folder; an installation is only asked if one is there."""
    from ..errors import InputError
    from ..snap.home import find_snap, user_folder

    if user_dir is not None:
        return user_folder(None, user_dir)
    try:
        return user_folder(find_snap(snap_home))
    except InputError:
        if snap_home is not None:
            raise
        return user_folder(None)


@click.group("snap", short_help="Install and check the plug-in for ESA SNAP.")
def command() -> None:
    """The plug-in for ESA SNAP: operator CloudMask, graphs, menu."""


@command.command("install")
@_places
def install_command(snap_home: Path | None, user_dir: Path | None) -> None:
    """Register the operator CloudMask with SNAP, and put the graphs into its menu."""
    from ..snap.install import install
    from ..snap.lines import own_line

    folder = _user_folder(snap_home, user_dir)
    for path in install(folder):
        click.echo(f"wrote {path}")
    click.echo(f"undo with: {own_line('uninstall', snap_home, user_dir)}")
    click.echo(f"check with: {own_line('doctor', snap_home, user_dir)}")


@command.command("uninstall")
@_places
def uninstall_command(snap_home: Path | None, user_dir: Path | None) -> None:
    """Remove what 'install' wrote."""
    from ..snap.install import uninstall

    folder = _user_folder(snap_home, user_dir)
    removed = uninstall(folder)
    for path in removed:
        click.echo(f"removed {path}")
    if not removed:
        click.echo(f"nothing installed in {folder}")


@command.command("doctor")
@_places
def doctor_command(snap_home: Path | None, user_dir: Path | None) -> int:
    """Check SNAP, its Python, the operator and its neighbours; each problem with what to do.

    Exit code 0 if the operator can run, 1 if something is in its way.
    """
    from ..snap.doctor import examine
    from ..snap.home import find_snap

    broken = False
    for finding in examine(snap_home, user_dir):
        mark = "ok  " if not finding.cure else "FAIL" if finding.fatal else "note"
        click.echo(f"{mark}  {finding.subject:<15} {finding.state}")
        if finding.cure:
            click.echo(f"      -> {finding.cure}")
        broken |= bool(finding.cure) and finding.fatal
    if broken:
        click.echo("CloudMask cannot run in SNAP yet: do what the first FAIL says, and ask again")
        return 1
    click.echo(f"CloudMask is ready in SNAP: {find_snap(snap_home).gpt} CloudMask -h")
    return 0


class _PassingOn(click.Command):
    """A command that leaves gpt's -Pname=value, -Sname=file and -Jvalue whole.

    Taken for short options in a row they would lose what follows the first letter that is one of ours.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put gpt's own behind a ``--``."""
        end = args.index("--") if "--" in args else len(args)
        ours = [a for a in args[:end] if a[:2] not in _GPT]
        passed = [a for a in args[:end] if a[:2] in _GPT]
        return super().parse_args(ctx, [*ours, "--", *passed, *args[end + 1 :]])


_GPT = ("-P", "-S", "-J", "-D")


@command.command("run", cls=_PassingOn, context_settings={"ignore_unknown_options": True})
@click.argument("product", type=click.Path(path_type=Path))
@click.argument("gpt_arguments", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "-g",
    "--graph",
    default="cloudmask_graph",
    show_default=True,
    metavar="NAME|FILE",
    help="A graph that comes with the plug-in ('cloudmask snap graphs' lists them), or any file.",
)
@click.option("-t", "--target", type=click.Path(path_type=Path), help="File to write; by default target.dim.")
@click.option("-f", "--format", "format_", help="SNAP's name of a format; by default BEAM-DIMAP.")
@click.option(
    "--snap-home",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="SNAP's installation; by default SNAP_HOME, the gpt on the path, or the usual places.",
)
def run_command(
    product: Path,
    gpt_arguments: tuple[str, ...],
    graph: str,
    target: Path | None,
    format_: str | None,
    snap_home: Path | None,
) -> int:
    """Run a graph on PRODUCT with SNAP's gpt; further arguments go to gpt as they are.

    The exit code is gpt's.
    """
    from ..snap.gpt import gpt_command, run_gpt
    from ..snap.home import find_snap
    from ..snap.resources import find_graph

    line = gpt_command(find_snap(snap_home), find_graph(graph), product, target, format_, gpt_arguments)
    return run_gpt(line)


@command.command("graphs")
def graphs_command() -> None:
    """List the graphs that come with the plug-in; copy one to change it, and name the copy with 'run -g'."""
    from ..snap.resources import graphs, purpose

    for name, path in graphs().items():
        click.echo(f"{name}  {path}\n    {purpose(path)}")


@command.command("build-nbm")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("."),
    help="File or folder; by default cloudmask-<version>.nbm here.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
def build_nbm_command(output: Path, overwrite: bool) -> None:
    """Write the plug-in for SNAP Desktop: Tools > Plugins > Downloaded > Add Plugins."""
    from ..snap.nbm import build_nbm

    click.echo(f"wrote {build_nbm(output, overwrite=overwrite)}")
    click.echo("install it in SNAP Desktop: Tools > Plugins > Downloaded > Add Plugins, and restart")


@command.command("descriptor")
def descriptor_command() -> None:
    """Print the operator's descriptor, generated from the options of this version."""
    from ..snap.descriptor import render

    click.echo(render().decode("utf-8"), nl=False)
