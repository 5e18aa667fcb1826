"""Simulated products with their truth, as ``cloudmask simulate`` writes them.

A folder, or folders in it, with products and, for each, ``<product>_truth.tif`` in this package's codes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError
from ..labels import LabelKind
from ..masks.maps import find_class_map
from ..products import find_product, product_facts
from ..raster import read_raster
from ..scene import Scene
from .registry import Selection, spread

_SUFFIX = "_truth"


def read(path: Path, selection: Selection) -> Iterator[Scene]:
    """Products that have a truth beside them."""
    truths = sorted(path.rglob(f"*{_SUFFIX}.tif"))
    if not truths:
        raise InputError(
            f"{path}: no <product>{_SUFFIX}.tif found; make some with 'cloudmask simulate {path}'"
        )
    alike = Counter(t.name for t in truths)  # products of all seeds share one name
    for truth in spread(truths, selection.limit):
        name = truth.stem.removesuffix(_SUFFIX)
        product = find_product(truth.parent, name, reprocessed=False)
        if product is None:
            raise InputError(f"{truth}: its product {name}.SAFE is not beside it")
        codes, grid = read_raster(truth, bands=[1])
        folder = truth.parent.relative_to(path)
        unique = (folder / name).as_posix()
        yield Scene(
            name=unique,
            product=unique,
            kind=LabelKind.SIMULATED,
            labels=find_class_map("cloudmask").decode(codes[0], str(truth)),
            level=product_facts(name, truth).level,
            grid=grid,
            safe=product,
            folder=folder.as_posix() if alike[truth.name] > 1 else "",
        )
