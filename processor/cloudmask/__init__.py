"""AI cloud mask for Sentinel-2: clear, cloud shadow, semi-transparent cloud, cloud, missing.

``mask(path)`` masks a product, ``mask_array(image, bands, gsd=..., level=...)`` pixels in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "CloudClass",
    "CloudMaskError",
    "Mask",
    "Options",
    "__version__",
    "load_model",
    "mask",
    "mask_array",
    "open_product",
]

if TYPE_CHECKING:
    from .api import mask, mask_array
    from .catalog import load_model
    from .classes import CloudClass
    from .errors import CloudMaskError
    from .options import Options
    from .result import Mask
    from .safe import open_product

# Names load on first use: the command starts fast, and array users never import GDAL.
_HOMES = {
    "CloudClass": "classes",
    "CloudMaskError": "errors",
    "Mask": "result",
    "Options": "options",
    "load_model": "catalog",
    "mask": "api",
    "mask_array": "api",
    "open_product": "safe",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value
