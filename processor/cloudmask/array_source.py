"""A scene that is already in memory: reflectance from xarray, STAC, openEO or anywhere else."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .bands import LEVEL_BANDS, Level, parse_bands
from .errors import InputError
from .grid import FloatArray, Grid
from .plane import Plane, PlaneLayout
from .source import PlaneSource, Strip

_PLAUSIBLE = 20.0  # Twenty times a white lambertian surface, or below 0: certainly not reflectance.


def _finite_range(plane: npt.NDArray[np.float32]) -> tuple[float, float, bool]:
    """Least and greatest finite value of a plane, 0 included, and whether all are finite."""
    low, top = float(plane.min(initial=0)), float(plane.max(initial=0))
    complete = math.isfinite(low) and math.isfinite(top)
    if not complete:  # only then is a copy without gaps worth its time
        known = plane[np.isfinite(plane)]
        low, top = float(known.min(initial=0)), float(known.max(initial=0))
    return low, top, complete


class ArraySource(PlaneSource):
    """Reflectance planes on one grid.

    Parameters
    ----------
    image : float (bands, rows, cols)
        Reflectance, 0 to about 1 (clouds and snow may exceed 1); NaN, infinite or masked where
        missing.
    bands : sequence of str
        Band names in the order of the planes.
    gsd : float
        Ground sampling distance, metres.
    level : {"L1C", "L2A"}
        Processing level.
    name : str
        For records.
    grid : Grid, optional
        Georeference; by default none.

    Raises
    ------
    InputError
        If shape, type or values are not those of reflectance; the message says what to do.
    """

    def __init__(
        self,
        image: npt.ArrayLike,
        bands: Sequence[str],
        *,
        gsd: float,
        level: Level,
        name: str = "array",
        grid: Grid | None = None,
    ) -> None:
        names = parse_bands(bands)
        absent = [b for b in names if b not in LEVEL_BANDS[level]]
        if absent:
            raise InputError(f"{name}: bands {', '.join(absent)} do not exist at level {level}")
        array = np.asarray(image)
        if array.ndim != 3 or array.shape[0] != len(names):
            hint = ""
            if array.ndim == 3 and array.shape[2] == len(names):
                hint = "; the bands come first: use np.moveaxis(image, -1, 0)"
            raise InputError(
                f"{name}: expected an image of shape ({len(names)} bands, rows, cols), "
                f"found {array.shape}{hint}"
            )
        if array.dtype.kind != "f":
            raise InputError(
                f"{name}: expected reflectance as floating point, found {array.dtype}; for digital numbers "
                "use (dn + offset) / 10000 and NaN where dn is 0"
            )
        if 0 in array.shape:
            raise InputError(f"{name}: the image has no pixels: its shape is {array.shape}")
        if isinstance(image, np.ma.MaskedArray):  # whose data np.asarray takes without its mask
            array = image.filled(np.nan)
        self._planes = array.astype(np.float32, copy=False)
        ranges = [_finite_range(plane) for plane in self._planes]
        low, top = min(r[0] for r in ranges), max(r[1] for r in ranges)
        self._complete = all(r[2] for r in ranges)
        if low < -_PLAUSIBLE:
            raise InputError(
                f"{name}: expected reflectance (about 0 to 1), found values down to {low:g}; "
                "use NaN where pixels are missing"
            )
        if top > _PLAUSIBLE:
            raise InputError(
                f"{name}: expected reflectance (about 0 to 1), found values up to {top:g}; "
                "divide digital numbers by 10000 after adding the product's offset"
            )
        if not 1 <= gsd <= 1000:
            raise InputError(f"{name}: expected gsd in metres from 1 to 1000, found {gsd:g}")
        rows, cols = array.shape[1:]
        grid = grid or Grid(None, 0.0, 0.0, float(gsd), float(gsd), rows, cols)
        if grid.shape != (rows, cols) or grid.gsd != gsd:
            raise InputError(
                f"{name}: expected a grid of {rows} x {cols} at {gsd:g} m, "
                f"found {grid.rows} x {grid.cols} at {grid.gsd:g} m"
            )
        super().__init__(name, level, grid, names, readers=2)

    def read(
        self,
        bands: Sequence[str],
        gsd: float,
        rows: tuple[int, int],
        out_gsd: float,
        memory: FloatArray | None = None,
    ) -> Strip:
        """Read rows; those that are in the image as they are wanted are not copied, and cannot be changed."""
        grid = self.grid.at(gsd)
        places = [self.bands.index(b) for b in bands if b in self.bands]
        in_a_row = len(places) == len(bands) > 0 and places == list(range(places[0], places[-1] + 1))
        if not (gsd == out_gsd == self.grid.gsd and self._complete and in_a_row):
            return super().read(bands, gsd, rows, out_gsd, memory)
        down, across = (round(metres / gsd) for metres in self._origin)
        planes = self._planes[places[0] : places[-1] + 1]
        values = planes[:, down + rows[0] : down + rows[1], across : across + grid.cols]
        values.flags.writeable = False
        nothing = np.zeros(values.shape[1:], bool)
        return Strip(values, nothing, nothing, complete=True)

    def layout(self, band: str, gsd: float) -> PlaneLayout:
        """The image's own grid, whatever is asked for."""
        return PlaneLayout(self.grid.gsd, *self._planes.shape[1:])

    def load(
        self,
        band: str,
        layout: PlaneLayout,
        rows: tuple[int, int],
        cols: tuple[int, int],
        out: FloatArray | None = None,
    ) -> Plane:
        """A window of one band; NaN and infinities are missing."""
        values = self._planes[self.bands.index(band), slice(*rows), slice(*cols)]
        valid = np.isfinite(values)
        return Plane(values, None if bool(valid.all()) else valid)
