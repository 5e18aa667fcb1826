"""Granule and datastrip metadata: MTD_TL.xml and MTD_DS.xml."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from lxml import etree

from ..bands import BAND_NAMES, BANDS, RESOLUTIONS
from .safe_detectors import GRID_STEP, mean_views, sun_angles, view_angles
from .safe_masks import GML_KINDS, RASTER_KINDS
from .safe_naming import ProductNames, iso
from .safe_product_xml import datatake, display_order
from .safe_quality import Shares, cloud_cover, l2a_content
from .safe_source import QUANTIFICATION
from .safe_tile import TileGrid
from .safe_xml import element, psd_root

PROBABILITY_GSD = (20, 60)
"""Resolutions of the probability masks of L2A, metres."""

Floats = npt.NDArray[np.float64]


def tile_metadata(
    names: ProductNames, grid: TileGrid, sun: tuple[float, float], shares: Shares
) -> etree._Element:
    """Root of the granule's metadata.

    Parameters
    ----------
    names : ProductNames
        Names and identifiers.
    grid : TileGrid
        Grid of the tile.
    sun : (float, float)
        Mean sun zenith and azimuth, degrees.
    shares : dict of CloudClass to float
        Per cent of observed pixels in each class.
    """
    number = names.level[1:]
    return psd_root(
        f"Level-{number}_Tile_ID",
        f"S2_PDI_Level-{number}_Tile_Metadata.xsd",
        names.baseline.psd,
        General_Info=_general(names),
        Geometric_Info=element("Geometric_Info", _geocoding(grid), _angles(grid, sun)),
        Quality_Indicators_Info=_quality(names, shares),
    )


def _general(names: ProductNames) -> etree._Element:
    node = element("General_Info")
    if names.level == "L2A":
        node.append(element("L1C_TILE_ID", names.tile_id("L1C"), metadataLevel="Brief"))
    for tag, text, level in (
        ("TILE_ID", names.tile_id(), "Brief"),
        ("DATASTRIP_ID", names.datastrip_id, "Standard"),
        ("DOWNLINK_PRIORITY", "NOMINAL", "Standard"),
        ("SENSING_TIME", iso(names.datastrip_start), "Standard"),
    ):
        node.append(element(tag, text, metadataLevel=level))
    node.append(_archiving(names))
    return node


def _archiving(names: ProductNames) -> etree._Element:
    return element(
        "Archiving_Info",
        element("ARCHIVING_CENTRE", names.baseline.centre),
        element("ARCHIVING_TIME", iso(names.created)),
        metadataLevel="Expertise",
    )


def _geocoding(grid: TileGrid) -> etree._Element:
    sizes = (
        element("Size", element("NROWS", grid.size(gsd)), element("NCOLS", grid.size(gsd)), resolution=gsd)
        for gsd in RESOLUTIONS
    )
    positions = (
        element(
            "Geoposition",
            element("ULX", grid.ulx),
            element("ULY", grid.uly),
            element("XDIM", gsd),
            element("YDIM", -gsd),
            resolution=gsd,
        )
        for gsd in RESOLUTIONS
    )
    return element(
        "Tile_Geocoding",
        element("HORIZONTAL_CS_NAME", f"WGS84 / UTM zone {grid.zone}"),
        element("HORIZONTAL_CS_CODE", grid.crs),
        *sizes,
        *positions,
        metadataLevel="Brief",
    )


def _angles(grid: TileGrid, sun: tuple[float, float]) -> etree._Element:
    node = element(
        "Tile_Angles",
        _angle_grids("Sun_Angles_Grid", *sun_angles(grid, *sun)),
        element("Mean_Sun_Angle", *_pair(*sun)),
        metadataLevel="Standard",
    )
    for name in BAND_NAMES:
        for detector, (zenith, azimuth) in view_angles(name).items():
            attributes = {"bandId": BANDS[name].index, "detectorId": detector}
            node.append(_angle_grids("Viewing_Incidence_Angles_Grids", zenith, azimuth, **attributes))
    means = (
        element("Mean_Viewing_Incidence_Angle", *_pair(*angles), bandId=BANDS[name].index)
        for name, angles in mean_views().items()
    )
    node.append(element("Mean_Viewing_Incidence_Angle_List", *means))
    return node


def _pair(zenith: float, azimuth: float) -> tuple[etree._Element, etree._Element]:
    return (
        element("ZENITH_ANGLE", f"{zenith:.10f}", unit="deg"),
        element("AZIMUTH_ANGLE", f"{azimuth:.10f}", unit="deg"),
    )


def _angle_grids(tag: str, zenith: Floats, azimuth: Floats, **attributes: int) -> etree._Element:
    return element(tag, _angle_grid("Zenith", zenith), _angle_grid("Azimuth", azimuth), **attributes)


def _angle_grid(tag: str, values: Floats) -> etree._Element:
    rows = (element("VALUES", " ".join("NaN" if np.isnan(v) else f"{v:.6g}" for v in row)) for row in values)
    return element(
        tag,
        element("COL_STEP", GRID_STEP, unit="m"),
        element("ROW_STEP", GRID_STEP, unit="m"),
        element("Values_List", *rows),
    )


def _quality(names: ProductNames, shares: Shares) -> etree._Element:
    content = element(
        "Image_Content_QI",
        element("CLOUDY_PIXEL_PERCENTAGE", f"{cloud_cover(shares):.6f}"),
        element("DEGRADED_MSI_DATA_PERCENTAGE", 0),
    )
    if names.level == "L2A":
        content.extend(l2a_content(names.baseline, shares))
    elif names.baseline.raster_masks:
        content.append(element("SNOW_PIXEL_PERCENTAGE", 0))
    return element(
        "Quality_Indicators_Info",
        content,
        element("Pixel_Level_QI", *_mask_list(names), geometry="FULL_RESOLUTION"),
        element("PVI_FILENAME", f"{names.preview}.jp2"),
        metadataLevel="Standard",
    )


def _mask_list(names: ProductNames) -> list[etree._Element]:
    raster = names.baseline.raster_masks
    out = [
        element("MASK_FILENAME", names.mask(kind, band), bandId=BANDS[band].index, type=f"MSK_{kind}")
        for band in BAND_NAMES
        for kind in (RASTER_KINDS if raster else GML_KINDS)
    ]
    cloud = "CLASSI" if raster else "CLOUDS"
    out.append(element("MASK_FILENAME", names.mask(cloud, "B00"), type=f"MSK_{cloud}"))
    if names.level == "L2A":
        for gsd in PROBABILITY_GSD:
            for kind in ("CLDPRB", "SNWPRB"):
                path = f"{names.granule_dir}/QI_DATA/MSK_{kind}_{gsd}m.jp2"
                out.append(element("MASK_FILENAME", path, type=f"MSK_{kind}"))
    return out


def datastrip_metadata(names: ProductNames) -> etree._Element:
    """Root of the datastrip's metadata; satellite telemetry, which nothing simulates, is left out."""
    number = names.level[1:]
    general = element(
        "General_Info",
        datatake(names, "Datatake_Info", metadataLevel="Brief"),
        element(
            "Datastrip_Time_Info",
            element("DATASTRIP_SENSING_START", iso(names.datastrip_start)),
            element("DATASTRIP_SENSING_STOP", iso(names.datastrip_start)),
            metadataLevel="Brief",
        ),
        element(
            "Processing_Info",
            element("PROCESSING_BASELINE", names.baseline.text),
            element("PROCESSING_CENTER", names.baseline.centre),
            element("UTC_DATE_TIME", iso(names.created)),
            metadataLevel="Expertise",
        ),
        _archiving(names),
    )
    image = element(
        "Image_Data_Info",
        element(
            "Tiles_Information",
            element("Tile_List", element("Tile", tileId=names.tile_id())),
            metadataLevel="Standard",
        ),
        element(
            "Radiometric_Info",
            display_order(),
            element("QUANTIFICATION_VALUE", QUANTIFICATION, unit="none"),
            metadataLevel="Standard",
        ),
    )
    return psd_root(
        f"Level-{number}_DataStrip_ID",
        f"S2_PDI_Level-{number}_Datastrip_Metadata.xsd",
        names.baseline.psd,
        General_Info=general,
        Image_Data_Info=image,
    )
