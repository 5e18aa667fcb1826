"""Reading XML that came from elsewhere: no entities, no network, no surprises."""

from __future__ import annotations

from lxml import etree

from .errors import InputError

MAX_BYTES = 64 * 1024 * 1024
"""Largest document read; the largest in a real product, MTD_DS.xml, has about 10 MB."""


def parse_xml(data: bytes, name: str) -> etree._Element:
    """Root element of a document.

    Entities are not expanded, and a document type that could declare some is refused: products
    have none.

    Parameters
    ----------
    data : bytes
        The document.
    name : str
        Its file name, for errors.

    Raises
    ------
    InputError
        If it is too large, not well-formed or declares a document type.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"{name}: expected at most {MAX_BYTES >> 20} MB of XML, found {len(data) >> 20} MB")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise InputError(f"{name}: expected well-formed XML, found: {error.msg}") from error
    if root.getroottree().docinfo.doctype:
        raise InputError(
            f"{name}: declares a document type ({root.getroottree().docinfo.doctype[:60]}), which no "
            "Sentinel-2 product does; entities in it would not be safe to read"
        )
    return root


def find_text(root: etree._Element, tag: str) -> str | None:
    """Text of the first element with a local name, whatever its namespace; None if absent."""
    for element in root.iter(f"{{*}}{tag}"):
        return (element.text or "").strip()
    return None
