"""What machine the numbers are from."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from .. import __version__
from ..cpu import thread_count
from ..onnx_model import available_devices, runtime

_PACKAGES = ("ukis-csmask", "s2cloudless", "numpy", "rasterio")


def machine() -> dict[str, Any]:
    """Processor, threads, load, and versions of what was measured."""
    return {
        "processor": _processor(),
        "cores": thread_count(0),
        "system": platform.platform(terse=True),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "devices": available_devices(),
        "versions": {"cloudmask": __version__, "onnxruntime": runtime().__version__, **_versions()},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
