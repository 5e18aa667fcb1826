"""Clear scenes from files, to put simulated clouds over."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..bands import Level, parse_bands, parse_level
from ..errors import InputError
from ..safe import open_product
from ..source import PlaneSource
from .fields import stream
from .spec import SceneSpec
from .surfaces import ArraySurface

_DN = 1e-4
"""Reflectance of one, where an array holds whole numbers."""
WHOLE = 3
"""Pixels of 20 m by which squares of a product are moved: whole 60 m pixels from the corner, so that all
bands begin on pixels of their own."""


@dataclass(frozen=True)
class ClearScene:
    """Gives every scene a square of a clear one, its place drawn from the scene's seed.

    Parameters
    ----------
    path : str
        A Sentinel-2 product, or ``.npz`` with ``x`` (rows, cols, bands): reflectance, NaN where missing,
        or whole numbers of 1/10000; ``bands``, their names; ``gsd`` in metres (10 by default), a whole part
        of the scene's; ``level``, by default the scene's own. ``FILE.npz:ARRAY`` takes another array than
        ``x``.
    """

    path: str

    def __call__(self, spec: SceneSpec) -> ArraySurface:
        """Cut the ground of a scene, float32 (bands, ``spec.size``, ``spec.size``) at ``spec.gsd``.

        Raises
        ------
        InputError
            If the file cannot be read, or is smaller than the scene.
        """
        file, _, key = self.path.partition(".npz:")
        if key:
            return self._from_array(Path(f"{file}.npz"), key, spec)
        if self.path.endswith(".npz"):
            return self._from_array(Path(self.path), "x", spec)
        return self._from_product(spec)

    def _from_array(self, path: Path, key: str, spec: SceneSpec) -> ArraySurface:
        values, bands, level = _read_array(path, key, spec.gsd)
        top, left = self._place(spec, (values.shape[1], values.shape[2]), 1)
        square = values[:, top : top + spec.size, left : left + spec.size]
        return ArraySurface(square, bands, level or spec.level)

    def _from_product(self, spec: SceneSpec) -> ArraySurface:
        with open_product(self.path) as source:
            top, left = self._place(spec, source.grid.at(spec.gsd).shape, WHOLE)
            return ArraySurface(
                read_square(source, top, left, spec.size, spec.gsd), source.bands, source.level
            )

    def _place(self, spec: SceneSpec, shape: tuple[int, int], step: int) -> tuple[int, int]:
        if min(shape) < spec.size:
            raise InputError(
                f"{self.path}: expected at least {spec.size} x {spec.size} pixels of {spec.gsd:g} m, "
                f"found {shape[0]} x {shape[1]}; simulate a smaller scene"
            )
        rng = stream(spec.seed, "ground")
        top, left = (int(rng.integers((n - spec.size) // step + 1)) * step for n in shape)
        return top, left


def read_square(source: PlaneSource, top: int, left: int, size: int, gsd: float) -> npt.NDArray[np.float32]:
    """All bands of a square of a product, float32 (bands, size, size), NaN where missing.

    Parameters
    ----------
    source : PlaneSource
        The product.
    top, left, size : int
        First row and column, and rows and columns, in pixels of `gsd`.
    gsd : float
        Metres.
    """
    factor = round(gsd / source.grid.gsd)
    part = source.subset(*(factor * n for n in (top, left, size, size)))
    return part.read(part.bands, gsd, (0, size), gsd).values


@lru_cache(maxsize=4)
def _read_array(
    path: Path, key: str, gsd: float
) -> tuple[npt.NDArray[np.float32], tuple[str, ...], Level | None]:
    try:
        with np.load(path, allow_pickle=False) as data:
            held = {name: data[name] for name in data.files if name in (key, "bands", "gsd", "level")}
            there = ", ".join(data.files)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: expected an .npz file of a clear scene, cannot read it: {error}"
        ) from error
    for name in (key, "bands"):
        if name not in held:
            raise InputError(f"{path}: expected an array '{name}', found {there}")
    array, bands = held[key], parse_bands(str(b) for b in held["bands"])
    if array.ndim != 3 or array.shape[2] != len(bands):
        raise InputError(
            f"{path}: expected '{key}' of shape (rows, cols, {len(bands)} bands), found {array.shape}"
        )
    own = float(held.get("gsd", 10.0))
    factor = round(gsd / own)
    if factor < 1 or abs(factor * own - gsd) > 1e-6:
        raise InputError(f"{path}: expected pixels of a whole part of {gsd:g} m, found {own:g} m")
    values = array.astype(np.float32) * np.float32(_DN if array.dtype.kind in "iu" else 1)
    rows, cols = (n // factor * factor for n in array.shape[:2])
    blocks = values[:rows, :cols].reshape(rows // factor, factor, cols // factor, factor, len(bands))
    level = parse_level(str(held["level"])) if "level" in held else None
    return np.ascontiguousarray(blocks.mean(axis=(1, 3)).transpose(2, 0, 1)), bands, level
