from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmask.errors import UsageError
from cloudmask.tiling import RowBlender, TileAxis, row_windows


@st.composite
def axes(draw):
    margin = draw(st.integers(0, 20))
    multiple = draw(st.sampled_from([1, 1, 4, 16]))
    tile = draw(st.integers(max(8, 2 * margin + multiple), 120))
    blind = draw(st.integers(0, margin))
    return TileAxis(draw(st.integers(1, 400)), tile, margin, multiple, blind)


@given(axes())
def test_weights_sum_to_exactly_one(axis):
    total = np.zeros(axis.padded, np.float32)
    for start, weight in zip(axis.starts, axis.weights, strict=True):
        assert weight.dtype == np.float32
        total[start : start + axis.tile] += weight
    np.testing.assert_array_equal(total, 1)


@given(axes())
def test_tiles_cover_the_axis_and_overlap_by_twice_the_margin(axis):
    starts = np.array(axis.starts)
    assert starts[0] == 0
    assert starts[-1] + axis.tile == axis.padded
    steps = np.diff(starts)
    assert (steps > 0).all()
    assert (axis.tile - steps >= 2 * axis.margin).all()


@given(axes())
def test_weights_fall_towards_a_shared_edge(axis):
    for i, (start, weight) in enumerate(zip(axis.starts, axis.weights, strict=True)):
        if axis.margin and i + 1 < len(axis.starts) and axis.starts[i + 1] - start > axis.tile // 2:
            assert weight[-1] <= 0.5
            assert weight[-1] < weight[axis.tile // 2]


@given(axes())
def test_what_is_blind_counts_for_nothing_where_another_tile_sees(axis):
    starts = np.array(axis.starts)
    assert (starts % axis.multiple == 0).all()
    assert axis.padded - axis.size < axis.multiple or len(starts) == 1
    pixels = np.arange(axis.padded)
    depth = np.minimum(pixels - starts[:, None], starts[:, None] + axis.tile - 1 - pixels)
    for i, (start, weight) in enumerate(zip(starts, axis.weights, strict=True)):
        here = slice(start, start + axis.tile)
        seen = (depth[:, here] >= axis.blind).any(axis=0)
        assert (weight[seen & (depth[i, here] < axis.blind)] == 0).all()


def test_the_ends_of_the_axis_are_no_edges():
    """Tiles that begin further in must not count next to an end: the one that reaches it sees all."""
    axis = TileAxis(1536, 256, 112, 16, 110)
    assert axis.weights[0][:128].min() > 0.999
    assert axis.weights[-1][-128:].min() > 0.999
    alone = TileAxis(100, 256, 112, 16, 110)
    assert (alone.weights == 1).all()


def test_tile_not_larger_than_its_margins():
    with pytest.raises(UsageError, match="more than twice the model's margin of 16 px, found 32 px"):
        TileAxis(100, 32, 16)


@given(axes(), axes(), st.integers(0, 2**32 - 1))
def test_identity_comes_back_exactly(rows, cols, seed):
    # Products of weights are multiples of 2**-20: numbers of 4 bits times them are exact in float32.
    scene = np.random.default_rng(seed).integers(0, 16, (2, rows.padded, cols.padded)).astype(np.float32)
    out = blend(rows, cols, scene)
    np.testing.assert_array_equal(out, scene[:, : rows.size, : cols.size])


@given(axes(), axes(), st.integers(0, 2**32 - 1))
def test_any_float_comes_back_but_for_rounding(rows, cols, seed):
    scene = np.random.default_rng(seed).random((1, rows.padded, cols.padded), np.float32)
    out = blend(rows, cols, scene)
    np.testing.assert_allclose(out, scene[:, : rows.size, : cols.size], atol=5e-6)


def blend(rows, cols, scene):
    """Cut a scene into tiles and put it together again."""
    blender = RowBlender(rows, cols, len(scene))
    out = np.full((len(scene), rows.size, cols.size), np.nan, np.float32)
    for row, top in enumerate(rows.starts):
        for col in reversed(range(len(cols.starts))):
            left = cols.starts[col]
            blender.add(row, col, scene[:, top : top + rows.tile, left : left + cols.tile])
        first, values = blender.finish(row)
        assert np.isnan(out[:, first : first + values.shape[1]]).all()
        out[:, first : first + values.shape[1]] = values
    return out


@given(axes(), st.integers(1, 7))
def test_row_windows_read_every_row_once_and_in_time(axis, align):
    end = 0
    for start, (low, high) in zip(axis.starts, row_windows(axis, align), strict=True):
        assert low == end
        assert high >= min(axis.size, start + axis.tile)
        assert high % align == 0 or high == axis.size
        end = high
    assert end == axis.size
