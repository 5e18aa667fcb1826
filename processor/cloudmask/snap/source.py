"""The operator's source as the pipeline reads it: raw samples of SNAP's bands, in strips."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..radiometry import NODATA_DN, SATURATED_DN
from ..source import Plane, PlaneLayout, PlaneSource
from .java import java_type
from .sentinel2 import Scene

# ProductData.TYPE_*: how the samples of a type lie in the Java array that holds them.
_DTYPES: dict[int, type[np.generic]] = {
    10: np.int8,
    11: np.int16,
    12: np.int32,
    20: np.uint8,
    21: np.uint16,
    22: np.uint32,
    30: np.float32,
    31: np.float64,
}

RawArray = npt.NDArray[np.generic]
OnHost = Callable[[Callable[[], RawArray]], RawArray]
"""Runs a function in the thread that may call Java."""


class SnapSource(PlaneSource):
    """Reflectance of a resampled product.

    Parameters
    ----------
    scene : Scene
        The product.
    context : org.esa.snap.core.gpf.Operator
        Whose ``getSourceTile`` is called.
    on_host : callable
        See :data:`OnHost`.
    """

    def __init__(self, scene: Scene, context: Any, on_host: OnHost) -> None:
        super().__init__(scene.name, scene.level, scene.grid, tuple(scene.bands))
        self._readers = {name: _RowReader(scene, name, context) for name in scene.bands}
        self._on_host = on_host

    def layout(self, band: str, gsd: float) -> PlaneLayout:
        """The product's own grid, whatever is asked for."""
        return PlaneLayout(self.grid.gsd, *self.grid.shape)

    def load(self, band: str, layout: PlaneLayout, rows: tuple[int, int], cols: tuple[int, int]) -> Plane:
        """A window of one band.

        Raises
        ------
        InputError
            If SNAP cannot compute them.
        """
        reader = self._readers[band]
        raw = self._on_host(lambda: reader.read(*rows))[:, slice(*cols)]
        values = raw.astype(np.float32)
        # Validity is a matter of raw samples: the band's scaling must not reach them first.
        valid = raw != NODATA_DN
        if raw.dtype.kind == "f":
            valid &= np.isfinite(raw)
        if reader.nodata is not None:
            valid &= raw != reader.nodata
        saturated = raw == SATURATED_DN
        values *= np.float32(reader.factor)
        values += np.float32(reader.offset)
        return Plane(
            values, None if bool(valid.all()) else valid, saturated if bool(saturated.any()) else None
        )


class _RowReader:
    """Rows of one band, each asked of SNAP once although strips overlap.

    SNAP computes tiles; what its cache does not hold is computed again. So whole rows of tiles
    are taken and kept until the strips have passed them.
    """

    def __init__(self, scene: Scene, name: str, context: Any) -> None:
        self._band = band = scene.bands[name]
        self._context = context
        self._origin = f"{scene.name}, band {band.getName()}"
        self._rows, self._cols = scene.grid.shape
        data_type = int(band.getDataType())
        if data_type not in _DTYPES:
            raise InputError(f"{self._origin}: samples of SNAP's data type {data_type} cannot be read")
        self._dtype = _DTYPES[data_type]
        self.factor, self.offset = float(band.getScalingFactor()), float(band.getScalingOffset())
        if np.dtype(self._dtype).kind in "iu" and self.factor == 1.0:
            raise InputError(
                f"{self._origin}: expected reflectance (a scaling factor of 0.0001), found whole numbers "
                "without scaling; read the product with SNAP's Sentinel-2 reader, or divide by 10000 "
                "after adding its offset"
            )
        self.nodata = float(band.getNoDataValue()) if band.isNoDataValueUsed() else None
        self._step = max(1, int(scene.product.getPreferredTileSize().getHeight()))
        self._held: RawArray = np.zeros((0, self._cols), self._dtype)
        self._first = 0

    def read(self, start: int, stop: int) -> RawArray:
        """Raw samples (rows, cols) of ``start:stop``; only in a thread that may call Java."""
        end = self._first + len(self._held)
        if start > end or start < self._first:
            self._first, self._held = start, self._held[:0]
        else:
            self._first, self._held = start, self._held[start - self._first :]
        end = self._first + len(self._held)
        if stop > end:
            until = min(-(-stop // self._step) * self._step, self._rows)
            self._held = np.concatenate([self._held, self._fetch(end, until)])
        return self._held[: stop - start]

    def _fetch(self, start: int, stop: int) -> RawArray:
        # Inside the scene always: SNAP answers a rectangle beyond it with samples that do not exist.
        rectangle = java_type("java.awt.Rectangle")(0, start, self._cols, stop - start)
        try:
            samples = self._context.getSourceTile(self._band, rectangle).getRawSamples().getElems()
        except RuntimeError as error:
            raise InputError(
                f"{self._origin}: SNAP could not read rows {start} to {stop - 1}: {_first_line(error)}"
            ) from error
        # Java has no unsigned types: the array is signed and its bits are read as what they are.
        # It is SNAP's memory and read-only; the copy is ours.
        array = np.array(samples).view(self._dtype)
        return array.reshape(stop - start, self._cols)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
