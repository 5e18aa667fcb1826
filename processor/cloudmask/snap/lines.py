"""Command lines of ours to copy from a message into a terminal."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path


def own_line(verb: str, home: Path | None = None, user: Path | None = None) -> str:
    """``cloudmask snap VERB`` as it can be called here, for the same places.

    Parameters
    ----------
    verb : str
        ``"install"``.
    home, user : Path or None
        What was given as --snap-home and --user-dir.
    """
    parts = [_program(), "snap", verb]
    for option, value in (("--snap-home", home), ("--user-dir", user)):
        if value is not None:
            parts += [option, str(value)]
    return subprocess.list2cmdline(parts) if os.name == "nt" else shlex.join(parts)


def _program() -> str:
    """Its name if the shell finds it by that, else where it lies beside our Python."""
    found = shutil.which("cloudmask", path=str(Path(sys.executable).parent))
    on_path = shutil.which("cloudmask")
    if found is None or (on_path is not None and Path(on_path).resolve() == Path(found).resolve()):
        return "cloudmask"
    return found
