"""Calling SNAP's graph processing tool."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError, OutputError, UsageError
from .home import Snap


def gpt_command(
    snap: Snap,
    graph: Path,
    product: Path,
    target: Path | None,
    format_: str | None,
    extra: Sequence[str] = (),
) -> list[str]:
    """The command line that runs a graph on a product.

    Paths are made absolute: SNAP's Sentinel-2 reader fails on relative ones. So are those of `extra`, the
    values of -Pname=value and -Sname=file that are there and are written like a path.

    Raises
    ------
    InputError
        If the product is not there.
    OutputError
        If the folder of the target is not there.
    UsageError
        If `extra` sets a variable that the graph does not use, or leaves one unset, or the graph does not use
        the product: gpt would mind none of it.
    """
    if not product.exists():
        raise InputError(f"{product}: no such product")
    try:
        known = set(re.findall(r"\$\{(\w+)\}", graph.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{graph}: cannot read the graph: {error}") from error
    for argument in extra:
        name = argument[2:].partition("=")[0]
        if argument.startswith("-P") and name not in known:
            raise UsageError(
                f"{argument}: {graph.name} has no variable {name}, so gpt would ignore it; known is "
                f"{', '.join(sorted(known))}. Options of the mask go into the node CloudMask of a copy of "
                "the graph ('cloudmask snap graphs' says where it is), named with -g"
            )
    given = {a[2:].partition("=")[0] for a in extra if a.startswith("-P")} | {"input"}
    if "input" not in known:
        raise UsageError(
            f"{graph}: expected the variable ${{input}} for the product, found "
            f"{', '.join(sorted(known)) or 'none'}"
        )
    if known - given:
        wanted = ", ".join(f"-P{name}=..." for name in sorted(known - given))
        raise UsageError(f"{graph.name}: expected {wanted} as well, found no value for it")
    command = [str(snap.gpt), str(graph), f"-Pinput={product.absolute()}"]
    if target is not None:
        if not target.absolute().parent.is_dir():
            raise OutputError(f"{target.absolute().parent}: no such folder for the target; make it first")
        command += ["-t", str(target.absolute())]
    if format_ is not None:
        command += ["-f", format_]
    return [*command, *(_absolute(argument) for argument in extra)]


def _absolute(argument: str) -> str:
    """An argument for gpt, its value absolute if it is the path of a file that is there."""
    name, _, value = argument.partition("=")
    # A product is all that -S takes; after -P a mere word may be the name of some folder by chance.
    like_a_path = name.startswith("-S") or (name.startswith("-P") and re.search(r"[./\\]", value))
    return f"{name}={Path(value).absolute()}" if value and like_a_path and Path(value).exists() else argument


def run_gpt(command: Sequence[str]) -> int:
    """Run a command line with our streams and return its exit code.

    Raises
    ------
    InputError
        If it cannot be started.
    """
    try:
        return subprocess.run(command, check=False).returncode
    except OSError as error:
        raise InputError(f"{command[0]}: cannot be started: {error.strerror}") from error
