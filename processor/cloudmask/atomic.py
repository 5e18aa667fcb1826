"""Outputs that appear whole or not at all.

Files are written in a hidden folder beside their target, on the same file system, and renamed at
the end. The folder goes when writing fails; one left by a process that was killed outright is
removed by the next that writes there.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from .errors import OutputError

_NAME = re.compile(r"^\.cloudmask-(?P<host>[^.]*)-(?P<pid>\d+)-[^-]*$")


def check_targets(targets: Sequence[Path], overwrite: bool) -> None:
    """Refuse targets that exist or whose folder cannot be written, before any work is done.

    Raises
    ------
    OutputError
        Naming the file and what to do.
    """
    for target in targets:
        if target.exists() and not overwrite:
            raise OutputError(
                f"{target}: exists already; use --overwrite (in Python: overwrite=True) to replace it, or "
                "another name"
            )
    for folder in {target.parent for target in targets}:
        if not folder.is_dir():
            raise OutputError(f"{folder}: no such folder for the output; make it first")
        if not os.access(folder, os.W_OK):
            raise OutputError(f"{folder}: no permission to write there; use -o for another place")


class AtomicOutputs:
    """A context in which several outputs are made that belong together.

    Parameters
    ----------
    targets : sequence of Path
        Files or folders to make, all in one folder.
    overwrite : bool
        Whether existing ones may be replaced.

    Raises
    ------
    OutputError
        If a target exists, or cannot be written.
    """

    def __init__(self, targets: Sequence[Path], *, overwrite: bool = False) -> None:
        self._targets = [t.absolute() for t in targets]
        self._overwrite = overwrite
        self._folder: Path | None = None

    def __enter__(self) -> AtomicOutputs:
        check_targets(self._targets, self._overwrite)
        parent = self._targets[0].parent
        _remove_stale(parent)
        prefix = f".cloudmask-{_host()}-{os.getpid()}-"
        try:
            self._folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        except OSError as error:
            raise _output_error(parent, error) from error
        return self

    def path(self, target: Path) -> Path:
        """Where to write a target for now."""
        assert self._folder is not None
        return self._folder / target.name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._folder is not None
        try:
            if error is None:
                self._publish()
            elif isinstance(error, OSError) and not isinstance(error, OutputError):
                raise _output_error(self._targets[0], error) from error
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _publish(self) -> None:
        assert self._folder is not None
        for target in self._targets:
            if target.is_dir() and not (self._folder / target.name).is_dir():
                raise OutputError(f"{target}: is a folder; remove it, or take another name for the output")
        done: list[tuple[Path, Path | None]] = []
        try:
            for target in self._targets:
                old = None
                if target.exists():
                    # What was there goes with the temporaries, or back if another output cannot be renamed.
                    old = self._folder / f"{target.name}.old"
                    _keep(target, old)
                done.append((target, old))
                (self._folder / target.name).replace(target)
        except OSError as error:
            self._undo(done)
            raise _output_error(self._targets[0], error) from error

    def _undo(self, done: Sequence[tuple[Path, Path | None]]) -> None:
        """Put back what was there before."""
        assert self._folder is not None
        for target, old in reversed(done):
            if target.exists():
                target.rename(self._folder / f"{target.name}.new")
            if old is not None:
                old.rename(target)


def _keep(target: Path, old: Path) -> None:
    """Give what is there a second name; a folder, over which none can be renamed, is moved there."""
    if target.is_dir():
        target.rename(old)
        return
    try:
        os.link(target, old)  # so that readers find the one file or the other at any moment
    except OSError:  # file systems without links
        target.rename(old)


def write_text(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write one text file (UTF-8) atomically."""
    with AtomicOutputs([path], overwrite=overwrite) as outputs:
        outputs.path(path).write_text(text, encoding="utf-8")


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", socket.gethostname())[:40]


def _remove_stale(parent: Path) -> None:
    """Remove what processes of this machine left that do not live any more."""
    for folder in parent.glob(".cloudmask-*"):
        match = _NAME.match(folder.name)
        if match and match["host"] == _host() and not _alive(int(match["pid"])):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    if os.name == "nt":  # signal 0 would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _output_error(target: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    free = ""
    try:
        free = f" ({shutil.disk_usage(target.parent if not target.is_dir() else target).free >> 20} MB free)"
    except OSError:
        free = ""
    return OutputError(f"{target}: cannot be written: {reason}{free}; nothing was left behind")
