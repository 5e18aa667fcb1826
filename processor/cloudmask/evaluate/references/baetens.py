"""The CESBIO reference of Baetens, Desjardins and Hagolle (2019), made with their ALCD tool.

One folder a scene, named like the L1C product, with ``Classification/classification_map.tif``. The
products themselves are not part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError
from ..labels import LabelKind
from ..masks.maps import find_class_map
from ..products import find_product, product_facts
from ..raster import read_raster
from ..scene import Scene
from .registry import Selection, spread

_MAP = Path("Classification") / "classification_map.tif"


def read(path: Path, selection: Selection) -> Iterator[Scene]:
    """Scenes of ``Reference_dataset`` (and of ``Hollstein`` with ``--split all``)."""
    base = path / "Reference_dataset" if (path / "Reference_dataset").is_dir() else path
    folders = sorted(p for p in base.iterdir() if (p / _MAP).exists()) if base.is_dir() else []
    if selection.split == "all" and base != path and (path / "Hollstein").is_dir():
        names = {f.name for f in folders}  # one scene is in both directories
        extra = sorted(p for p in (path / "Hollstein").iterdir() if (p / _MAP).exists())
        folders += [p for p in extra if p.name not in names]
    if not folders:
        raise InputError(f"{path}: no scene folders with {_MAP} found")
    for folder in spread(folders, selection.limit):
        codes, grid = read_raster(folder / _MAP, bands=[1])
        facts = product_facts(folder.name, folder)
        name = folder.name.removesuffix(".SAFE")
        yield Scene(
            name=name,
            product=name,
            kind=LabelKind.HUMAN,
            labels=find_class_map("baetens").decode(codes[0], str(folder / _MAP)),
            level=facts.level,
            grid=grid,
            safe=find_product(selection.products, name) if selection.products else None,
        )
