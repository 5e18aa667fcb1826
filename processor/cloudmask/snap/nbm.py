"""The plug-in as a NetBeans module (NBM) for SNAP Desktop, made without Java.

An NBM is a zip with a description for the update centre and, under ``netbeans/``, what is copied
into a cluster: a jar and the file that switches it on. The jar holds no class: SNAP finds the
operator by the service file at its root and imports Python from inside it, and the menu entry is
an XML layer over classes that SNAP has.
"""

from __future__ import annotations

import io
import os
import re
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from lxml import etree

from .. import __version__
from ..atomic import AtomicOutputs
from ..errors import UsageError
from . import resources
from .descriptor import DESCRIPTION, LABEL
from .install import MODULE_FILES

CODE_NAME = "cloudmask.snap"
_STEM = CODE_NAME.replace(".", "-")
JAR = f"netbeans/modules/{_STEM}.jar"
MODULE_XML = f"netbeans/config/Modules/{_STEM}.xml"
# Where helpset.xml says the help is.
_HELP = CODE_NAME.replace(".", "/") + "/help"
_LICENCE = "Apache-2.0"
_LINE = 72  # bytes a line of a manifest may have (JAR file specification)
_EPOCH = 315532800  # 1980-01-01, the first day that a zip can name
_LAST = 4354819199  # the last second of 2107, after which it can name none
_DATE_VARIABLE = "SOURCE_DATE_EPOCH"  # https://reproducible-builds.org/specs/source-date-epoch


def build_nbm(output: Path, *, overwrite: bool = False) -> Path:
    """Write the module.

    Equal sources give equal bytes; ``SOURCE_DATE_EPOCH`` sets the date.

    Parameters
    ----------
    output : Path
        File, or an existing folder, which gets ``cloudmask-<version>.nbm``.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If it cannot be written.
    InputError
        If the installation lacks files.
    UsageError
        If ``SOURCE_DATE_EPOCH`` is not a date that a zip can name.
    """
    path = output / f"cloudmask-{__version__}.nbm" if output.is_dir() else output
    moment = _moment()
    jar = _zip(dict(_jar_entries()), moment)
    entries = {
        "Info/info.xml": _info(path.name, len(jar), moment),
        MODULE_XML: _module_xml(),
        JAR: jar,
    }
    with AtomicOutputs([path], overwrite=overwrite) as outputs:
        outputs.path(path).write_bytes(_zip({"META-INF/MANIFEST.MF": _manifest({}), **entries}, moment))
    return path.absolute()


def _moment() -> int:
    """Date of the files in the module, seconds since 1970."""
    text = os.environ.get(_DATE_VARIABLE, "")
    try:
        moment = int(text or time.time())
    except ValueError:
        moment = _LAST + 1
    if moment > _LAST:
        raise UsageError(
            f"{_DATE_VARIABLE}: expected a date in whole seconds since 1970, up to {_LAST} (the year 2107), "
            f"found '{text}'; correct it, or unset it to take the present"
        )
    return max(moment, _EPOCH)


def module_attributes() -> dict[str, str]:
    """The module's manifest: who it is and what it brings."""
    return {
        "OpenIDE-Module": CODE_NAME,
        "OpenIDE-Module-Specification-Version": _specification_version(),
        "OpenIDE-Module-Implementation-Version": __version__,
        "OpenIDE-Module-Name": LABEL,
        "OpenIDE-Module-Display-Category": "SNAP-Supported Plugins",
        "OpenIDE-Module-Short-Description": "AI cloud mask for Sentinel-2",
        "OpenIDE-Module-Long-Description": DESCRIPTION,
        "OpenIDE-Module-Layer": "layer.xml",
        "OpenIDE-Module-Java-Dependencies": "Java > 11",
        "OpenIDE-Module-Public-Packages": "-",
        "OpenIDE-Module-Requires": "org.openide.modules.ModuleFormat1",
        "AutoUpdate-Show-In-Client": "true",
    }


def _specification_version() -> str:
    """The version as NetBeans compares it: digits alone."""
    return ".".join(re.findall(r"\d+", __version__)[:3])


def _jar_entries() -> Iterator[tuple[str, bytes]]:
    # The manifest comes first, as readers of jar streams expect.
    yield "META-INF/MANIFEST.MF", _manifest(module_attributes())
    folder = resources.module_folder()
    for name in (*MODULE_FILES, "layer.xml", "helpset.xml"):
        yield name, (folder / name).read_bytes()
    for file in sorted((folder / "help").iterdir()):
        yield f"{_HELP}/{file.name}", file.read_bytes()
    yield "META-INF/LICENSE", resources.licence_text().encode()


def _manifest(attributes: Mapping[str, str]) -> bytes:
    lines = ["Manifest-Version: 1.0", *(f"{k}: {v}" for k, v in attributes.items())]
    out = b""
    for line in lines:
        rest = line.encode("utf-8")
        # Longer lines go on in the next, which begins with a blank.
        while len(rest) > _LINE - 2:
            out += rest[: _LINE - 2] + b"\r\n"
            rest = b" " + rest[_LINE - 2 :]
        out += rest + b"\r\n"
    return out + b"\r\n"


def _info(file_name: str, size: int, moment: int) -> bytes:
    module = etree.Element(
        "module",
        codenamebase=CODE_NAME,
        distribution=file_name,
        downloadsize=str(size),
        license=_LICENCE,
        moduleauthor="The cloudmask developers",
        needsrestart="true",
        releasedate=time.strftime("%Y/%m/%d", time.gmtime(moment)),
    )
    # Public packages and format are for the module system, not for the update centre.
    shown = {k: v for k, v in module_attributes().items() if not k.endswith(("-Layer", "-Public-Packages"))}
    etree.SubElement(module, "manifest", shown)
    etree.SubElement(module, "license", name=_LICENCE).text = resources.licence_text()
    doctype = (
        '<!DOCTYPE module PUBLIC "-//NetBeans//DTD Autoupdate Module Info 2.5//EN" '
        '"http://www.netbeans.org/dtds/autoupdate-info-2_5.dtd">'
    )
    return _document(module, doctype)


def _module_xml() -> bytes:
    module = etree.Element("module", name=CODE_NAME)
    settings = {
        "autoload": "false",
        "eager": "false",
        "enabled": "true",
        "jar": JAR.removeprefix("netbeans/"),
        "reloadable": "false",
        "specversion": _specification_version(),
    }
    for name, value in settings.items():
        etree.SubElement(module, "param", name=name).text = value
    doctype = (
        '<!DOCTYPE module PUBLIC "-//NetBeans//DTD Module Status 1.0//EN" '
        '"http://www.netbeans.org/dtds/module-status-1_0.dtd">'
    )
    return _document(module, doctype)


def _document(root: etree._Element, doctype: str) -> bytes:
    etree.indent(root, "  ")
    data: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", doctype=doctype)
    return data


def _zip(entries: Mapping[str, bytes], moment: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name, time.gmtime(moment)[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()
