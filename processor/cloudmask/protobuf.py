"""Reading and rewriting protocol buffers by field, without their schema.

A message is a row of fields of number, length and payload; a payload may be a message itself. The few
fields on the way to what is to change are rewritten, all others copied as they are. The encoding is that of
https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

_VARINT, _EIGHT_BYTES, _RECORD, _FOUR_BYTES = 0, 1, 2, 5

Change = Callable[[memoryview], "bytes | None"]


class Field(NamedTuple):
    """A field of a message.

    Attributes
    ----------
    key : int
        Its number in the schema.
    begin, end : int
        Its bytes in the message.
    number : int
        Value of a whole number, else 0.
    payload : memoryview or None
        Content of a record (message, text, bytes).
    """

    key: int
    begin: int
    end: int
    number: int
    payload: memoryview | None


def fields(message: memoryview) -> Iterator[Field]:
    """Fields of a message in order.

    Raises
    ------
    ValueError
        If it is not a protocol buffer.
    """
    at = 0
    while at < len(message):
        begin = at
        tag, at = _read_number(message, at)
        kind, number, payload = tag & 7, 0, None
        if kind == _VARINT:
            number, at = _read_number(message, at)
        elif kind == _RECORD:
            size, at = _read_number(message, at)
            payload = message[at : at + size]
            at += size
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"not a protocol buffer: field of unknown kind {kind}")
        if at > len(message):
            raise ValueError("not a protocol buffer: it ends within a field")
        yield Field(tag >> 3, begin, at, number, payload)


def records(message: memoryview, key: int) -> Iterator[memoryview]:
    """Payloads of the records with a number."""
    for field in fields(message):
        if field.key == key and field.payload is not None:
            yield field.payload


def rewrite(message: memoryview, changes: Mapping[int, Change]) -> bytes:
    """Copy a message with some records replaced, or left out where the change gives None."""
    out: list[bytes | memoryview] = []
    copied = 0
    for field in fields(message):
        if field.key in changes and field.payload is not None:
            changed = changes[field.key](field.payload)
            out += [message[copied : field.begin], b"" if changed is None else record(field.key, changed)]
            copied = field.end
    return b"".join([*out, message[copied:]])


def record(key: int, payload: bytes | memoryview) -> bytes:
    """A record as bytes."""
    return _number(key << 3 | _RECORD) + _number(len(payload)) + bytes(payload)


def whole_number(key: int, value: int) -> bytes:
    """A whole number, 0 or more, as bytes."""
    return _number(key << 3 | _VARINT) + _number(value)


def _read_number(message: memoryview, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, lowest first, and where the next field begins."""
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
    raise ValueError("not a protocol buffer: a number does not end")


def _number(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
