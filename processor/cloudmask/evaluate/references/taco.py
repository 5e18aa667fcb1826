"""TACO and Tortilla files (version 1): many rasters in one file, read where they lie.

Layout, as in tacoreader 0.5: two bytes ``WX`` (TACO) or ``#y`` (Tortilla), then offset and length of
a Parquet table as little-endian 64-bit integers. The table has a row an item, with
``tortilla:id``, ``tortilla:file_format``, ``tortilla:offset`` and ``tortilla:length``; an item of
format TORTILLA is such a file itself, its offsets counted from its own start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import InputError

_MAGIC = (b"WX", b"#y")


@dataclass(frozen=True)
class Sample:
    """One sample.

    Attributes
    ----------
    name : str
        Its ``tortilla:id``.
    facts : mapping
        All its columns.
    items : tuple of str
        GDAL paths of its rasters, in order.
    """

    name: str
    facts: Mapping[str, Any]
    items: tuple[str, ...]


def read_taco(path: Path) -> list[Sample]:
    """List the samples of a file.

    Raises
    ------
    InputError
        If it is no TACO file of version 1 or is cut short.
    """
    with path.open("rb") as stream:
        return [
            Sample(str(row["tortilla:id"]), row, _items(stream, row, path)) for row in _table(stream, 0, path)
        ]


def _items(stream: BinaryIO, row: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    start = int(row["tortilla:offset"])
    if str(row["tortilla:file_format"]).upper() != "TORTILLA":
        return (f"/vsisubfile/{start}_{int(row['tortilla:length'])},{path}",)
    return tuple(
        f"/vsisubfile/{start + int(item['tortilla:offset'])}_{int(item['tortilla:length'])},{path}"
        for item in _table(stream, start, path)
    )


def _table(stream: BinaryIO, start: int, path: Path) -> list[dict[str, Any]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(f"{path}: reading TACO files needs pyarrow: pip install pyarrow") from error
    stream.seek(start)
    head = stream.read(18)
    if head[:2] not in _MAGIC:
        raise InputError(
            f"{path}: no TACO file of version 1 (expected it to begin with WX or #y, found {head[:2]!r}); "
            ".tacozip files are not read"
        )
    offset, length = int.from_bytes(head[2:10], "little"), int.from_bytes(head[10:18], "little")
    stream.seek(start + offset)
    try:
        rows: list[dict[str, Any]] = pq.read_table(pa.BufferReader(stream.read(length))).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: the table of the TACO file cannot be read: {error}") from error
    return rows
