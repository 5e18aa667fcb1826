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
        rows = _table(stream, 0, path)
        return [Sample(_text(row, "tortilla:id", path), row, _items(stream, row, path)) for row in rows]


def _items(stream: BinaryIO, row: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    start, length = _place(row, 0, path)
    if _text(row, "tortilla:file_format", path).upper() != "TORTILLA":
        return (f"/vsisubfile/{start}_{length},{path}",)
    places = [_place(item, start, path) for item in _table(stream, start, path)]
    return tuple(f"/vsisubfile/{begin}_{size},{path}" for begin, size in places)


def _text(row: Mapping[str, Any], key: str, path: Path) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(f"{path}: table: {key}: expected text, found {value!r:.60}")
    return value


def _place(row: Mapping[str, Any], start: int, path: Path) -> tuple[int, int]:
    """First byte in the file and length of an item, in a table that counts from `start`."""
    begin, length = row.get("tortilla:offset"), row.get("tortilla:length")
    if not isinstance(begin, int) or not isinstance(length, int) or begin < 0 or length < 1:
        raise InputError(
            f"{path}: table: expected tortilla:offset and tortilla:length in bytes, found {begin!r:.30} and "
            f"{length!r:.30}"
        )
    if start + begin + length > path.stat().st_size:
        raise InputError(f"{path}: the file ends within one of its items; download it again")
    return start + begin, length


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
    if len(head) < 18 or start + offset + length > path.stat().st_size:
        raise InputError(f"{path}: the file ends within its table; download it again")
    stream.seek(start + offset)
    try:
        rows: list[dict[str, Any]] = pq.read_table(pa.BufferReader(stream.read(length))).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: the table of the TACO file cannot be read: {error}") from error
    return rows
