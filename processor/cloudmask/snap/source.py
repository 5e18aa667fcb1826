"""The operator's source as the pipeline reads it: raw samples of SNAP's bands, in strips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ..bands import BANDS
from ..errors import InputError
from ..grid import FloatArray
from ..plane import Plane, PlaneLayout, make_plane
from ..radiometry import NODATA_DN, SATURATED_MIXED
from ..source import PlaneSource
from .java import java_type
from .sentinel2 import Scene
from .upsampled import begins_with_a_sample, move_to_middle, recover, stands_at_corner

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

_SLACK = 12
"""Rows kept above those asked for: of a band interpolated six times finer a sample and a half more are wanted
than of others."""
_ASIDE, _RECOVERABLE = "aside", "recoverable"

RawArray = npt.NDArray[Any]
OnHost = Callable[[Callable[[], RawArray]], RawArray]
"""Runs a function in the thread that may call Java."""


class SnapSource(PlaneSource):
    """Reflectance of a resampled product.

    Parameters
    ----------
    scene : Scene
        The product.
    bands : sequence of str
        The bands that will be read, canonical names; they are read together.
    context : org.esa.snap.core.gpf.Operator
        Whose ``getSourceTile`` is called.
    on_host : callable
        See :data:`OnHost`.
    """

    def __init__(self, scene: Scene, bands: Sequence[str], context: Any, on_host: OnHost) -> None:
        there = tuple(b for b in bands if b in scene.bands)
        super().__init__(scene.name, scene.level, scene.grid, there)
        self._samples = {name: _Samples(scene, name) for name in there}
        self._rows = _Rows(scene, self._samples, context)
        self._on_host = on_host
        self._shape = scene.grid.shape
        self._upsampled: dict[str, str] = {}

    def layout(self, band: str, gsd: float) -> PlaneLayout:
        """The product's own grid, or that of the band's samples if they can be found again."""
        if self._kind(band) == _RECOVERABLE:
            ratio = self._ratio(band)
            return PlaneLayout(self.grid.gsd * ratio, *(side // ratio for side in self._shape))
        return PlaneLayout(self.grid.gsd, *self._shape)

    def load(
        self,
        band: str,
        layout: PlaneLayout,
        rows: tuple[int, int],
        cols: tuple[int, int],
        out: FloatArray | None = None,
    ) -> Plane:
        """A window of one band.

        Raises
        ------
        InputError
            If SNAP cannot compute it.
        """
        samples, kind = self._samples[band], self._kind(band)
        if kind == _RECOVERABLE:
            ratio = self._ratio(band)
            (top, bottom), (left, right) = (
                (low * ratio, min(high * ratio + 1, side))
                for (low, high), side in zip((rows, cols), self._shape, strict=True)
            )
            raw = self._on_host(lambda: self._rows.read(band, top, bottom))[:, left:right]
            return samples.plane(recover(raw, ratio))
        if kind != _ASIDE:
            return samples.plane(self._on_host(lambda: self._rows.read(band, *rows))[:, slice(*cols)])
        # One more row and column, where there are any: the last ones stand for themselves.
        more = min(rows[1] + 1, layout.rows), min(cols[1] + 1, layout.cols)
        raw = self._on_host(lambda: self._rows.read(band, rows[0], more[0]))[:, cols[0] : more[1]]
        lack = rows[1] + 1 - more[0], cols[1] + 1 - more[1]
        plane = samples.plane(np.pad(raw, ((0, lack[0]), (0, lack[1])), mode="edge"))
        valid = None if plane.valid is None else plane.valid[:-1, :-1]
        values = move_to_middle(move_to_middle(plane.values, 0), 1)
        if plane.valid is not None and valid is not None:
            beside = plane.valid[1:, :-1] & plane.valid[:-1, 1:] & plane.valid[1:, 1:]
            values = np.where(beside, values, plane.values[:-1, :-1])
        saturated = None if plane.saturated is None else plane.saturated[:-1, :-1]
        return Plane(values, valid, saturated)

    def _ratio(self, band: str) -> int:
        """Pixels of the grid a sample of the band."""
        return max(1, int(BANDS[band].gsd / self.grid.gsd))

    def _kind(self, band: str) -> str:
        """Whether SNAP has interpolated the band half a pixel aside, and cut no sample; first rows tell."""
        ratio = self._ratio(band)
        if ratio == 1:
            return ""
        if band not in self._upsampled:
            raw = self._on_host(lambda: self._rows.first(band))
            whole = all(side % ratio == 0 for side in self._shape) and begins_with_a_sample(raw, ratio)
            aside = stands_at_corner(raw, ratio)
            self._upsampled[band] = (_RECOVERABLE if whole else _ASIDE) if aside else ""
        return self._upsampled[band]


class _Samples:
    """How the raw samples of one band lie in memory and what they mean."""

    def __init__(self, scene: Scene, name: str) -> None:
        self.band = band = scene.bands[name]
        self.origin = f"{scene.name}, band {band.getName()}"
        data_type = int(band.getDataType())
        if data_type not in _DTYPES:
            raise InputError(f"{self.origin}: samples of SNAP's data type {data_type} cannot be read")
        self.dtype = np.dtype(_DTYPES[data_type])
        self._factor, self._offset = float(band.getScalingFactor()), float(band.getScalingOffset())
        if self.dtype.kind in "iu" and self._factor == 1.0:
            raise InputError(
                f"{self.origin}: expected reflectance (a scaling factor of 0.0001), found whole numbers "
                "without scaling; read the product with SNAP's Sentinel-2 reader, or divide by 10000 "
                "after adding its offset"
            )
        self._nodata = float(band.getNoDataValue()) if band.isNoDataValueUsed() else None

    def plane(self, raw: RawArray) -> Plane:
        """Reflectance, validity and saturation of raw samples."""
        # Validity is a matter of raw samples: the band's scaling must not reach them first.
        valid = raw != NODATA_DN
        if raw.dtype.kind == "f":
            valid &= np.isfinite(raw)
        if self._nodata is not None:
            valid &= raw != self._nodata
        # Resampling has mixed saturated samples with their neighbours. Reflectance has no such value.
        saturated = raw >= SATURATED_MIXED if raw.dtype.kind in "iu" else np.zeros(raw.shape, bool)
        values = raw.astype(np.float32)
        values *= np.float32(self._factor)
        values += np.float32(self._offset)
        return make_plane(values, valid, saturated)


class _Rows:
    """Rows of all bands, each tile asked of SNAP once although strips overlap.

    Resampling operators compute all bands of a tile position together, a hundred and more, and
    SNAP's cache holds but a few positions. So the bands of one position are taken in a row, whole
    tiles at a time, and rows are kept until the strips have passed them.
    """

    def __init__(self, scene: Scene, samples: dict[str, _Samples], context: Any) -> None:
        self._samples = samples
        self._context = context
        self._rows, self._cols = scene.grid.shape
        self._first = 0
        self._held: dict[str, RawArray] = {n: np.zeros((0, self._cols), s.dtype) for n, s in samples.items()}

    @cached_property
    def _tile(self) -> tuple[int, int]:
        """Height and width of SNAP's tiles: of the image itself, as the product may know no size."""
        image = next(iter(self._samples.values())).band.getSourceImage()
        return int(image.getTileHeight()), int(image.getTileWidth())

    def first(self, name: str) -> RawArray:
        """The first row of tiles of a band, before others; only in a thread that may call Java."""
        return self.read(name, 0, min(self._tile[0], self._rows))

    def read(self, name: str, start: int, stop: int) -> RawArray:
        """Raw samples (rows, cols) of ``start:stop``; only in a thread that may call Java."""
        self._drop(max(0, start - _SLACK))
        end = self._first + len(self._held[name])
        if stop > end:
            until = min(-(-stop // self._tile[0]) * self._tile[0], self._rows)
            fresh = self._fetch(end, until)
            self._held = {n: np.concatenate([held, fresh[n]]) for n, held in self._held.items()}
        return self._held[name][start - self._first : stop - self._first]

    def _drop(self, start: int) -> None:
        """Forget rows above `start`, or all where it is not among those held."""
        end = self._first + len(next(iter(self._held.values())))
        kept = start - self._first if self._first <= start <= end else end
        self._held = {n: held[kept:] for n, held in self._held.items()}
        self._first = start

    def _fetch(self, start: int, stop: int) -> dict[str, RawArray]:
        height, width = self._tile
        fresh = {n: np.empty((stop - start, self._cols), s.dtype) for n, s in self._samples.items()}
        rectangle = java_type("java.awt.Rectangle")
        edges = [start, *range((start // height + 1) * height, stop, height), stop]
        for top, bottom in pairwise(edges):
            for left in range(0, self._cols, width):
                # Inside the scene always: beyond it SNAP makes samples up.
                right = min(left + width, self._cols)
                where = rectangle(left, top, right - left, bottom - top)
                for name, out in fresh.items():
                    window = out[top - start : bottom - start, left:right]
                    window[:] = self._tile_of(name, where).reshape(window.shape)
        return fresh

    def _tile_of(self, name: str, where: Any) -> RawArray:
        samples = self._samples[name]
        try:
            array = self._context.getSourceTile(samples.band, where).getRawSamples().getElems()
        except RuntimeError as error:
            raise InputError(
                f"{samples.origin}: SNAP could not compute rows {where.y} to {where.y + where.height - 1}, "
                f"columns {where.x} to {where.x + where.width - 1}: {_reason(error)}"
            ) from error
        # Java has no unsigned types: the array is signed, and its bits are read as what they are.
        return np.array(array).view(samples.dtype)


def _reason(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = lines[0] if lines else type(error).__name__
    if "NullPointerException" in first:
        # What JAI leaves of an error in an operator before us: a tile that is not there.
        return "the operator before CloudMask failed there (damaged input, or too little memory)"
    return first
