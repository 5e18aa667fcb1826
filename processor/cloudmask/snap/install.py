"""Registering the operator: three files in SNAP's user folder, where every SNAP of the user finds them.

The folder ``snap-python`` is the one place that ``gpt``, SNAP Desktop and ``import esa_snappy``
all search; the property ``snap.pythonExtraPaths`` is not read in time by the last.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ..atomic import AtomicOutputs
from ..errors import OutputError
from . import resources
from .descriptor import SERVICE

NAME = "cloudmask"
MODULE = "cloudmask_op"
MODULE_FILES = (SERVICE, f"{MODULE}.py", f"{MODULE}-info.xml")


@dataclass(frozen=True)
class Places:
    """Where files go under a user folder."""

    user: Path

    @property
    def module(self) -> Path:
        """The operator."""
        return self.user / "snap-python" / NAME

    @property
    def graphs(self) -> Path:
        """The graphs; SNAP Desktop shows them in its menu Graphs."""
        return self.user / "graphs" / NAME


def install(user: Path) -> list[Path]:
    """Write operator and graphs; an earlier installation is replaced, a user's own graphs beside ours stay.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    OutputError
        If a folder of that name belongs to something else, or cannot be written.
    """
    places = Places(user)
    _refuse_foreign(places)
    source = resources.module_folder()
    _publish(places.module, {name: source / name for name in MODULE_FILES})
    shipped = {path.name: path for path in resources.graphs().values()}
    _publish(places.graphs, {**_own_graphs(places.graphs), **shipped})
    return [
        *sorted(p for p in places.module.rglob("*") if p.is_file()),
        *sorted(places.graphs / name for name in shipped),
    ]


def uninstall(user: Path) -> list[Path]:
    """Remove what :func:`install` wrote; returns the folders removed, none if there were none.

    A folder of graphs with a user's own stays, without ours.

    Raises
    ------
    OutputError
        If a folder of that name belongs to something else, or cannot be removed.
    """
    places = Places(user)
    _refuse_foreign(places)
    own = _own_graphs(places.graphs)
    removed = []
    for folder in (places.module, places.graphs):
        if not folder.is_dir():
            continue
        try:
            if folder == places.graphs and own:
                for path in resources.graphs().values():
                    (folder / path.name).unlink(missing_ok=True)
                continue
            shutil.rmtree(folder)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be removed: {error.strerror}") from error
        removed.append(folder)
    return removed


def _own_graphs(folder: Path) -> dict[str, Path]:
    """Files in the folder of graphs that are the user's, by their path in it."""
    shipped = {path.name for path in resources.graphs().values()}
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: path for name, path in found.items() if name not in shipped}


def _publish(folder: Path, files: dict[str, Path]) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder.parent}: cannot be made: {error.strerror}") from error
    with AtomicOutputs([folder], overwrite=True) as outputs:
        for name, source in files.items():
            target = outputs.path(folder) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _refuse_foreign(places: Places) -> None:
    if places.module.is_dir() and not (places.module / f"{MODULE}.py").is_file():
        raise OutputError(
            f"{places.module}: exists but is not this plug-in (no {MODULE}.py in it); move it away first"
        )
