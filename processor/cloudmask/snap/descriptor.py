"""The operator's descriptor ``cloudmask_op-info.xml``, made from ``Options``.

SNAP reads it with a strict parser: an unknown element, a missing alias or malformed XML makes
every Python operator of the installation vanish, not only the one at fault. So it is generated,
and :func:`problems` applies the parser's rules to any descriptor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lxml import etree

from .. import __version__
from .parameters import Parameter, parameters

ALIAS = "CloudMask"
LABEL = "Cloud mask (AI)"
OPERATOR_CLASS = "eu.esa.snap.snappy.gpf.PyOperator"
SERVICE = "META-INF/services/eu.esa.snap.snappy.gpf.PyOperatorSpi"
DESCRIPTION = (
    "Classifies every pixel of a resampled Sentinel-2 MSI L1C or L2A product as clear, cloud shadow, "
    "semi-transparent cloud, cloud or missing with a neural network."
)

# Elements that SNAP's DefaultOperatorDescriptor and the classes under it know (snap-gpf).
_CHILDREN: dict[str, str] = {
    "operator": "name alias operatorClass label version description authors copyright internal "
    "autoWriteSuppressed sourceProducts namedSourceProducts parameters targetProduct targetProperties",
    "namedSourceProducts": "sourceProduct",
    "sourceProduct": "name alias label description optional productType bands",
    "sourceProducts": "name count alias label description productType bands",
    "bands": "string",
    "parameters": "parameter",
    "parameter": "name alias dataType defaultValue label description unit interval valueSet condition "
    "pattern format notNull notEmpty rasterDataNodeClass itemAlias deprecated validatorClass "
    "converterClass domConverterClass",
    "targetProduct": "name alias label description",
    "targetProperties": "targetProperty",
    "targetProperty": "name alias label description dataType",
}


def render() -> bytes:
    """The descriptor of this version as UTF-8 XML."""
    root = etree.Element("operator")
    root.append(etree.Comment(" Written by 'cloudmask snap descriptor'; edit options.py instead. "))
    _texts(
        root,
        name=ALIAS,
        alias=ALIAS,
        operatorClass=OPERATOR_CLASS,
        label=LABEL,
        version=__version__,
        description=DESCRIPTION,
        authors="The cloudmask developers",
        copyright="Apache-2.0",
    )
    source = etree.SubElement(etree.SubElement(root, "namedSourceProducts"), "sourceProduct")
    _texts(
        source,
        name="sourceProduct",
        label="Sentinel-2 MSI product",
        description="Sentinel-2 L1C or L2A with all bands on one grid, as S2Resampling gives it.",
    )
    listed = etree.SubElement(root, "parameters")
    for parameter in parameters():
        _parameter(etree.SubElement(listed, "parameter"), parameter)
    etree.indent(root, "  ")
    data: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return data


def java_text(value: Any) -> str:
    """A value as SNAP's converters read it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parameter(element: Any, parameter: Parameter) -> None:
    spec = parameter.spec
    optional: dict[str, str] = {}
    if parameter.default is not None:
        optional["defaultValue"] = java_text(parameter.default)
    if spec.unit:
        optional["unit"] = spec.unit
    if spec.interval is not None:
        whole = parameter.java_type in ("int", "java.lang.Integer")
        low, high = (int(v) if whole else float(v) for v in spec.interval)
        optional["interval"] = f"[{low},{high}]"
    if spec.choices is not None:
        optional["valueSet"] = ",".join(java_text(c) for c in spec.choices)
    _texts(
        element,
        name=parameter.name,
        dataType=parameter.java_type,
        label=spec.label,
        description=spec.help,
        **optional,
    )


def _texts(parent: Any, **texts: str) -> None:
    for tag, text in texts.items():
        etree.SubElement(parent, tag).text = text


def problems(path: Path) -> list[str]:
    """What SNAP would not accept in a descriptor, each as one sentence; empty if all is well."""
    try:
        # Reading stays local: the parser neither loads DTDs nor goes to the network.
        root = etree.parse(str(path), etree.XMLParser(resolve_entities=False, no_network=True)).getroot()
    except (etree.XMLSyntaxError, OSError) as error:
        return [f"{path}: is no well-formed XML: {error}"]
    if root.tag != "operator":
        return [f"{path}: expected the root element <operator>, found <{root.tag}>"]
    found = []
    for element in root.iter(etree.Element):
        allowed = _CHILDREN.get(element.tag, "").split()
        for child in element.iterchildren(etree.Element):
            if child.tag not in allowed:
                found.append(f"{path}: element <{child.tag}> is unknown inside <{element.tag}>")
    for tag in ("name", "alias", "operatorClass"):
        if not (root.findtext(tag) or "").strip():
            found.append(f"{path}: element <{tag}> is missing or empty")
    given = (root.findtext("operatorClass") or "").strip()
    if given and given != OPERATOR_CLASS:
        found.append(f"{path}: operatorClass is {given}; SNAP 10 and later know {OPERATOR_CLASS} only")
    for parameter in root.iterfind("parameters/parameter"):
        name = parameter.findtext("name") or "?"
        data_type = (parameter.findtext("dataType") or "").strip()
        if not data_type:
            found.append(f"{path}: parameter {name} has no dataType")
        elif data_type.endswith("[]") and data_type[:-2] in ("int", "double", "float", "long", "short"):
            found.append(f"{path}: parameter {name}: dataType {data_type} must be written [I, [D, [F, ...")
    return found
