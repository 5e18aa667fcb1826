"""BEAM-DIMAP, the native format of SNAP: a ``.dim`` header and a ``.data`` folder of ENVI images.

Element names follow what SNAP's own writer (profile BEAM-DATAMODEL-V1) produces; data are
big-endian, as its reader expects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from lxml import etree
from rasterio.crs import CRS

from .classes import COLOURS, NODATA, SURFACE_CLASSES, CloudClass
from .result import Mask

CODING = "cloudmask_classes"
_TRANSPARENCY = 0.5  # as SNAP's Sentinel-2 reader shows its own masks


@dataclass(frozen=True)
class _Raster:
    name: str
    description: str
    data: npt.NDArray[Any]
    kind: str  # SNAP's name of the sample type
    envi: int  # ENVI's number of it
    nodata: float
    coding: str = ""


def write_dimap(header: Path, mask: Mask, facts: dict[str, Any]) -> None:
    """Write ``<header>`` and the ``.data`` folder beside it.

    Parameters
    ----------
    header : Path
        The ``.dim`` file.
    mask : Mask
        The result; probabilities become bands if it holds them.
    facts : dict
        The record of the run, stored as product metadata.
    """
    folder = header.with_suffix(".data")
    folder.mkdir()
    rasters = list(_rasters(mask))
    for raster in rasters:
        _write_envi(folder, raster, mask)
    root = etree.Element("Dimap_Document", name=header.name)
    _section(root, "Metadata_Id", METADATA_PROFILE="BEAM-DATAMODEL-V1")
    kind = etree.SubElement(root[0], "METADATA_FORMAT", version="2.12.1")
    kind.text = "DIMAP"
    _section(root, "Dataset_Id", DATASET_SERIES="BEAM-PRODUCT", DATASET_NAME=header.stem)
    _section(root, "Production", DATASET_PRODUCER_NAME="", PRODUCT_TYPE="CLOUDMASK")
    _section(
        root,
        "Raster_Dimensions",
        NCOLS=str(mask.grid.cols),
        NROWS=str(mask.grid.rows),
        NBANDS=str(len(rasters)),
    )
    if mask.grid.crs is not None:
        _section(root, "Coordinate_Reference_System", WKT=CRS.from_user_input(mask.grid.crs).to_wkt())
        a, b, c, d, e, f = mask.grid.transform
        # Java's order: scale x, shear y, shear x, scale y, translate x, translate y.
        affine = ",".join(repr(float(v)) for v in (a, d, b, e, c, f))
        _section(root, "Geoposition", IMAGE_TO_MODEL_TRANSFORM=affine)
    coding = etree.SubElement(root, "Index_Coding", name=CODING)
    for member in (*SURFACE_CLASSES, CloudClass.MISSING):
        _section(
            coding,
            "Index",
            INDEX_NAME=member.key,
            INDEX_VALUE=str(int(member)),
            INDEX_DESCRIPTION=member.label,
        )
    _masks(root)
    _display(root)
    _interpretation(root, rasters)
    _access(root, folder.name, rasters)
    sources = etree.SubElement(root, "Dataset_Sources")
    _metadata(etree.SubElement(sources, "MDElem", name="metadata"), {"CloudMask": facts})
    header.write_bytes(etree.tostring(root, xml_declaration=True, encoding="ISO-8859-1", pretty_print=True))


def _rasters(mask: Mask) -> Iterator[_Raster]:
    yield _Raster("cloudmask", "Cloud mask classes", mask.classes, "uint8", 1, NODATA, CODING)
    if mask.probabilities is not None:
        for member, plane in zip(SURFACE_CLASSES, mask.probabilities, strict=True):
            yield _Raster(
                f"cm_prob_{member.key}",
                f"Probability of {member.label}",
                plane.astype(">f4"),
                "float32",
                4,
                float("nan"),
            )


def _write_envi(folder: Path, raster: _Raster, mask: Mask) -> None:
    with (folder / f"{raster.name}.img").open("wb") as file:
        file.write(np.ascontiguousarray(raster.data).data)
    text = (
        "ENVI\n"
        f"description = {{{raster.description}}}\n"
        f"samples = {mask.grid.cols}\nlines = {mask.grid.rows}\nbands = 1\nheader offset = 0\n"
        f"file type = ENVI Standard\ndata type = {raster.envi}\ninterleave = bsq\nbyte order = 1\n"
        f"band names = {{ {raster.name} }}\n"
    )
    (folder / f"{raster.name}.hdr").write_text(text, encoding="ascii")


def _section(parent: etree._Element, tag: str, **values: str) -> etree._Element:
    element = etree.SubElement(parent, tag)
    for key, value in values.items():
        etree.SubElement(element, key).text = value
    return element


def _masks(root: etree._Element) -> None:
    masks = etree.SubElement(root, "Masks")
    for member in SURFACE_CLASSES:
        element = etree.SubElement(masks, "Mask", type="Maths")
        etree.SubElement(element, "NAME", value=f"cm_{member.key}")
        etree.SubElement(element, "DESCRIPTION", value=member.label)
        red, green, blue = (str(v) for v in COLOURS[member])
        etree.SubElement(element, "COLOR", red=red, green=green, blue=blue, alpha="255")
        etree.SubElement(element, "TRANSPARENCY", value=str(_TRANSPARENCY))
        etree.SubElement(element, "EXPRESSION", value=f"cloudmask == {int(member)}")


def _display(root: etree._Element) -> None:
    display = etree.SubElement(root, "Image_Display")
    statistics = etree.SubElement(display, "Band_Statistics")
    etree.SubElement(statistics, "BAND_INDEX").text = "0"
    for member in (*SURFACE_CLASSES, CloudClass.MISSING):
        point = etree.SubElement(statistics, "Color_Palette_Point")
        etree.SubElement(point, "SAMPLE").text = str(float(member))
        etree.SubElement(point, "LABEL").text = member.label
        red, green, blue = (str(v) for v in COLOURS[member])
        etree.SubElement(point, "COLOR", red=red, green=green, blue=blue, alpha="255")


def _interpretation(root: etree._Element, rasters: list[_Raster]) -> None:
    section = etree.SubElement(root, "Image_Interpretation")
    for i, raster in enumerate(rasters):
        info = _section(
            section,
            "Spectral_Band_Info",
            BAND_INDEX=str(i),
            BAND_DESCRIPTION=raster.description,
            BAND_NAME=raster.name,
            DATA_TYPE=raster.kind,
            PHYSICAL_UNIT="",
            SOLAR_FLUX="0.0",
            BAND_WAVELEN="0.0",
            BANDWIDTH="0.0",
            SCALING_FACTOR="1.0",
            SCALING_OFFSET="0.0",
            LOG10_SCALED="false",
            NO_DATA_VALUE_USED="true",
            NO_DATA_VALUE="NaN" if np.isnan(raster.nodata) else str(float(raster.nodata)),
        )
        if raster.coding:
            etree.SubElement(info, "INDEX_CODING_NAME").text = raster.coding


def _access(root: etree._Element, folder: str, rasters: list[_Raster]) -> None:
    section = _section(root, "Data_Access", DATA_FILE_FORMAT="ENVI", DATA_FILE_FORMAT_DESC="ENVI File Format")
    etree.SubElement(section, "DATA_FILE_ORGANISATION").text = "BAND_SEPARATE"
    for i, raster in enumerate(rasters):
        file = etree.SubElement(section, "Data_File")
        etree.SubElement(file, "DATA_FILE_PATH", href=f"{folder}/{raster.name}.hdr")
        etree.SubElement(file, "BAND_INDEX").text = str(i)


def _metadata(parent: etree._Element, facts: dict[str, Any]) -> None:
    """Nested values as SNAP metadata elements and ASCII attributes."""
    for key, value in facts.items():
        if isinstance(value, dict):
            _metadata(etree.SubElement(parent, "MDElem", name=str(key)), value)
        else:
            text = "" if value is None else str(value)
            etree.SubElement(parent, "MDATTR", name=str(key), type="ascii", mode="rw").text = text
