"""Labelled arrays in ``.npz`` files: ``x`` ([n,] rows, cols, bands), ``bands``, and mostly ``y``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..bands import parse_bands
from ..errors import InputError
from ..simulate.scene import Scene
from .difference import difference_labels
from .recipe import SourceSpec
from .sample import IGNORE, ByteArray, FloatArray, Sample, coarsen, labels_from_codes

_DN = 1e-4  # integers are reflectance * 10000
_DEFAULT_GSD = 10.0


def read_arrays(spec: SourceSpec, bands: Sequence[str], gsd: float) -> list[Sample]:
    """All samples of an ``arrays`` source, averaged to `gsd` where that is a whole multiple.

    A folder may hold a ``MANIFEST.json``: a list of ``{"file", "gsd_m"}``; otherwise an array is
    taken to be at 10 m unless the file has ``gsd``. Sun azimuth may be given as ``sun_azimuth``.

    Raises
    ------
    InputError
        If a file cannot be read, lacks an array, or its bands and shape disagree.
    """
    folder = Path(spec.path)
    names = spec.files or tuple(sorted(p.name for p in folder.glob("*.npz")))
    if not names:
        raise InputError(f"{folder}: expected .npz files, found none")
    distances = _manifest(folder)
    out: list[Sample] = []
    for entry in names:
        name, _, key = entry.partition(":")
        out += _read(folder / name, key or "x", spec.labels, bands, gsd, distances.get(name, _DEFAULT_GSD))
    return out


def write_arrays(path: Path, scene: Scene) -> None:
    """Write a scene and all that is known of it.

    The file holds ``x`` float32 (rows, cols, bands) reflectance, NaN where missing, ``bands``, ``gsd`` in
    metres and ``level``; ``y`` uint8 (rows, cols): 0 clear, 1 shadow, 2 semi-transparent cloud, 3 cloud,
    255 unknown; ``classes``, the same in the codes of masks; ``optical_thickness`` and
    ``direct_transmittance`` float32 (rows, cols); ``sun_zenith`` and ``sun_azimuth`` in degrees; ``seed``.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            x=scene.reflectance.transpose(1, 2, 0),
            y=labels_from_codes(scene.classes),
            bands=np.array(scene.bands),
            gsd=np.float64(scene.spec.gsd),
            level=np.array(scene.spec.level),
            classes=scene.classes,
            optical_thickness=scene.optical_thickness,
            direct_transmittance=scene.direct_transmittance,
            sun_zenith=np.float64(scene.sun_zenith),
            sun_azimuth=np.float64(scene.sun_azimuth),
            seed=np.int64(scene.spec.seed),
        )


def _manifest(folder: Path) -> dict[str, float]:
    path = folder / "MANIFEST.json"
    if not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_text("utf-8"))
        return {str(r["file"]): float(str(r.get("gsd_m", _DEFAULT_GSD)).split()[0].lstrip("~")) for r in rows}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: expected a list of objects with 'file' and 'gsd_m': {error}") from error


def _read(path: Path, key: str, kind: str, bands: Sequence[str], gsd: float, own: float) -> list[Sample]:
    try:
        with np.load(path, allow_pickle=False) as data:
            held: dict[str, Any] = {k: data[k] for k in data.files}
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot read as .npz: {error}") from error
    wanted = [key, "bands", *{"file": ["y"], "difference": ["clear"]}.get(kind, [])]
    for k in wanted:
        if k not in held:
            raise InputError(f"{path}: array '{k}' is missing; found {', '.join(held)}")
    names = parse_bands(str(b) for b in held["bands"])
    stack = _planes(held[key], names, bands, path)
    own = float(held.get("gsd", own))
    factor = max(1, round(gsd / own))
    out = []
    for i, values in enumerate(stack):
        missing = np.isnan(values[[b in names for b in bands]]).any(axis=0)
        if kind == "file":
            labels = np.asarray(held["y"], np.uint8)
            labels = labels[i] if labels.ndim == 3 else labels
        else:
            labels = np.full(missing.shape, 0 if kind == "clear" else IGNORE, np.uint8)
        if labels.shape != missing.shape:
            raise InputError(f"{path}: labels of shape {labels.shape} for an image of {missing.shape}")
        labels = np.where(missing, np.uint8(IGNORE), labels)
        sample = coarsen(
            Sample(f"{path.stem}:{key}:{i}", values, labels, own, float(held.get("sun_azimuth", np.nan))),
            factor,
        )
        if kind == "difference":
            clear = _planes(held["clear"], names, bands, path)[i]
            before = coarsen(Sample("", clear, labels, own), factor).values
            made: ByteArray = difference_labels(sample.values, before, bands)
            sample = Sample(sample.name, sample.values, made, sample.gsd, sample.sun_azimuth)
        out.append(sample)
    return out


def _planes(array: Any, names: Sequence[str], bands: Sequence[str], path: Path) -> FloatArray:
    """Reflectance (n, bands, rows, cols), NaN for bands that are not there."""
    stack = array if array.ndim == 4 else array[None]
    if stack.ndim != 4 or stack.shape[-1] != len(names):
        raise InputError(f"{path}: expected (rows, cols, {len(names)} bands), found {array.shape}")
    out = np.full((stack.shape[0], len(bands), *stack.shape[1:3]), np.nan, np.float32)
    for place, band in enumerate(bands):
        if band in names:
            out[:, place] = stack[..., names.index(band)]
    if array.dtype.kind in "iu":
        out *= np.float32(_DN)
    return out
