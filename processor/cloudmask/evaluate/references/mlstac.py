"""ML-STAC files, in which CloudSEN12+ was first distributed: many GeoTIFFs in one file, read where they lie.

Layout, as in ``mlstac.core`` of mlstac 0.1: the number 31011 in two bytes and the length of a JSON
table in eight, both little-endian; the table, ``{"name": [first byte, length], ...}``, first bytes
counted from its own end; then the GeoTIFFs. Files are named ``<split>_<size>_<kind of label>.mlstac``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError

_MAGIC = (31011).to_bytes(2, "little")
_HEAD = len(_MAGIC) + 8
_NAME = re.compile(r"(train|validation|val|test)_(\d+)_(high|scribble|nolabel)")


@dataclass(frozen=True)
class Part:
    """What the name of a file says of its patches.

    Attributes
    ----------
    split : str
        ``"train"``, ``"val"`` or ``"test"``; empty if the name does not say.
    size : int or None
        Rows and columns before padding.
    quality : str
        ``"high"``, ``"scribble"`` or ``"nolabel"``.
    """

    split: str
    size: int | None
    quality: str


def part_of(path: Path) -> Part:
    """Read the name of a file; one that says nothing holds high-quality labels of no split."""
    found = _NAME.search(path.name)
    if found is None:
        return Part("", None, "high")
    return Part({"validation": "val"}.get(found[1], found[1]), int(found[2]), found[3])


def read_mlstac(path: Path) -> dict[str, str]:
    """GDAL paths of the GeoTIFFs in a file, by name.

    Raises
    ------
    InputError
        If it is no ML-STAC file or is cut short.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
        if head[:2] != _MAGIC:
            raise InputError(
                f"{path}: no ML-STAC file (expected it to begin with {_MAGIC!r}, found {head[:2]!r})"
            )
        length = int.from_bytes(head[2:], "little")
        if len(head) < _HEAD or length > size:
            raise InputError(f"{path}: the file ends within its table; download it again")
        try:
            table = json.loads(stream.read(length))
            places = {str(name): (int(begin), int(count)) for name, (begin, count) in table.items()}
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise InputError(
                f"{path}: expected a table of names with first byte and length, found: {error}"
            ) from error
    first = _HEAD + length
    for name, (begin, count) in places.items():
        if begin < 0 or count <= 0 or first + begin + count > size:
            raise InputError(f"{path}: the file ends within '{name}'; download it again")
    return {name: f"/vsisubfile/{first + begin}_{count},{path}" for name, (begin, count) in places.items()}
