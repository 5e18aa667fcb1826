"""Product metadata: MTD_MSIL1C.xml and MTD_MSIL2A.xml."""

from __future__ import annotations

import math

import numpy as np
from lxml import etree

from ..bands import BANDS, Band
from .safe_layout import images
from .safe_naming import ProductNames, iso
from .safe_quality import Shares, product_quality
from .safe_source import NODATA_DN, QUANTIFICATION, SATURATED_DN
from .safe_tile import TileGrid
from .safe_xml import element, psd_root

# Extraterrestrial irradiance of Sentinel-2A's bands, W/m2/um (Thuillier 2003 over the spectral
# responses; the same in every product of the satellite).
_IRRADIANCE = (
    *(1884.69, 1959.66, 1823.24, 1512.06, 1424.64, 1287.61, 1162.08),
    *(1041.63, 955.32, 812.92, 367.15, 245.59, 85.25),
)
# Counts per W/m2/sr/um, nominal, rounded from products of 2023 and 2024.
_GAINS = (4.10, 3.75, 4.18, 4.52, 5.20, 4.87, 4.53, 6.16, 5.13, 8.53, 55.1, 35.3, 106.3)
_SPACECRAFT = {"S2A": "Sentinel-2A", "S2B": "Sentinel-2B", "S2C": "Sentinel-2C"}
_SCL_NAMES = (
    *("NODATA", "SATURATED_DEFECTIVE", "DARK_FEATURE_SHADOW", "CLOUD_SHADOW", "VEGETATION", "NOT_VEGETATED"),
    *("WATER", "UNCLASSIFIED", "CLOUD_MEDIUM_PROBA", "CLOUD_HIGH_PROBA", "THIN_CIRRUS", "SNOW_ICE"),
)


def product_metadata(names: ProductNames, grid: TileGrid, shares: Shares) -> etree._Element:
    """Root of the product's metadata.

    Parameters
    ----------
    names : ProductNames
        Names and identifiers.
    grid : TileGrid
        Grid of the tile, for the footprint.
    shares : dict of CloudClass to float
        Per cent of observed pixels in each class (`class_shares`).
    """
    number = names.level[1:]
    general = element("General_Info", _product_info(names), _characteristics(names))
    return psd_root(
        f"Level-{number}_User_Product",
        f"User_Product_Level-{number}.xsd",
        names.baseline.psd,
        General_Info=general,
        Geometric_Info=_geometry(grid),
        Auxiliary_Data_Info=element(
            "Auxiliary_Data_Info",
            element("GIPP_List"),
            element("PRODUCTION_DEM_TYPE", "none"),
            element("GRI_List"),
        ),
        Quality_Indicators_Info=product_quality(names, shares),
    )


def datatake(names: ProductNames, tag: str, **attributes: str) -> etree._Element:
    """Describe the datatake, in product and datastrip metadata."""
    return element(
        tag,
        element("SPACECRAFT_NAME", _SPACECRAFT[names.mission]),
        element("DATATAKE_TYPE", "INS-NOBS"),
        element("DATATAKE_SENSING_START", iso(names.start)),
        element("SENSING_ORBIT_NUMBER", names.relative_orbit),
        element("SENSING_ORBIT_DIRECTION", "DESCENDING"),
        datatakeIdentifier=names.datatake_id,
        **attributes,
    )


def _product_info(names: ProductNames) -> etree._Element:
    granule = element(
        "Granule",
        *(element("IMAGE_FILE", names.image(name, gsd)) for name, gsd in images(names.level, names.baseline)),
        datastripIdentifier=names.datastrip_id,
        granuleIdentifier=names.tile_id(),
        imageFormat="JPEG2000",
    )
    return element(
        "Product_Info",
        element("PRODUCT_START_TIME", iso(names.start)),
        element("PRODUCT_STOP_TIME", iso(names.start)),
        element("PRODUCT_URI", names.product),
        element("PROCESSING_LEVEL", f"Level-{names.level[1:]}"),
        element("PRODUCT_TYPE", f"S2MSI{names.level[1:]}"),
        element("PROCESSING_BASELINE", names.baseline.text),
        element("GENERATION_TIME", iso(names.created)),
        element("PREVIEW_IMAGE_URL", "Not applicable"),
        element("PREVIEW_GEO_INFO", "Not applicable"),
        datatake(names, "Datatake"),
        element("Query_Options", element("PRODUCT_FORMAT", "SAFE_COMPACT"), completeSingleTile="true"),
        element("Product_Organisation", element("Granule_List", granule)),
    )


def _characteristics(names: ProductNames) -> etree._Element:
    special = (("NODATA", NODATA_DN), ("SATURATED", SATURATED_DN))
    node = element(
        "Product_Image_Characteristics",
        *(
            element(
                "Special_Values", element("SPECIAL_VALUE_TEXT", text), element("SPECIAL_VALUE_INDEX", index)
            )
            for text, index in special
        ),
        display_order(),
        *_scaling(names),
        element("Reflectance_Conversion", element("U", f"{sun_distance_factor(names):.12f}"), _irradiance()),
        element("Spectral_Information_List", *(_spectrum(band) for band in BANDS.values())),
        *(element("PHYSICAL_GAINS", gain, bandId=index) for index, gain in enumerate(_GAINS)),
    )
    if names.level == "L2A":
        if names.baseline.major >= 5:
            node.append(element("REFERENCE_BAND", 3))
        node.append(element("Scene_Classification_List", *(_scl(i, n) for i, n in enumerate(_SCL_NAMES))))
    return node


def display_order() -> etree._Element:
    """Bands of the true-colour display."""
    channels = (("RED_CHANNEL", 3), ("GREEN_CHANNEL", 2), ("BLUE_CHANNEL", 1))
    return element("Image_Display_Order", *(element(tag, index) for tag, index in channels))


def _scaling(names: ProductNames) -> list[etree._Element]:
    """Quantification and, where the baseline has them, offsets."""
    out: list[etree._Element]
    if names.level == "L1C":
        out = [element("QUANTIFICATION_VALUE", QUANTIFICATION, unit="none")]
        offsets, tag = "Radiometric_Offset_List", "RADIO_ADD_OFFSET"
    else:
        quantities = (("BOA", QUANTIFICATION, "none"), ("AOT", "1000.0", "none"), ("WVP", "1000.0", "cm"))
        values = (
            element(f"{name}_QUANTIFICATION_VALUE", value, unit=unit) for name, value, unit in quantities
        )
        out = [element("QUANTIFICATION_VALUES_LIST", *values)]
        offsets, tag = "BOA_ADD_OFFSET_VALUES_LIST", "BOA_ADD_OFFSET"
    if names.baseline.offset:
        out.append(
            element(offsets, *(element(tag, names.baseline.offset, band_id=b.index) for b in BANDS.values()))
        )
    return out


def sun_distance_factor(names: ProductNames) -> float:
    """Squared ratio of the mean to the actual distance of the Sun (PSD, U).

    U = 1 / (1 - 0.01673 cos(0.0172 (t - 2)))^2, t the day of the year (PSD, L1C radiometry).
    """
    day = names.start.timetuple().tm_yday
    return 1.0 / (1.0 - 0.01673 * math.cos(0.0172 * (day - 2))) ** 2


def _irradiance() -> etree._Element:
    return element(
        "Solar_Irradiance_List",
        *(
            element("SOLAR_IRRADIANCE", value, bandId=index, unit="W/m²/µm")
            for index, value in enumerate(_IRRADIANCE)
        ),
    )


def _spectrum(band: Band) -> etree._Element:
    """Spectral description; the response is a Gaussian of the band's centre and width."""
    low, high = (math.floor(band.wavelength - band.bandwidth), math.ceil(band.wavelength + band.bandwidth))
    steps = np.arange(low, high + 1)
    response = np.exp(-4 * math.log(2) * ((steps - band.wavelength) / band.bandwidth) ** 2)
    return element(
        "Spectral_Information",
        element("RESOLUTION", band.gsd),
        element(
            "Wavelength",
            element("MIN", low, unit="nm"),
            element("MAX", high, unit="nm"),
            element("CENTRAL", band.wavelength, unit="nm"),
        ),
        element(
            "Spectral_Response",
            element("STEP", 1, unit="nm"),
            element("VALUES", " ".join(f"{v:.6f}" for v in response)),
        ),
        bandId=band.index,
        physicalBand=physical_name(band),
    )


def physical_name(band: Band) -> str:
    """Name without the leading zero, ``"B1"``."""
    return band.name.replace("B0", "B")


def _scl(index: int, name: str) -> etree._Element:
    return element(
        "Scene_Classification_ID",
        element("SCENE_CLASSIFICATION_TEXT", f"SC_{name}"),
        element("SCENE_CLASSIFICATION_INDEX", index),
    )


def _geometry(grid: TileGrid) -> etree._Element:
    ring = " ".join(f"{lat:.14g} {lon:.14g}" for lat, lon in grid.footprint())
    return element(
        "Geometric_Info",
        element(
            "Product_Footprint",
            element("Product_Footprint", element("Global_Footprint", element("EXT_POS_LIST", ring + " "))),
            element("RASTER_CS_TYPE", "POINT"),
            element("PIXEL_ORIGIN", 1),
        ),
        element(
            "Coordinate_Reference_System",
            element("GEO_TABLES", "EPSG", version=1),
            element("HORIZONTAL_CS_TYPE", "GEOGRAPHIC"),
        ),
    )
