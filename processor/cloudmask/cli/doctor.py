"""``cloudmask doctor``: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from .. import __version__
from ..errors import CloudMaskError, DeviceError, InputError


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
    needed : bool
        Whether masking fails without it.
    """

    subject: str
    state: str
    cure: str = ""
    needed: bool = False


@click.command("doctor", short_help="Print versions and devices, and what is missing.")
def command() -> int:
    """Print versions, devices, GDAL's JPEG 2000 driver, models and SNAP, and how to get what is missing.

    Exit code 0 if products can be masked, 4 if something needed is missing.
    """
    broken = False
    for finding in examine():
        mark = "ok  " if not finding.cure else "FAIL" if finding.needed else "note"
        click.echo(f"{mark}  {finding.subject:<22} {finding.state}")
        if finding.cure:
            click.echo(f"      -> {finding.cure}")
        broken |= bool(finding.cure) and finding.needed
    return DeviceError.exit_code if broken else 0


def examine() -> Iterator[Finding]:
    """Look at everything masking needs or can use."""
    yield Finding("cloudmask", f"{__version__} in {Path(__file__).parents[1]}")
    yield Finding("Python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    for package in ("numpy", "scipy", "lxml", "rasterio", "click", "pillow", "tqdm"):
        yield _package(package)
    yield from _runtime()
    yield _jpeg2000()
    yield from _models()
    yield _memory()
    yield _snap()


def _package(name: str) -> Finding:
    try:
        return Finding(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "not installed", f"pip install {name}", needed=True)


def _runtime() -> Iterator[Finding]:
    from ..onnx_model import EXTRAS, PROVIDERS, available_devices, runtime

    try:
        version = runtime().__version__
        there = available_devices()
    except DeviceError as error:
        yield Finding("ONNX Runtime", "not installed", str(error), needed=True)
        return
    yield Finding("ONNX Runtime", version)
    for device in PROVIDERS:
        if device in there:
            chosen = " (taken by --device auto)" if device == there[0] else ""
            yield Finding(f"device {device}", f"available{chosen}")
        else:
            cure = f"in a fresh environment: pip install '.[{EXTRAS[device]}]'"
            yield Finding(f"device {device}", "not in this build of ONNX Runtime", cure)


def _jpeg2000() -> Finding:
    import rasterio

    from ..jp2 import jpeg2000_driver

    driver = jpeg2000_driver()
    state = f"GDAL {rasterio.__gdal_version__}, {driver or 'no JPEG 2000 driver'}"
    cure = "" if driver else "pip install --force-reinstall rasterio (its wheels have OpenJPEG)"
    return Finding("JPEG 2000", state, cure, needed=True)


def _models() -> Iterator[Finding]:
    from ..catalog import catalog

    try:
        entries = catalog()
    except CloudMaskError as error:
        yield Finding("models", "unusable", str(error), needed=True)
        return
    for level in ("L1C", "L2A"):
        usable = [e for e in entries if e.card.level == level and e.path is not None]
        if usable:
            card = usable[0].card
            yield Finding(f"model {level}", f"{card.name} {card.version}")
        else:
            lacking = [e.missing for e in entries if e.card.level == level]
            cure = lacking[0] if lacking else "add a model; docs/models.md says how"
            yield Finding(f"model {level}", "none installed", cure, needed=True)


def _memory() -> Finding:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, OSError, ValueError):
        return Finding("memory", "unknown on this system")
    cure = "" if total >= 4 else "a whole product needs up to 4 GiB; mask parts of it with --aoi"
    return Finding("memory", f"{total:.1f} GiB, {os.cpu_count()} processors", cure)


def _snap() -> Finding:
    from ..snap.home import find_snap

    try:
        snap = find_snap()
    except InputError:
        return Finding(
            "ESA SNAP", "not found (only needed for the plug-in; 'cloudmask snap doctor' says more)"
        )
    return Finding(
        "ESA SNAP", f"{snap.version} in {snap.home} ('cloudmask snap doctor' looks closer)".lstrip()
    )
