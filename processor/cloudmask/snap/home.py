"""Where SNAP is installed, where its user folder is, and which Python it is configured for."""

from __future__ import annotations

import os
import re
import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError

HOME_VARIABLE = "SNAP_HOME"

_GPT = "gpt.exe" if os.name == "nt" else "gpt"
_NAMES = ("esa-snap", "snap")
_PARENTS = {
    "win32": (Path.home(), Path("C:/Program Files")),
    "darwin": (Path("/Applications"), Path.home()),
}.get(sys.platform, (Path.home(), Path("/opt"), Path("/usr/local")))


@dataclass(frozen=True)
class Snap:
    """An installation of SNAP.

    Attributes
    ----------
    home : Path
        Installation folder.
    version : str
        ``"13.0.2"``; empty if unknown.
    """

    home: Path
    version: str

    @property
    def gpt(self) -> Path:
        """The graph processing tool."""
        return self.home / "bin" / _GPT

    @property
    def major(self) -> int | None:
        """First number of the version."""
        match = re.match(r"\d+", self.version)
        return int(match[0]) if match else None

    @property
    def clusters(self) -> list[Path]:
        """Folders that hold a folder ``modules``: snap, opttbx, esasnappy, ..."""
        return sorted(p.parent for p in self.home.glob("*/modules") if p.is_dir())


@dataclass(frozen=True)
class PythonConfig:
    """The Python that SNAP starts inside itself.

    Attributes
    ----------
    executable : Path or None
        None if none is configured.
    module_dir : Path or None
        The site-packages folder that holds ``esa_snappy``.
    origin : Path
        The file that says so, or should.
    """

    executable: Path | None
    module_dir: Path | None
    origin: Path


def find_snap(home: Path | None = None) -> Snap:
    """Find an installation: as given, ``SNAP_HOME``, ``gpt`` on the path, or the usual places.

    Raises
    ------
    InputError
        If there is none; the message lists where it was looked for.
    """
    named = home or (Path(os.environ[HOME_VARIABLE]) if os.environ.get(HOME_VARIABLE) else None)
    candidates = [named] if named else _usual_places()
    for candidate in candidates:
        if (candidate / "bin" / _GPT).is_file():
            return Snap(candidate.absolute(), _version(candidate))
    listed = ", ".join(str(c / "bin" / _GPT) for c in candidates)
    raise InputError(
        f"no ESA SNAP found: looked for {listed}; install SNAP (https://step.esa.int/main/download) or "
        f"say where it is with --snap-home DIR or the environment variable {HOME_VARIABLE}"
    )


def _usual_places() -> list[Path]:
    on_path = shutil.which("gpt")
    # The installer puts links on the path; the installation is where they point.
    found = [Path(on_path).resolve().parents[1]] if on_path else []
    return found + [parent / name for parent in _PARENTS for name in _NAMES]


def _version(home: Path) -> str:
    file = home / "VERSION.txt"
    if file.is_file():
        match = re.search(r"\d+(\.\d+)*", file.read_text("utf-8", "replace"))
        if match:
            return match[0]
    for jar in home.glob("snap/modules/org-esa-snap-snap-core.jar"):
        manifest = read_from_jar(jar, "META-INF/MANIFEST.MF")
        match = re.search(
            r"OpenIDE-Module-Specification-Version: ([\d.]+)", (manifest or b"").decode("utf-8", "replace")
        )
        if match:
            return match[1]
    return ""


def user_folder(snap: Snap | None, given: Path | None = None) -> Path:
    """SNAP's user folder: as given, as its properties say, or ``~/.snap``."""
    if given is not None:
        return given.absolute()
    text = read_properties(snap.home / "etc" / "snap.properties").get("snap.userdir", "") if snap else ""
    if text:
        home = str(Path.home())
        return Path(text.replace("${USER_HOME}", home).replace("${user.home}", home))
    return Path.home() / ".snap"


def python_config(snap: Snap | None, user: Path) -> PythonConfig:
    """Which Python ``snappy-conf`` configured; the user's own file comes before the installation's."""
    origin = user / "snap-python" / "snappy.properties"
    files = [origin, user / "etc" / "snap.properties"]
    if snap is not None:
        files.append(snap.home / "etc" / "snap.properties")
    for file in files:
        settings = read_properties(file)
        executable, module_dir = (settings.get(f"snap.python{k}") for k in ("Executable", "ModuleDir"))
        if executable:
            return PythonConfig(Path(executable), Path(module_dir) if module_dir else None, file)
    return PythonConfig(None, None, origin)


def extra_paths(snap: Snap | None, user: Path) -> list[Path]:
    """Folders of ``snap.pythonExtraPaths``; SNAP looks at their direct sub-folders."""
    files = [user / "etc" / "snap.properties"]
    if snap is not None:
        files.append(snap.home / "etc" / "snap.properties")
    for file in files:
        text = read_properties(file).get("snap.pythonExtraPaths", "")
        if text:
            return [Path(p) for p in text.split(os.pathsep) if p]
    return []


def read_properties(file: Path) -> dict[str, str]:
    """A Java properties file; empty if it is not there."""
    if not file.is_file():
        return {}
    settings = {}
    # ISO 8859-1 by definition; other characters come as \\uXXXX.
    for line in file.read_text("iso-8859-1").splitlines():
        match = re.match(r"\s*((?:\\.|[^\\=:\s#!])(?:\\.|[^\\=:\s])*)\s*[=:\s]\s*(.*)", line)
        if match:
            settings[_unescape(match[1])] = _unescape(match[2]).strip()
    return settings


def _unescape(text: str) -> str:
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), text)
    return re.sub(r"\\(.)", r"\1", text)


def read_from_jar(jar: Path, name: str) -> bytes | None:
    """One entry of a jar; None if it has none or is no jar."""
    try:
        with zipfile.ZipFile(jar) as archive:
            return archive.read(name)
    except (KeyError, OSError, zipfile.BadZipFile):
        return None
