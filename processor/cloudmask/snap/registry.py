"""Python operators that an installation of SNAP would register, and what is wrong with them.

One broken descriptor stops the registration of all that follow, in an order that nobody controls,
so our neighbours matter as much as ourselves.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .descriptor import SERVICE, problems
from .home import Snap, extra_paths, read_from_jar

_OLD_SERVICES = (
    "META-INF/services/org.esa.snap.snappy.gpf.PyOperatorSpi",
    "META-INF/services/org.esa.snap.python.gpf.PyOperatorSpi",
    "META-INF/services/beampy-operators",
)


@dataclass(frozen=True)
class Registration:
    """One line of one service file.

    Attributes
    ----------
    root : Path
        Folder or jar that holds the service file.
    entry : str
        ``module.Class``; empty for a root whose service file SNAP 10 and later do not read.
    problems : tuple of str
        Why SNAP cannot use it, and what that breaks.
    breaks_others : bool
        Whether it takes other operators down.
    """

    root: Path
    entry: str
    problems: tuple[str, ...]
    breaks_others: bool


def registrations(snap: Snap | None, user: Path) -> list[Registration]:
    """Everything that SNAP would find, in the order in which it looks."""
    found: list[Registration] = []
    for parent in [user / "snap-python", *extra_paths(snap, user)]:
        if parent.is_dir():
            for root in sorted(p for p in parent.iterdir() if p.is_dir()):
                found.extend(_of_folder(root, root))
    modules = [c / "modules" for c in (snap.clusters if snap else [])] + [user / "system" / "modules"]
    for folder in modules:
        for jar in sorted(folder.glob("*.jar")):
            if read_from_jar(jar, SERVICE) is not None:
                found.extend(_of_jar(jar))
    return found


def _of_jar(jar: Path) -> Iterator[Registration]:
    """Look at a jar as at a folder: its service file and descriptors are few and small."""
    with tempfile.TemporaryDirectory(prefix="cloudmask-") as text, zipfile.ZipFile(jar) as archive:
        wanted = [n for n in archive.namelist() if n == SERVICE or n.endswith((".py", "-info.xml"))]
        archive.extractall(text, wanted)
        yield from _of_folder(jar, Path(text))


def _of_folder(root: Path, folder: Path) -> Iterator[Registration]:
    service = folder / SERVICE
    if not service.is_file():
        for old in _OLD_SERVICES:
            if (folder / old).is_file():
                text = f"{root}: has only {old}, which SNAP 10 and later do not read"
                yield Registration(root, "", (text,), False)
        return
    for line in service.read_text("utf-8", "replace").splitlines():
        entry = line.split("#")[0].strip()
        if entry:
            yield _check(root, folder, entry)


def _check(root: Path, folder: Path, entry: str) -> Registration:
    module, _, name = entry.rpartition(".")
    if not module or not name:
        return Registration(root, entry, (f"{root}: service entry '{entry}' is not module.Class",), False)
    stem = folder / module.replace(".", "/")
    if not stem.with_name(stem.name + ".py").is_file():
        text = f"{root}: service entry '{entry}' names a module that is not there; SNAP leaves it out"
        return Registration(root, entry, (text,), False)
    descriptor = stem.with_name(stem.name + "-info.xml")
    if not descriptor.is_file():
        text = f"{root}: the descriptor {descriptor.name} of '{entry}' is missing"
        return Registration(root, entry, (text,), True)
    found = [p.replace(str(folder), str(root)) for p in problems(descriptor)]
    if "'" in str(root):
        found.append(f"{root}: SNAP cannot import Python modules from a path with an apostrophe")
    return Registration(root, entry, tuple(found), bool(found))
