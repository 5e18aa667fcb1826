"""Small helpers to build and write XML."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from ..errors import OutputError

XSI = "http://www.w3.org/2001/XMLSchema-instance"


def element(
    tag: str, *content: etree._Element | str | int | float, **attributes: str | int
) -> etree._Element:
    """Make an element with children or a text, and attributes."""
    node = etree.Element(tag, {k: str(v) for k, v in attributes.items()})
    for item in content:
        if isinstance(item, etree._Element):
            node.append(item)
        else:
            node.text = str(item)
    return node


def psd_root(name: str, schema: str, psd: int, **sections: etree._Element) -> etree._Element:
    """Root of a metadata file with its sections, both in the schema's namespace.

    Parameters
    ----------
    name : str
        Local name of the root.
    schema : str
        File name of the schema, the end of the namespace.
    psd : int
        Number of the specification, 14 or 15.
    **sections : element
        Sections by name; each is renamed into the namespace.
    """
    namespace = f"https://psd-{psd}.sentinel2.eo.esa.int/PSD/{schema}"
    root = etree.Element(f"{{{namespace}}}{name}", nsmap={"n1": namespace, "xsi": XSI})
    root.set(f"{{{XSI}}}schemaLocation", namespace)
    for key, section in sections.items():
        section.tag = f"{{{namespace}}}{key}"
        root.append(section)
    return root


def write_xml(path: Path, root: etree._Element) -> None:
    """Write a document, indented, in UTF-8.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    etree.indent(root)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        etree.ElementTree(root).write(str(path), encoding="UTF-8", xml_declaration=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot write ({error}); is there space on the disk?") from error
