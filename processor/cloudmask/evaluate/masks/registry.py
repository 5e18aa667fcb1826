"""Masks by name: what ``--masks`` understands.

``NAME[:ARGUMENT][@METRES][=FOLDER]``, separated by commas: ``cloudmask``, ``cloudmask:MODEL``,
``ukis-csmask``, ``s2cloudless@60``, ``sen2cor=DIR``, ``esa-l1c``, ``fmask=DIR``, ``raster:MAP.json=DIR``.
"""

from __future__ import annotations

import re
from pathlib import Path

from ...bands import RESOLUTIONS
from ...errors import UsageError
from .base import MaskSource
from .files import FileMask
from .maps import class_maps, find_class_map
from .own import OwnMask
from .packages import S2CloudlessMask, UkisMask
from .safe_masks import EsaL1cMask, Sen2CorMask

_SPEC = re.compile(
    r"^(?P<kind>[a-z0-9-]+)(?::(?P<argument>[^=@]+))?(?:@(?P<gsd>\d+(?:\.\d+)?))?(?:=(?P<folder>.+))?$"
)
RUN = ("cloudmask", "ukis-csmask", "s2cloudless", "sen2cor", "esa-l1c", "raster")


def mask_names() -> list[str]:
    """List the kinds that ``--masks`` takes."""
    return [*RUN, *(n for n in class_maps() if n not in RUN and n not in ("baetens",))]


def parse_masks(text: str, threads: int = 0, device: str = "auto") -> list[MaskSource]:
    """Masks for the value of ``--masks``; `device` is for our own.

    Raises
    ------
    UsageError
        For an unknown kind, an argument it does not take, a mask given twice, or a package that
        is not installed.
    InputError
        If a folder or class map cannot be read.
    """
    specs = [s.strip() for s in text.split(",") if s.strip()]
    if not specs:
        raise UsageError(f"--masks: expected at least one of {', '.join(mask_names())}")
    masks = [_make(spec, threads, device) for spec in specs]
    names = [m.name for m in masks]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise UsageError(f"--masks: {', '.join(twice)} is given more than once")
    return masks


def _make(spec: str, threads: int, device: str) -> MaskSource:
    found = _SPEC.match(spec)
    if found is None:
        raise UsageError(
            f"--masks: cannot read '{spec}'; expected NAME, NAME:ARGUMENT, NAME@METRES or NAME=FOLDER"
        )
    kind, argument, folder = found["kind"], found["argument"], found["folder"]
    gsd = float(found["gsd"]) if found["gsd"] else None
    where = Path(folder).expanduser() if folder else None
    name = spec.split("=")[0]
    takes = {"cloudmask": "ag", "ukis-csmask": "g", "s2cloudless": "g", "raster": "af"}.get(kind, "f")
    given = ("a" if argument else "") + ("g" if gsd is not None else "") + ("f" if folder else "")
    if kind not in mask_names():
        raise UsageError(f"--masks: unknown mask '{kind}'; expected one of {', '.join(mask_names())}")
    if not set(given) <= set(takes):
        raise UsageError(f"--masks: '{spec}': {kind} does not take that; see 'cloudmask evaluate --help'")
    if gsd is not None:
        _check_spacing(gsd, kind, spec)
    if kind == "cloudmask":
        if argument and argument.endswith(".onnx"):  # a report names the file, not where it lies
            name = name.replace(argument, Path(argument).stem)
        return OwnMask(name, argument, gsd, threads, device)
    if kind == "ukis-csmask":
        return UkisMask(name, gsd, threads)
    if kind == "s2cloudless":
        return S2CloudlessMask(name, gsd)
    if kind == "sen2cor":
        return Sen2CorMask(name, where)
    if kind == "esa-l1c":
        return EsaL1cMask(name, where)
    if kind == "raster":
        if not argument or where is None:
            raise UsageError(
                f"--masks: '{spec}': expected raster:MAP=FOLDER, a class map by name or .json file"
            )
        class_map = find_class_map(argument)
        return FileMask(name if not argument.endswith(".json") else class_map.name, class_map, where, "")
    return FileMask(name, find_class_map(kind), where, kind)


def _check_spacing(gsd: float, kind: str, spec: str) -> None:
    """Refuse a spacing that cannot be run at, rather than run at another."""
    if kind == "cloudmask" and gsd not in RESOLUTIONS:
        allowed = ", ".join(str(r) for r in RESOLUTIONS)
        raise UsageError(f"--masks: '{spec}': expected one of {allowed} metres after '@', found {gsd:g}")
    if gsd <= 0:
        raise UsageError(f"--masks: '{spec}': expected metres above 0 after '@', found {gsd:g}")
