"""Tables and JSON of reference sets; what is wrong with them is said with the file's name, and the line's."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError

Row = Mapping[str, str]


def read_text(path: Path) -> str:
    """Text of a file in UTF-8, with or without a byte order mark.

    Raises
    ------
    InputError
        If it is in another encoding, or cannot be read.
    """
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: expected text in UTF-8, found the byte 0x{error.object[error.start]:02x} at "
            f"{error.start}; save it as UTF-8, or get the file again"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_json(path: Path, expected: str) -> Any:
    """Decoded JSON of a file; `expected` says what it should be.

    Raises
    ------
    InputError
        If it is no JSON.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: expected {expected}, found no JSON: {error}") from error


def read_table(path: Path, needed: Sequence[str]) -> list[tuple[int, Row]]:
    """Rows of a table with commas or semicolons, each with its line.

    Raises
    ------
    InputError
        If a needed column is missing, or a row has other columns than the head.
    """
    text = read_text(path)
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    # Strictly, for a quote that is never closed would take all the rest for one field.
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    rows: list[tuple[int, Row]] = []
    try:
        head = next(reader, [])
        absent = [c for c in needed if c not in head]
        if absent:
            raise InputError(f"{path}: expected the columns {', '.join(needed)}, lacking {', '.join(absent)}")
        for values in reader:
            if values and len(values) != len(head):
                raise InputError(
                    f"{path}, line {reader.line_num}: expected {len(head)} columns as in the head, found "
                    f"{len(values)}; is the file whole?"
                )
            if values:
                rows.append((reader.line_num, dict(zip(head, values, strict=True))))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: cannot be read as a table: {error}") from error
    return rows


def number(row: Row, column: str, where: str) -> float:
    """A number in a row.

    Raises
    ------
    InputError
        If it is none, or infinite.
    """
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: column {column}: expected a number, found '{row[column][:40]}'")
    return value


def whole(row: Row, column: str, where: str) -> int:
    """A whole number in a row, perhaps written ``7.0``.

    Raises
    ------
    InputError
        If it is none.
    """
    value = number(row, column, where)
    if not value.is_integer() or abs(value) > 2**31:
        raise InputError(f"{where}: column {column}: expected a whole number, found '{row[column][:40]}'")
    return int(value)
