"""Files that go to SNAP: the operator's module and the graphs.

They lie in ``snap_module/`` and ``graphs/`` at the root of the repository, where people look for
them, and are packed into the wheel as ``cloudmask/snap/module`` and ``cloudmask/snap/graphs``.
"""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

from ..errors import InputError

DEFAULT_GRAPH = "cloudmask_graph"

_PACKAGE = Path(__file__).parent
_REPOSITORY = _PACKAGE.parents[2]


def _folder(packed: str, in_repository: str) -> Path:
    for folder in (_PACKAGE / packed, _REPOSITORY / in_repository):
        if folder.is_dir():
            return folder
    raise InputError(
        f"{_PACKAGE / packed}: the SNAP plug-in's files are missing from this installation; install it again"
    )


def module_folder() -> Path:
    """The folder with service file, operator, descriptor, layer and help."""
    return _folder("module", "snap_module")


def graph_folder() -> Path:
    """The folder with the graphs."""
    return _folder("graphs", "graphs")


def graphs() -> dict[str, Path]:
    """The graphs by name, the default one first."""
    found = sorted(graph_folder().glob("*.xml"), key=lambda p: (p.stem != DEFAULT_GRAPH, p.stem))
    return {p.stem: p for p in found}


def find_graph(name: str) -> Path:
    """A graph by name or file.

    Raises
    ------
    InputError
        If there is no such graph.
    """
    known = graphs()
    if name in known:
        return known[name]
    path = Path(name)
    if path.is_file():
        return path.absolute()
    raise InputError(f"{name}: expected a graph file or one of {', '.join(known)}")


def licence_text() -> str:
    """The licence of the package.

    Raises
    ------
    InputError
        If the installation has lost it.
    """
    in_repository = _REPOSITORY / "LICENSE"
    if in_repository.is_file():
        return in_repository.read_text("utf-8")
    for file in importlib.metadata.files("cloudmask") or []:
        if file.name == "LICENSE":
            return file.read_text("utf-8")
    raise InputError("the licence file of the package cloudmask is missing; install it again")


def purpose(graph: Path) -> str:
    """What a graph is for: the first sentence of the comment at its top."""
    match = re.search(r"<!--(.*?)-->", graph.read_text("utf-8"), re.S)
    words = " ".join(match[1].split()) if match else ""
    return words.split(". ")[0].rstrip(".") if words else ""
