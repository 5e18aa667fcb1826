"""What a SNAP product is: is it Sentinel-2, which level, which bands, on which grid.

Neither name nor product type can be relied on: operators rename products and prefix types
(``Derived from (S2_MSI_Level-1C)``). Bands and metadata come through all of them, so these decide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..bands import BAND_NAMES, LEVELS, RESOLUTIONS, Level, parse_band
from ..errors import InputError
from ..grid import Grid
from .java import DATAMODEL, java_type

_METADATA_ROOTS: Mapping[str, Level] = {
    "Level-1C_User_Product": "L1C",
    "Level-2A_User_Product": "L2A",
}
_METRES_PER_DEGREE = 111_320.0  # of the WGS 84 equator; degrees of a meridian are within 0.7 % of it
_RESAMPLE = "put an S2Resampling node (resolution 10, 20 or 60) between it and CloudMask"
# Covers the ellipsoid and the map's scale; no two resolutions are this close.
_SPACING_TOLERANCE = 0.02


@dataclass(frozen=True)
class Scene:
    """A product that the operator can work on.

    Attributes
    ----------
    product : org.esa.snap.core.datamodel.Product
        The source.
    name : str
        Its name.
    level : {"L1C", "L2A"}
        Processing level.
    bands : mapping of str to org.esa.snap.core.datamodel.Band
        SNAP's bands by canonical name, ``"B02"``.
    grid : Grid
        Where the pixels lie.
    """

    product: Any
    name: str
    level: Level
    bands: Mapping[str, Any]
    grid: Grid

    @property
    def resolution(self) -> int:
        """Pixel size, metres."""
        return int(self.grid.gsd)


def inspect(product: Any) -> Scene:
    """Look at the operator's source.

    Parameters
    ----------
    product : org.esa.snap.core.datamodel.Product or None
        As ``context.getSourceProduct()`` gives it.

    Raises
    ------
    InputError
        If it is no resampled Sentinel-2 product; one sentence that says which node to add.
    """
    if product is None:
        raise InputError(
            'CloudMask has no source product; connect a node with <sourceProduct refid="..."/>, '
            "or call gpt CloudMask -SsourceProduct=FILE"
        )
    name = str(product.getName())
    bands = _spectral_bands(product)
    if not bands:
        raise InputError(
            f"{name}: expected a Sentinel-2 MSI product with bands B1 to B12, found none of them; "
            "CloudMask works on Sentinel-2 L1C and L2A only"
        )
    # One look at the sizes of the bands themselves: isMultiSize also counts unrelated rasters.
    sizes = {(int(b.getRasterWidth()), int(b.getRasterHeight())) for b in bands.values()}
    if len(sizes) > 1:
        listed = ", ".join(f"{w} x {h}" for w, h in sorted(sizes, reverse=True))
        raise InputError(f"{name}: the bands have different sizes ({listed}); {_RESAMPLE}")
    if product.isMultiSize():
        raise InputError(f"{name}: the product holds rasters of different sizes; {_RESAMPLE}")
    return Scene(product, name, _level(product, name, bands), bands, _grid(product, name))


def _spectral_bands(product: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for band_name in product.getBandNames():
        text = str(band_name)
        try:
            canonical = parse_band(text)
        except InputError:
            continue  # B_opaque_clouds, view_zenith_B1, quality_aot and whatever a user adds
        found[canonical] = product.getBand(text)
    return {n: found[n] for n in BAND_NAMES if n in found}


def _level(product: Any, name: str, bands: Mapping[str, Any]) -> Level:
    root = product.getMetadataRoot()
    for element, level in _METADATA_ROOTS.items():
        if root.containsElement(element):
            return level
    for text in (str(product.getProductType() or ""), name):
        for level in LEVELS:
            if f"Level-{level[1:]}" in text or f"MSI{level}" in text:
                return level
    # The cirrus band sees no surface and is in no L2A; Sen2Cor's rasters are in no L1C.
    if "B10" in bands:
        return "L1C"
    if any(str(n).startswith(("quality_", "scl_")) for n in product.getBandNames()):
        return "L2A"
    raise InputError(
        f"{name}: cannot tell whether this is Sentinel-2 L1C or L2A: product type, metadata and name say "
        "nothing; keep the metadata of the SAFE product (Subset: copyMetadata true)"
    )


def _grid(product: Any, name: str) -> Grid:
    rows, cols = int(product.getSceneRasterHeight()), int(product.getSceneRasterWidth())
    coding = product.getSceneGeoCoding()
    if coding is None:
        raise InputError(f"{name}: the product has no geocoding, so its pixel size is unknown; {_RESAMPLE}")
    across = _spacing(coding, (cols / 2, rows / 2), (1, 0), cols)
    down = _spacing(coding, (cols / 2, rows / 2), (0, 1), rows)
    nominal = [r for r in RESOLUTIONS if max(abs(across - r), abs(down - r)) <= _SPACING_TOLERANCE * r]
    if not nominal:
        raise InputError(
            f"{name}: expected pixels of 10, 20 or 60 m, found {across:.4g} m by {down:.4g} m; {_RESAMPLE}"
        )
    # Where the pixels lie is copied by SNAP itself; the pipeline needs their size and number.
    return Grid(None, 0.0, 0.0, float(nominal[0]), float(nominal[0]), rows, cols)


def _spacing(coding: Any, middle: tuple[float, float], step: tuple[int, int], size: int) -> float:
    """Ground distance between neighbouring pixels around a position (x, y) along a step, metres.

    Taken from latitude and longitude: the map's own unit may be metres or degrees, and other
    codings have no map at all.
    """
    pixel, geo = java_type(DATAMODEL + "PixelPos"), java_type(DATAMODEL + "GeoPos")
    reach = min(100.0, size / 2)  # far enough for codings that store coordinates as float32
    ends = []
    for sign in (-0.5, 0.5):
        position = geo()
        x, y = (m + sign * reach * s for m, s in zip(middle, step, strict=True))
        coding.getGeoPos(pixel(x, y), position)
        ends.append((float(position.getLat()), float(position.getLon())))
    (lat, lon), (lat2, lon2) = ends
    east = (lon2 - lon + 180.0) % 360.0 - 180.0  # across the date line too
    return math.hypot(lat2 - lat, east * math.cos(math.radians(lat))) * _METRES_PER_DEGREE / reach
