"""Reading rasters of references and masks."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from ..errors import InputError
from ..grid import Grid
from ..jp2 import check_path


def read_raster(
    path: Path | str, gsd: float | None = None, bands: list[int] | None = None
) -> tuple[npt.NDArray[np.generic], Grid]:
    """Read a raster and where it lies.

    Parameters
    ----------
    path : Path or str
        Any raster GDAL reads.
    gsd : float, optional
        Nominal spacing, metres; by default the pixel size of a projected raster, else 10.
    bands : list of int, optional
        Bands to read, from 1; all by default.

    Returns
    -------
    array (bands, rows, cols), Grid

    Raises
    ------
    InputError
        If it cannot be read or is not north up.
    """
    check_path(str(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as source:
                data = source.read(bands)
                transform, crs = source.transform, source.crs
    except (RasterioError, IndexError) as error:
        raise InputError(f"{path}: cannot be read as a raster: {error}") from error
    rows, cols = data.shape[-2:]
    if crs is None:
        spacing = gsd or 10.0
        return data, Grid(None, 0.0, 0.0, spacing, spacing, rows, cols)
    if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
        raise InputError(f"{path}: expected a north-up raster, found the transform {tuple(transform)[:6]}")
    if abs(transform.a + transform.e) > 1e-6 * transform.a:
        raise InputError(f"{path}: expected square pixels, found {transform.a:g} x {-transform.e:g}")
    code = crs.to_epsg()
    spacing = gsd or (float(transform.a) if crs.is_projected else 10.0)
    return data, Grid(
        f"EPSG:{code}" if code else crs.to_wkt(),
        transform.c,
        transform.f,
        spacing,
        float(transform.a),
        rows,
        cols,
    )


def same_crs(a: str, b: str) -> bool:
    """Whether two texts name one coordinate reference system (``"EPSG:32635"`` and its WKT do)."""
    if a == b:
        return True
    same: bool = CRS.from_user_input(a) == CRS.from_user_input(b)
    return same
