"""Masks that other programs wrote: rasters in a folder, found by scene and translated by a class map."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ...errors import InputError
from ..raster import read_raster
from ..scene import Prediction, Scene
from .base import Pixels, Unavailable
from .maps import MaskMap

_FILL = "tile", "date"
_LABELS = "_truth.tif", "_label.tif"
"""Ends of the names of reference labels, which may lie beside masks and are none."""


class FileMask:
    """Rasters of one program.

    Parameters
    ----------
    name : str
        As given by the user.
    class_map : MaskMap
        Codes and file name patterns.
    folder : Path or None
        Where the files are, at any depth; None takes those that came with the reference set.
    companion : str
        Key among the files that come with a reference set.
    """

    def __init__(self, name: str, class_map: MaskMap, folder: Path | None, companion: str) -> None:
        self.name = name
        self.title = class_map.title
        self.claims = class_map.claims
        self._map = class_map
        self._folder = folder
        self._companion = companion
        if folder is not None and not folder.is_dir():
            raise InputError(f"mask '{name}': {folder}: no such folder")

    @property
    def setting(self) -> str:
        """Where the masks are from and how codes were read."""
        origin = f"files in {self._folder.name}" if self._folder else "files that came with the reference"
        return f"{origin}; class map '{self._map.name}' ({self._map.source})"

    def predict(self, pixels: Pixels) -> Prediction:
        """Read the scene's file.

        Raises
        ------
        Unavailable
            If there is none.
        InputError
            If there are several, or it cannot be read.
        """
        path = self._find(pixels.scene)
        data, grid = read_raster(path, bands=[1])
        return Prediction(self._map.decode(data[0], str(path)), grid)

    def _find(self, scene: Scene) -> Path:
        if self._folder is None:
            if self._companion in scene.files:
                return scene.files[self._companion]
            raise Unavailable(
                f"the set brings no '{self._companion}' mask; give a folder: {self._companion}=DIR"
            )
        tried = []
        for pattern in (*self._map.files, "{scene}.tif"):
            filled = _fill(pattern, scene)
            if filled is None:
                continue
            found = _masks(self._folder.glob(filled), filled) or _masks(self._folder.rglob(filled), filled)
            if len(found) > 1:
                listed = ", ".join(p.name for p in found[:3])
                raise InputError(
                    f"mask '{self.name}': {len(found)} files in {self._folder} fit {scene.name}: {listed}; "
                    "keep one"
                )
            if found:
                return found[0]
            tried.append(filled)
        raise Unavailable(f"no file like {' or '.join(dict.fromkeys(tried))} in {self._folder.name}")


def _masks(found: Iterable[Path], pattern: str) -> list[Path]:
    """Files in order, without reference labels unless the pattern asks for them."""
    return sorted(p for p in found if pattern.endswith(_LABELS) or not p.name.endswith(_LABELS))


def _fill(pattern: str, scene: Scene) -> str | None:
    """A glob pattern for a scene; None where the scene's name lacks what the pattern needs."""
    product = re.sub(r"\.SAFE$", "", scene.safe.name if scene.safe is not None else scene.product)
    product = product.removesuffix(".zip")
    tile, date = (
        re.search(r"(?:^|_)T?(\d{2}[A-Z]{3})(?:_|$)", product),
        re.search(r"(\d{8})T?\d{0,6}", product),
    )
    values = {
        "product": product,
        "scene": scene.name,
        "tile": tile.group(1) if tile else "",
        "date": date.group(1) if date else "",
    }
    if any("{" + key + "}" in pattern and not values[key] for key in _FILL):
        return None
    for key, value in values.items():
        pattern = pattern.replace("{" + key + "}", re.sub(r"([\[\]*?])", r"[\1]", value))
    return pattern
