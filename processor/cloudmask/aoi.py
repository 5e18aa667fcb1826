"""Areas of interest: GeoJSON to a window and a mask on a product's grid."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio._err import CPLE_BaseError  # what PROJ raises; not exported elsewhere
from rasterio.errors import RasterioError
from rasterio.features import bounds as geometry_bounds
from rasterio.features import geometry_mask
from rasterio.transform import Affine
from rasterio.warp import transform_geom

from .errors import InputError
from .grid import Grid

_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Area:
    """Polygons in a product's coordinate reference system.

    Attributes
    ----------
    geometries : list of dict
        GeoJSON polygons and multipolygons.
    file : str
        Where they came from, for errors.
    """

    geometries: list[dict[str, Any]]
    file: str

    def window(self, grid: Grid, step: int, margin: float = 0.0) -> tuple[int, int, int, int]:
        """First row, first column, rows, columns of `grid` around the area.

        Parameters
        ----------
        grid : Grid
            The product's.
        step : int
            The window's edges are multiples of so many pixels, so that coarser grids share them.
        margin : float
            Ground around the area that the window takes in as far as there is any, nominal metres.

        Raises
        ------
        InputError
            If the area lies outside the grid.
        """
        boxes = [geometry_bounds(g) for g in self.geometries]
        left, bottom = min(b[0] for b in boxes), min(b[1] for b in boxes)
        right, top = max(b[2] for b in boxes), max(b[3] for b in boxes)
        size = grid.pixel_size
        c0, c1 = (left - grid.left) / size, (right - grid.left) / size
        r0, r1 = (grid.top - top) / size, (grid.top - bottom) / size
        if c1 <= 0 or r1 <= 0 or c0 >= grid.cols or r0 >= grid.rows:
            raise InputError(
                f"{self.file}: the area of interest lies outside the product; GeoJSON holds longitude and "
                "latitude (WGS 84) in this order"
            )
        more = margin / grid.gsd
        r0, r1, c0, c1 = r0 - more, r1 + more, c0 - more, c1 + more
        row = max(0, math.floor(r0 / step)) * step
        col = max(0, math.floor(c0 / step)) * step
        rows = min(grid.rows, math.ceil(r1 / step) * step) - row
        cols = min(grid.cols, math.ceil(c1 / step) * step) - col
        return row, col, rows, cols

    def outside(self, grid: Grid) -> npt.NDArray[np.bool_]:
        """Pixels (bool (rows, cols)) whose centre no polygon covers.

        Where polygons are so small that they cover no centre at all, those that none touches.
        """
        for all_touched in (False, True):
            mask: npt.NDArray[np.bool_] = geometry_mask(
                self.geometries, grid.shape, Affine(*grid.transform), all_touched=all_touched
            )
            if not mask.all():
                break
        return mask


def read_area(path: str | Path, crs: str | None) -> Area:
    """Read the polygons of a GeoJSON file (RFC 7946: longitude, latitude, WGS 84).

    Parameters
    ----------
    path : str or Path
        A FeatureCollection, Feature or geometry.
    crs : str or None
        The product's coordinate reference system.

    Raises
    ------
    InputError
        If the file is no GeoJSON with polygons, or the product has no georeference.
    """
    file = Path(path)
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise InputError(f"{file}: expected at most {_MAX_BYTES >> 20} MB of GeoJSON")
        data = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: expected GeoJSON, found: {error}") from error
    if crs is None:
        raise InputError(
            f"{file}: the product has no georeference, so no area of interest can be cut from it"
        )
    try:
        polygons = list(_polygons(data))
    except RecursionError as error:
        raise InputError(f"{file}: expected GeoJSON, found collections nested too deep") from error
    if not polygons:
        raise InputError(f"{file}: expected at least one Polygon or MultiPolygon, found none")
    try:
        moved = [transform_geom("EPSG:4326", crs, g) for g in polygons]
        boxes = [geometry_bounds(g) for g in moved]
    except (RasterioError, CPLE_BaseError, ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(f"{file}: expected polygons of longitude and latitude, found: {error}") from error
    if not all(math.isfinite(v) for box in boxes for v in box):
        raise InputError(f"{file}: expected longitude -180 to 180 and latitude -90 to 90; swapped, perhaps?")
    return Area(moved, str(file))


def _polygons(data: object) -> Any:
    if not isinstance(data, dict):
        return
    kind = data.get("type")
    if kind == "FeatureCollection":
        for feature in _members(data, "features"):
            yield from _polygons(feature)
    elif kind == "Feature":
        yield from _polygons(data.get("geometry"))
    elif kind == "GeometryCollection":
        for geometry in _members(data, "geometries"):
            yield from _polygons(geometry)
    elif kind in ("Polygon", "MultiPolygon"):
        yield data


def _members(data: dict[str, Any], key: str) -> list[Any]:
    value = data.get(key)
    return value if isinstance(value, list) else []
