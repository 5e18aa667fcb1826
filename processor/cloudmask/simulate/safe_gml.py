"""Quality masks as polygons in GML, as products before baseline 04.00 have them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from lxml import etree
from rasterio.features import shapes

from .safe_naming import ProductNames
from .safe_tile import TileGrid
from .safe_xml import XSI, element, write_xml

POLYGON_GSD = 60
"""Outlines follow pixels of this size, metres, as the cloud polygons of real products do."""

_EOP_NAMESPACE = "http://www.opengis.net/eop/2.0"
_GML_NAMESPACE = "http://www.opengis.net/gml/3.2"
_EOP, _GML = f"{{{_EOP_NAMESPACE}}}", f"{{{_GML_NAMESPACE}}}"


@dataclass(frozen=True)
class Feature:
    """Pixels that share a quality.

    Attributes
    ----------
    kind : str
        Mask type of the specification, ``"OPAQUE"``.
    identifier : str
        Stem of the polygons' identifiers.
    raster : bool array (rows, cols)
        Where, at `POLYGON_GSD`.
    """

    kind: str
    identifier: str
    raster: npt.NDArray[np.bool_]


def write_polygons(
    root: Path, names: ProductNames, grid: TileGrid, kind: str, band: str, features: list[Feature]
) -> None:
    """Write one mask file.

    Parameters
    ----------
    root : Path
        The product's folder.
    names : ProductNames
        Names and identifiers.
    grid : TileGrid
        Grid of the tile.
    kind : str
        Mask, ``"DETFOO"``.
    band : str
        Band, ``"B00"`` for masks of all.
    features : list of Feature
        May be empty, as in most real files.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    tile = names.tile_id().split("_TL_")[1].rsplit("_", 1)[0]
    title = f"{names.mission}_OPER_MSK_{kind}_{tile}_{band}_MSI{names.level}"
    namespaces = {"eop": _EOP_NAMESPACE, "gml": _GML_NAMESPACE, "xsi": XSI}
    document = etree.Element(_EOP + "Mask", {_GML + "id": title}, nsmap=namespaces)
    document.append(element(_GML + "name", f"MSK_{kind} pixels mask from data-strip {title}"))
    members = element(_EOP + "maskMembers")
    count = 0  # not len(members), which walks through all of them
    for feature in features:
        outlines = shapes(
            feature.raster.view(np.uint8), mask=feature.raster, transform=grid.transform(POLYGON_GSD)
        )
        for outline, _ in outlines:
            members.append(_member(feature, count, outline["coordinates"]))
            count += 1
    if count:
        document.append(element(_GML + "boundedBy", _envelope(grid)))
    document.append(members)
    write_xml(root / names.mask(kind, band), document)


def _envelope(grid: TileGrid) -> etree._Element:
    side = grid.size10 * 10
    return element(
        _GML + "Envelope",
        element(_GML + "lowerCorner", f"{grid.ulx} {grid.uly - side}"),
        element(_GML + "upperCorner", f"{grid.ulx + side} {grid.uly}"),
        srsName=f"urn:ogc:def:crs:EPSG:8.7:{grid.epsg}",
    )


def _member(feature: Feature, index: int, rings: list[list[tuple[float, float]]]) -> etree._Element:
    """One polygon: outer ring first, then holes. Readers exist that go by its lines: keep them whole."""
    polygon = element(_GML + "Polygon", **{_GML + "id": f"{feature.kind}.{index}_Polygon"})
    for position, ring in enumerate(rings):
        corners = " ".join(f"{x:.0f} {y:.0f}" for x, y in ring)
        line = element(_GML + "LinearRing", element(_GML + "posList", corners, srsDimension="2"))
        polygon.append(element(_GML + ("interior" if position else "exterior"), line))
    footprint = feature.kind == "DETECTOR_FOOTPRINT"
    identifier = f"{feature.identifier}{'-' if footprint else '.'}{index}"
    return element(
        _EOP + "MaskFeature",
        element(_EOP + "maskType", feature.kind, codeSpace="urn:gs2:S2PDGS:maskType"),
        element(_EOP + "extentOf", polygon),
        **{_GML + "id": identifier},
    )
