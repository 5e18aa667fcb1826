"""Quality sections of the metadata and the reports beside it.

Every inspection passes: what is written describes the scene, nothing was inspected.
"""

from __future__ import annotations

from lxml import etree

from ..classes import CloudClass
from .safe_naming import Baseline, ProductNames, iso
from .safe_xml import element

CHECKS = (
    "FORMAT_CORRECTNESS",
    "GENERAL_QUALITY",
    "GEOMETRIC_QUALITY",
    "RADIOMETRIC_QUALITY",
    "SENSOR_QUALITY",
)
"""Quality reports of the datastrip."""
MEAN_AOT = 0.1
"""Aerosol optical thickness at 550 nm written everywhere in AOT images."""
MEAN_WVP = 1.5
"""Water vapour column, cm, written everywhere in WVP images."""

Shares = dict[CloudClass, float]
"""Per cent of observed pixels in each class, of MISSING per cent of all (`class_shares`)."""


def cloud_cover(shares: Shares) -> float:
    """Per cent of cloud, thin cloud included, as both levels count it."""
    return shares[CloudClass.CLOUD] + shares[CloudClass.SEMI_TRANSPARENT_CLOUD]


def product_quality(names: ProductNames, shares: Shares) -> etree._Element:
    """Quality section of the product's metadata."""
    inspections = [
        element(f"{check}_FLAG", "PASSED")
        if names.baseline.quality_flags
        else element("quality_check", "PASSED", checkType=check)
        for check in granule_checks(names)
    ]
    node = element(
        "Quality_Indicators_Info",
        element("Cloud_Coverage_Assessment", f"{cloud_cover(shares):.6f}"),
    )
    if names.level == "L1C" and names.baseline.raster_masks:
        node.append(element("Snow_Coverage_Assessment", "0.0"))
    node.append(
        element(
            "Technical_Quality_Assessment",
            element("DEGRADED_ANC_DATA_PERCENTAGE", "0.0"),
            element("DEGRADED_MSI_DATA_PERCENTAGE", 0),
        )
    )
    node.append(
        element(
            "Quality_Control_Checks",
            element("Quality_Inspections", *inspections),
            element("Failed_Inspections"),
        )
    )
    if names.level == "L2A":
        node.append(element("Image_Content_QI", *l2a_content(names.baseline, shares)))
    return node


def granule_checks(names: ProductNames) -> tuple[str, ...]:
    """Names of the granule's quality reports; L2A has its own from 05.00."""
    return (*CHECKS, "L2A_QUALITY") if names.level == "L2A" and names.baseline.major >= 5 else CHECKS


def l2a_content(baseline: Baseline, shares: Shares) -> list[etree._Element]:
    """Shares of the scene classification, per cent, and retrieval notes, as L2A metadata has them."""
    values = {
        "NODATA_PIXEL": shares[CloudClass.MISSING],
        "SATURATED_DEFECTIVE_PIXEL": 0.0,
        "DARK_FEATURES": 0.0,
        "CLOUD_SHADOW": shares[CloudClass.CLOUD_SHADOW],
        "VEGETATION": 0.0,
        "NOT_VEGETATED": shares[CloudClass.CLEAR],
        "WATER": 0.0,
        "UNCLASSIFIED": shares[CloudClass.UNDEFINED],
        "MEDIUM_PROBA_CLOUDS": 0.0,
        "HIGH_PROBA_CLOUDS": shares[CloudClass.CLOUD],
        "THIN_CIRRUS": shares[CloudClass.SEMI_TRANSPARENT_CLOUD],
        "SNOW_ICE": 0.0,
    }
    out = [element(f"{name}_PERCENTAGE", f"{value:.6f}") for name, value in values.items()]
    out += [
        element(f"{name}_ACCURACY", "0.0")
        for name in ("RADIATIVE_TRANSFER", "WATER_VAPOUR_RETRIEVAL", "AOT_RETRIEVAL")
    ]
    if baseline.raster_masks:
        land = cloud_cover(shares)
        out.insert(0, element("CLOUDY_PIXEL_OVER_LAND_PERCENTAGE", f"{land:.6f}"))
        out.append(element("AOT_RETRIEVAL_METHOD", "CAMS"))
        out.append(element("GRANULE_MEAN_AOT", f"{MEAN_AOT:.6f}"))
        out.append(element("GRANULE_MEAN_WV", f"{MEAN_WVP:.6f}"))
    return out


def quality_report(names: ProductNames, check: str, item: str) -> etree._Element:
    """Root of an on-line quality report that says what was made, with no inspections in it."""
    namespace = "http://gs2.esa.int/DATA_STRUCTURE/olqcReport"
    root = element("Earth_Explorer_File", xmlns=namespace)
    report = element(
        "report",
        element("checkList", element("name", check), element("version", "1.0"), element("item", name=item)),
        date=iso(names.created),
        globalStatus="PASSED",
    )
    header = element(
        "Fixed_Header", element("File_Description", "Simulated product"), element("Mission", names.mission)
    )
    root.append(element("Earth_Explorer_Header", header))
    root.append(element("Data_Block", report, type="xml"))
    return root
