"""Opening ONNX graphs that were exported for one tile size, without the package `onnx`.

Exporters write the size they were shown into the declared shapes of input and output, even where
every operator takes any size. Only what is declared is edited here. An ONNX file is a protocol
buffer: nested records of number, length and payload, of which the few on the way to the declared
sizes are rewritten and all others copied as they are. The numbers are those of ``onnx.proto``
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), the encoding that of
https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

_VARINT, _EIGHT_BYTES, _RECORD, _FOUR_BYTES = 0, 1, 2, 5
_GRAPH = 7  # ModelProto
_INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO = 5, 11, 12, 13  # GraphProto
_TENSOR_NAME = 8  # TensorProto
_INFO_NAME, _TYPE = 1, 2  # ValueInfoProto
_TENSOR = 1  # TypeProto
_SHAPE = 2  # TypeProto.Tensor
_DIM = 1  # TensorShapeProto
_DIM_VALUE, _DIM_PARAM = 1, 2  # TensorShapeProto.Dimension
_SIDES = {2: b"rows", 3: b"cols"}  # axes of (n, channels, rows, cols)

_Change = Callable[[memoryview], "bytes | None"]


def tied_side(model: bytes) -> int | None:
    """Side of the tiles that the graph's image input declares; None if it declares none.

    Parameters
    ----------
    model : bytes
        Content of an ONNX file.

    Raises
    ------
    ValueError
        If it is not a protocol buffer, or the sides differ.
    """
    sides = set()
    for graph in _records(memoryview(model), _GRAPH):
        weights = _weights(graph)
        for info in _records(graph, _INPUT):
            dims = _dims(info)
            if len(dims) == 4 and _name(info, _INFO_NAME) not in weights:
                sides |= {f.number for axis in _SIDES for f in _fields(dims[axis]) if f.key == _DIM_VALUE}
    sides.discard(0)
    if len(sides) > 1:
        raise ValueError(f"expected square tiles, found sides of {sides}")
    return sides.pop() if sides else None


def open_sides(model: bytes) -> bytes:
    """The same model, declared for tiles of any number of rows and columns.

    The declared shapes of intermediate results are left out: the runtime works them out itself.

    Raises
    ------
    ValueError
        If it is not a protocol buffer.
    """
    return _rewrite(memoryview(model), {_GRAPH: _open_graph})


def _open_graph(graph: memoryview) -> bytes:
    weights = _weights(graph)

    def opened(info: memoryview) -> bytes:
        if len(_dims(info)) != 4 or _name(info, _INFO_NAME) in weights:
            return bytes(info)
        return _rewrite(info, {_TYPE: lambda kind: _rewrite(kind, {_TENSOR: _open_tensor})})

    return _rewrite(graph, {_INPUT: opened, _OUTPUT: opened, _VALUE_INFO: lambda _: None})


def _open_tensor(tensor: memoryview) -> bytes:
    return _rewrite(tensor, {_SHAPE: _open_shape})


def _open_shape(shape: memoryview) -> bytes:
    dims = list(_records(shape, _DIM))
    if len(dims) != 4:
        return bytes(shape)
    for axis, name in _SIDES.items():
        dims[axis] = memoryview(_record(_DIM_PARAM, name))
    return b"".join(_record(_DIM, dim) for dim in dims)


def _weights(graph: memoryview) -> set[bytes]:
    """Names of the weights, which old files list among the inputs as well."""
    return {_name(tensor, _TENSOR_NAME) for tensor in _records(graph, _INITIALIZER)}


def _dims(info: memoryview) -> list[memoryview]:
    found = [info]
    for key in (_TYPE, _TENSOR, _SHAPE, _DIM):
        found = [inner for message in found for inner in _records(message, key)]
    return found


def _name(message: memoryview, key: int) -> bytes:
    return bytes(next(_records(message, key), b""))


class _Field(NamedTuple):
    key: int
    begin: int
    end: int
    number: int  # of whole numbers
    payload: memoryview | None  # of records


def _records(message: memoryview, key: int) -> Iterator[memoryview]:
    for field in _fields(message):
        if field.key == key and field.payload is not None:
            yield field.payload


def _fields(message: memoryview) -> Iterator[_Field]:
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
        yield _Field(tag >> 3, begin, at, number, payload)


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


def _rewrite(message: memoryview, changes: dict[int, _Change]) -> bytes:
    """Copy a message with some records replaced, or left out where the change gives None."""
    out: list[bytes | memoryview] = []
    copied = 0
    for field in _fields(message):
        if field.key in changes and field.payload is not None:
            changed = changes[field.key](field.payload)
            out += [message[copied : field.begin], b"" if changed is None else _record(field.key, changed)]
            copied = field.end
    return b"".join([*out, message[copied:]])


def _record(key: int, payload: bytes | memoryview) -> bytes:
    return _number(key << 3 | _RECORD) + _number(len(payload)) + bytes(payload)


def _number(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
