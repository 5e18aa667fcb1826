"""Java classes, reached through jpy: the only module that imports it.

Inside SNAP jpy is loaded before any operator; on the Python side ``import esa_snappy`` loads it
and starts the virtual machine. Importing it here, at call time, works for both.
"""

from __future__ import annotations

import importlib
from typing import Any

DATAMODEL = "org.esa.snap.core.datamodel."


def java_type(name: str) -> Any:
    """The Java class of a full name, e.g. ``"java.awt.Color"``."""
    return importlib.import_module("jpy").get_type(name)


def java_array(type_name: str, items: list[Any]) -> Any:
    """A Java array of objects of one class."""
    return importlib.import_module("jpy").array(type_name, items)
