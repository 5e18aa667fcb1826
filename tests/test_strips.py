"""Tiles cut from strips, and strips read ahead."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from helpers_models import BANDS, card
from hypothesis import given
from hypothesis import strategies as st

from cloudmask.array_source import ArraySource
from cloudmask.card import InputSpec
from cloudmask.source import Strip
from cloudmask.strips import PlacedStrip, StripReader, TileRow
from cloudmask.tiling import TileAxis


def strips_of(scene, known, edges):
    """A scene (bands, rows, cols) in strips that end at the rows given."""
    ends = sorted({*edges, scene.shape[1]})
    nothing = np.zeros((0, 0), bool)
    return [
        PlacedStrip(low, Strip(scene[:, low:high], nothing, nothing), known[low:high], scene[:, low:high])
        for low, high in zip([0, *ends], ends, strict=False)
    ]


@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.sampled_from([(16, 2, 4), (32, 4, 8), (24, 0, 1)]),
    st.sets(st.integers(1, 69)),
    st.integers(0, 99),
)
def test_tiles_are_those_of_the_scene_mirrored_at_its_edges(rows, cols, tile, edges, seed):
    rng = np.random.default_rng(seed)
    scene = rng.random((3, rows, cols), dtype=np.float32)
    known = rng.random((rows, cols)) < 0.5
    size, margin, multiple = tile
    down, across = (TileAxis(n, size, margin, multiple) for n in (rows, cols))
    pads = (0, down.padded - rows), (0, across.padded - cols)
    spec = InputSpec(1.0, "sqrt", (0.1, 0.2, 0.3), (0.5, 1.0, 2.0))
    whole = np.pad(spec.normalise(scene), ((0, 0), *pads), mode="symmetric")
    whole_known = np.pad(known, pads)
    strips = strips_of(scene, known, {e for e in edges if e < rows})
    for start in down.starts:
        under = TileRow(strips, start, size, across, spec)
        np.testing.assert_array_equal(under.known, whole_known[start : start + size, :cols])
        expected = [i for i, c in enumerate(across.starts) if under.known[:, c : c + size].any()]
        assert under.wanted() == expected
        for i, left in enumerate(across.starts):
            out = np.full((3, size, size), np.nan, np.float32)
            under.cut(i, out)
            np.testing.assert_array_equal(out, whole[:, start : start + size, left : left + size])


class _Watched(ArraySource):
    """Counts how many threads read at a time."""

    def __init__(self, image, readers):
        super().__init__(image, BANDS, gsd=10, level="L1C")
        self.readers = readers
        self._guard, self.inside, self.most = threading.Lock(), 0, 0
        self.memory = []

    def read(self, bands, gsd, rows, out_gsd, memory=None):
        with self._guard:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.memory.append(memory)
        time.sleep(0.01)
        try:
            return super().read(bands, gsd, rows, out_gsd, memory)
        finally:
            with self._guard:
                self.inside -= 1


@pytest.mark.parametrize("readers", [1, 2])
def test_no_more_threads_read_than_the_source_allows(readers):
    source = _Watched(np.full((4, 2600, 20), 0.1, np.float32), readers)
    reader = StripReader(source, card(gsd=10), TileAxis(2600, 512, 16, 16), 10)
    rows = [list(strips) for strips in reader.rows()]
    assert source.most == readers
    pieces = [strip for row in rows for strip in row]
    assert [p.first for p in pieces] == [0, *(p.stop for p in pieces[:-1])]
    assert pieces[-1].stop == 2600


def test_memory_that_is_given_back_is_used_again():
    image = np.random.default_rng(0).random((4, 2600, 20), dtype=np.float32)
    image[:, 900:950, 3] = np.nan
    source = _Watched(image, 1)
    reader = StripReader(source, card(gsd=10), TileAxis(2600, 512, 16, 16), 10)
    known = ~np.isnan(image).any(axis=0)
    for row in reader.rows():
        for strip in row:
            here = slice(strip.first, strip.stop)
            np.testing.assert_array_equal(strip.strip.values, image[:, here])
            assert strip.known is None or np.array_equal(strip.known, known[here])
            assert strip.known is not None or known[here].all()
            reader.give_back([strip])
    assert len({id(m) for m in source.memory}) < len(source.memory)
