"""The checks behind ``cloudmask snap doctor``: what users otherwise find out in forums."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import InputError
from . import descriptor
from .home import PythonConfig, Snap, find_snap, python_config, read_from_jar, user_folder
from .install import MODULE, Places
from .lines import own_line
from .registry import registrations

_PYTHONS = ((3, 10), (3, 13))
_BRIDGE_JAR = "eu-esa-snap-esa-snappy.jar"
_LEAST_HEAP = 3 << 30  # S2Resampling at 10 m with SNAP's default tile cache of 1 GiB
_OWN_MEMORY = 3 << 30  # mask, network and strips of a product at 10 m
_TIMEOUT = 180  # seconds; importing onnxruntime from a slow disk, or on a busy machine, takes a while
# Not by name: a package of other people has it on the Python Package Index.
_FROM_FOLDER = "'.[cpu]' in the folder of cloudmask"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes
    ----------
    subject : str
        What was looked at.
    state : str
        What was found.
    cure : str
        What to do; empty if all is well.
    fatal : bool
        Whether the operator cannot run because of it.
    """

    subject: str
    state: str
    cure: str = ""
    fatal: bool = False


def examine(home: Path | None = None, user: Path | None = None) -> Iterator[Finding]:
    """Look at everything that the operator needs.

    Parameters
    ----------
    home, user : Path or None
        What was given as --snap-home and --user-dir; cures name them again.
    """
    try:
        snap: Snap | None = find_snap(home)
    except InputError as error:
        snap = None
        state, _, cure = str(error).partition("; ")
        yield Finding("SNAP", state, cure, fatal=True)
    if snap is not None:
        yield _version(snap)
        yield _bridge(snap)
        yield _memory(snap)
    folder = user_folder(snap, user)
    yield Finding("user folder", str(folder))
    yield from _python(python_config(snap, folder), snap)
    yield from _operators(snap, folder, {v: own_line(v, home, user) for v in ("install", "uninstall")})


def _version(snap: Snap) -> Finding:
    state = f"{snap.version or 'unknown version'} in {snap.home}"
    if snap.major is not None and snap.major < 10:
        cure = "SNAP 9 and earlier look for Python operators under another name; install SNAP 12 or later"
        return Finding("SNAP", state, cure, fatal=True)
    return Finding("SNAP", state)


def _bridge(snap: Snap) -> Finding:
    for cluster in snap.clusters:
        if (cluster / "modules" / _BRIDGE_JAR).is_file():
            return Finding("Python bridge", f"in {cluster}")
    cure = (
        "run SNAP's installer again and tick its Python component (esa-snappy), or install 'ESA SNAPPY' in "
        "SNAP Desktop under Tools > Plugins; then bin/snappy-conf PYTHON"
    )
    return Finding("Python bridge", f"no {_BRIDGE_JAR} in {snap.home}", cure, fatal=True)


def _memory(snap: Snap) -> Finding:
    text = ""
    options = snap.home / "bin" / "gpt.vmoptions"
    if options.is_file():
        text = options.read_text("utf-8", "replace")
    match = re.search(r"^\s*-Xmx(\d+)([kKmMgG]?)", text, re.M)
    if not match:
        return Finding("memory", f"no -Xmx in {options}; Java takes a quarter of the machine's")
    heap = int(match[1]) << {"": 0, "k": 10, "m": 20, "g": 30}[match[2].lower()]
    total = _physical_memory()
    state = f"Java may take {heap / 2**30:.1f} GiB (-Xmx in {options})"
    if heap < _LEAST_HEAP:
        return Finding("memory", state, f"write -Xmx{_LEAST_HEAP >> 30}G or more into that file")
    if total and heap + _OWN_MEMORY > total:
        room = max(total - _OWN_MEMORY, _LEAST_HEAP) >> 30
        cure = f"the network needs about 3 GiB outside Java: write -Xmx{room}G into that file"
        return Finding("memory", f"{state} of {total / 2**30:.1f} GiB", cure)
    return Finding("memory", state)


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows
        return 0


def _python(config: PythonConfig, snap: Snap | None) -> Iterator[Finding]:
    tool = f"{snap.home / 'bin' / 'snappy-conf'}" if snap else "bin/snappy-conf"
    subject = "SNAP's Python"
    own = _own_python()
    another = f"{tool} {own or '/path/to/python3 (3.10 to 3.13, with esa_snappy and cloudmask in it)'}"
    if config.executable is None:
        yield Finding(subject, f"none configured in {config.origin}", another, fatal=True)
        return
    if not config.executable.is_file():
        state = f"{config.executable} (from {config.origin}) does not exist"
        yield Finding(subject, state, another, fatal=True)
        return
    try:
        facts = _ask(config)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        state = f"{config.executable} does not answer: {_reason(error)}"
        yield Finding(subject, state, another, fatal=True)
        return
    version = tuple(facts["version"][:2])
    state = f"{'.'.join(map(str, facts['version']))}, {config.executable} (from {config.origin})"
    if not _PYTHONS[0] <= version <= _PYTHONS[1]:
        cure = f"cloudmask runs on Python 3.10 to 3.13: {another}"
        yield Finding(subject, state, cure, fatal=True)
        return
    packages = facts["packages"]
    if own and own != config.executable and "error" in packages["cloudmask"]:
        # One step instead of a list of packages to add to a Python that may belong to the system.
        cure = f"this Python has all that it needs: {another}"
        yield Finding(subject, f"{state}, has no cloudmask", cure, fatal=True)
        return
    yield Finding(subject, state)
    pip = f"{config.executable} -m pip install"
    cures = {
        "esa_snappy": f"{pip} esa_snappy; then {tool} {config.executable}",
        "numpy": f"{pip} {_FROM_FOLDER}",
        "onnxruntime": f"{pip} {_FROM_FOLDER}",
        "cloudmask": f"{pip} {_FROM_FOLDER} (without --editable, whose links SNAP's Python ignores)",
    }
    if packages["cloudmask"].get("foreign"):
        cures["cloudmask"] = f"{config.executable} -m pip uninstall cloudmask; then {cures['cloudmask']}"
    for name, cure in cures.items():
        yield _package(name, packages[name], cure)


def _reason(error: Exception) -> str:
    """In a few words: what subprocess says holds the whole program that was asked for."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"nothing came within {error.timeout:.0f} seconds"
    if isinstance(error, subprocess.CalledProcessError):
        lines = (error.stderr or "").strip().splitlines()
        return f"it ended with exit code {error.returncode}" + (f", {lines[-1]}" if lines else "")
    return str(error)


def _own_python() -> Path | None:
    """The Python that runs this, if SNAP could use it: esa_snappy lies beside cloudmask itself."""
    site = Path(__file__).parents[2]
    fits = _PYTHONS[0] <= sys.version_info[:2] <= _PYTHONS[1]
    return Path(sys.executable) if fits and (site / "esa_snappy").is_dir() else None


def _package(name: str, answer: dict[str, Any], cure: str) -> Finding:
    subject = f"  {name}"
    if answer.get("foreign"):
        state = f"the one in {answer['folder']} is another package of that name"
        return Finding(subject, state, cure, fatal=True)
    if "error" in answer:
        return Finding(subject, f"cannot be imported there: {answer['error']}", cure, fatal=True)
    state = f"{answer['version']} in {answer['folder']}"
    if name == "cloudmask" and answer["version"] != __version__:
        return Finding(
            subject, state, f"this command is {__version__}; {cure.replace('install', 'install -U', 1)}"
        )
    return Finding(subject, state)


# Runs in the Python that SNAP embeds, as it is embedded: no virtual environment, no .pth files, the
# two folders of esa_snappy first. esa_snappy itself would start a Java machine: it is only looked for.
_QUESTION = """
import importlib, importlib.util, json, sys
sys.path[:0] = [p for p in sys.argv[1:] if p]
packages = {}
for name in ("numpy", "onnxruntime", "cloudmask"):
    try:
        module = importlib.import_module(name)
        if name == "cloudmask":
            if importlib.util.find_spec("cloudmask.snap") is None:
                packages[name] = {"error": "", "foreign": True, "folder": str(module.__path__[0])}
                continue
            importlib.import_module("cloudmask.snap.operator")
        version, folder = getattr(module, "__version__", "?"), str(module.__path__[0])
        packages[name] = {"version": version, "folder": folder}
    except Exception as error:
        packages[name] = {"error": f"{type(error).__name__}: {error}"}
spec = importlib.util.find_spec("esa_snappy")
if spec is None or not spec.submodule_search_locations:
    packages["esa_snappy"] = {"error": "no such package"}
else:
    packages["esa_snappy"] = {"version": "found", "folder": list(spec.submodule_search_locations)[0]}
print(json.dumps({"version": list(sys.version_info[:3]), "packages": packages}))
"""


def _ask(config: PythonConfig) -> dict[str, Any]:
    """What SNAP's Python is and can import."""
    executable = str(config.executable)
    find = "import sys, sysconfig; print(getattr(sys, '_base_executable', sys.executable)); "
    find += "print(sysconfig.get_paths()['purelib'])"
    base, purelib = _output([executable, "-c", find]).split("\n")[:2]
    module_dir = str(config.module_dir) if config.module_dir else purelib
    folders = [str(Path(module_dir) / "esa_snappy"), module_dir]
    answer: dict[str, Any] = json.loads(_output([base, "-c", _QUESTION, *folders]).splitlines()[-1])
    return answer


def _output(command: list[str]) -> str:
    # A virtual environment of this command must not leak into SNAP's Python.
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "VIRTUAL_ENV")}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=_TIMEOUT, env=environment, cwd=os.sep
    )
    return done.stdout.strip()


def _operators(snap: Snap | None, user: Path, lines: dict[str, str]) -> Iterator[Finding]:
    ours = []
    for registration in registrations(snap, user):
        if registration.entry.startswith(f"{MODULE}."):
            ours.append(registration)
        elif registration.problems:
            cure = f"repair it, or move {registration.root} away"
            if registration.breaks_others:
                cure += "; until then SNAP may not register CloudMask or any other Python operator"
            text = "; ".join(registration.problems)
            yield Finding("other plug-in", text, cure, fatal=registration.breaks_others)
    if not ours:
        state = f"not registered: nothing in {Places(user).module}"
        yield Finding("CloudMask", state, lines["install"], fatal=True)
    for registration in ours:
        if registration.problems:
            text = "; ".join(registration.problems)
            yield Finding("CloudMask", text, lines["install"], fatal=True)
        elif _descriptor_of(registration.root) != descriptor.render():
            state = f"registered by {registration.root}, written by another version of cloudmask"
            yield Finding("CloudMask", state, lines["install"])
        else:
            yield Finding("CloudMask", f"registered by {registration.root}")
    if len(ours) > 1:
        roots = " and ".join(str(r.root) for r in ours)
        yield Finding("CloudMask", f"registered twice: {roots}", f"keep one: {lines['uninstall']}")


def _descriptor_of(root: Path) -> bytes | None:
    name = f"{MODULE}-info.xml"
    return (root / name).read_bytes() if root.is_dir() else read_from_jar(root, name)
