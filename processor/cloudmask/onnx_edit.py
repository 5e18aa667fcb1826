"""Edits of ONNX graphs before the runtime loads them, without the package `onnx`.

Exporters write the tile size they were shown into the declared shapes of input and output, even where
every operator takes any size; and what is the same for every tile of a scene, an input can be only by being
asked for again and again. An ONNX file is a protocol buffer; the numbers of its fields are those of
``onnx.proto`` (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .protobuf import fields, record, records, rewrite, whole_number

_GRAPH = 7  # ModelProto
_INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO = 5, 11, 12, 13  # GraphProto
_DIMS, _DATA_TYPE, _TENSOR_NAME, _RAW_DATA = 1, 2, 8, 9  # TensorProto
_FLOAT = 1  # TensorProto.DataType
_INFO_NAME, _TYPE = 1, 2  # ValueInfoProto
_TENSOR = 1  # TypeProto
_ELEMENT_TYPE, _SHAPE = 1, 2  # TypeProto.Tensor
_DIM = 1  # TensorShapeProto
_DIM_VALUE, _DIM_PARAM = 1, 2  # TensorShapeProto.Dimension
_SIDES = {2: b"rows", 3: b"cols"}  # axes of (n, channels, rows, cols)


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
    for graph in records(memoryview(model), _GRAPH):
        for info in _inputs(graph):
            dims = _dims(info)
            if len(dims) == 4:
                sides |= {f.number for axis in _SIDES for f in fields(dims[axis]) if f.key == _DIM_VALUE}
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
    return rewrite(memoryview(model), {_GRAPH: _open_graph})


def settle_input(model: bytes, values: Sequence[float]) -> bytes:
    """The same model with its second input settled for good.

    The runtime then works out beforehand what follows from it, and joins that with the operators around.

    Parameters
    ----------
    model : bytes
        Content of an ONNX file with two inputs, the second float32 (n, bands).
    values : sequence of float
        One for each band.

    Raises
    ------
    ValueError
        If it is not a protocol buffer, or there is no such input.
    """

    def settled(graph: memoryview) -> bytes:
        inputs = list(_inputs(graph))
        if len(inputs) != 2 or not _is_row(inputs[1], len(values)):
            raise ValueError(f"expected a second input, float32 (n, {len(values)})")
        name = _name(inputs[1], _INFO_NAME)
        rest = rewrite(graph, {_INPUT: lambda i: None if _name(i, _INFO_NAME) == name else bytes(i)})
        return rest + record(_INITIALIZER, _tensor(name, values))

    return rewrite(memoryview(model), {_GRAPH: settled})


def _tensor(name: bytes, values: Sequence[float]) -> bytes:
    """A float32 tensor (1, values)."""
    shape = whole_number(_DIMS, 1) + whole_number(_DIMS, len(values))
    content = np.asarray(values, "<f4").tobytes()
    kind = whole_number(_DATA_TYPE, _FLOAT)
    return shape + kind + record(_TENSOR_NAME, name) + record(_RAW_DATA, content)


def _is_row(info: memoryview, count: int) -> bool:
    dims = _dims(info)
    kinds = [f.number for tensor in _tensors(info) for f in fields(tensor) if f.key == _ELEMENT_TYPE]
    declared = [f.number for f in fields(dims[1]) if f.key == _DIM_VALUE] if len(dims) == 2 else []
    return len(dims) == 2 and kinds == [_FLOAT] and declared in ([], [count])


def _open_graph(graph: memoryview) -> bytes:
    weights = _weights(graph)

    def opened(info: memoryview) -> bytes:
        if len(_dims(info)) != 4 or _name(info, _INFO_NAME) in weights:
            return bytes(info)
        return rewrite(info, {_TYPE: lambda kind: rewrite(kind, {_TENSOR: _open_tensor})})

    return rewrite(graph, {_INPUT: opened, _OUTPUT: opened, _VALUE_INFO: lambda _: None})


def _open_tensor(tensor: memoryview) -> bytes:
    return rewrite(tensor, {_SHAPE: _open_shape})


def _open_shape(shape: memoryview) -> bytes:
    dims = list(records(shape, _DIM))
    if len(dims) != 4:
        return bytes(shape)
    for axis, name in _SIDES.items():
        dims[axis] = memoryview(record(_DIM_PARAM, name))
    return b"".join(record(_DIM, dim) for dim in dims)


def _inputs(graph: memoryview) -> list[memoryview]:
    """What a caller gives: old files list the weights among the inputs as well."""
    weights = _weights(graph)
    return [info for info in records(graph, _INPUT) if _name(info, _INFO_NAME) not in weights]


def _weights(graph: memoryview) -> set[bytes]:
    return {_name(tensor, _TENSOR_NAME) for tensor in records(graph, _INITIALIZER)}


def _tensors(info: memoryview) -> list[memoryview]:
    return [tensor for kind in records(info, _TYPE) for tensor in records(kind, _TENSOR)]


def _dims(info: memoryview) -> list[memoryview]:
    shapes = [shape for tensor in _tensors(info) for shape in records(tensor, _SHAPE)]
    return [dim for shape in shapes for dim in records(shape, _DIM)]


def _name(message: memoryview, key: int) -> bytes:
    return bytes(next(records(message, key), b""))
