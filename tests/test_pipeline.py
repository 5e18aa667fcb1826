"""The pipeline, with models in numpy whose answer is known for every pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers_models import BANDS, ArrayModel, ConstantModel, card, write_model
from helpers_safe import TinyScene
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cloudmask import open_product
from cloudmask.array_source import ArraySource
from cloudmask.classes import CloudClass
from cloudmask.errors import InputError, ModelError
from cloudmask.grid import AxisMap, resample
from cloudmask.onnx_model import OnnxModel
from cloudmask.options import Options
from cloudmask.pipeline import predict, tile_axes
from cloudmask.tiling import TileAxis

KEEP = Options(probabilities=True)


def scene(rows, cols, seed=0, missing=0.0, gsd=10):
    """Four planes that are multiples of 1/16, so that blending them has no rounding error."""
    rng = np.random.default_rng(seed)
    image = (rng.integers(0, 16, (4, rows, cols)) / 16).astype(np.float32)
    if missing:
        image[:, rng.random((rows, cols)) < missing] = np.nan
        image[:, : rows // 3, : cols // 2] = np.nan
    return ArraySource(image, BANDS, gsd=gsd, level="L1C"), image


def model(gsd=10, **tile):
    return ArrayModel(card(gsd=gsd, tile={"size": 64, "margin": 8, "multiple": 8, "fixed": False} | tile))


@settings(max_examples=25)
@given(
    st.integers(1, 100),
    st.integers(1, 100),
    st.sampled_from([(24, 4, 4), (64, 8, 8), (32, 0, 1), (20, 8, 1)]),
    st.integers(0, 99),
)
def test_identity_reproduces_the_scene_exactly(rows, cols, tile, seed):
    source, image = scene(rows, cols, seed)
    size, margin, multiple = tile
    net = model(size=size, margin=margin, multiple=multiple)
    mask = predict(source, net, KEEP, out_gsd=10)
    np.testing.assert_array_equal(mask.probabilities, image)
    np.testing.assert_array_equal(mask.classes, image.argmax(axis=0) + 1)


@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.sampled_from([10, 20, 60]),
    st.sampled_from([10, 20, 30, 60]),
    st.sampled_from([10, 20, 60]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(0, 99),
)
def test_any_grids_are_the_resampling_of_the_whole(rows, cols, gsd, work, out, missing, seed):
    """Strips and tiles come to what resampling the whole scene at once gives."""
    source, image = scene(rows, cols, seed, missing, gsd)
    mask = predict(source, model(work, size=16, margin=3, multiple=4), KEEP, out_gsd=out)
    grid, target = source.grid.at(work), source.grid.at(out)
    assert mask.grid == target
    valid = np.isfinite(image).all(axis=0)

    def maps(ratio, shape, to):
        return AxisMap(ratio, shape[0], 0, to[0]), AxisMap(ratio, shape[1], 0, to[1])

    there = maps(work / gsd, image.shape[1:], grid.shape)
    back = maps(out / work, grid.shape, target.shape)
    seen = maps(out / gsd, image.shape[1:], target.shape)
    known = seen[1].any(seen[0].any(valid, 0, 0), 1, 0)
    expected = np.stack(
        [
            resample(np.nan_to_num(at_work), ~np.isnan(at_work), *back)
            for at_work in (resample(plane, valid, *there) for plane in image)
        ]
    )
    expected[:, ~known] = np.nan
    np.testing.assert_allclose(mask.probabilities, expected, atol=2e-6)
    missing_pixels = mask.classes == CloudClass.MISSING
    np.testing.assert_array_equal(missing_pixels, ~known)
    np.testing.assert_array_equal(missing_pixels, np.isnan(mask.probabilities).any(axis=0))


@given(st.integers(1, 120), st.integers(1, 120), st.integers(0, 99))
def test_missing_is_never_a_class_and_never_spreads(rows, cols, seed):
    source, image = scene(rows, cols, seed, missing=0.4)
    for plane, member in enumerate((1, 2, 3, 4)):
        mask = predict(source, ConstantModel(model(30).card, plane=plane), Options(), out_gsd=10)
        gone = np.isnan(image).any(axis=0)
        assert (mask.classes[gone] == CloudClass.MISSING).all()
        assert (mask.classes[~gone] == member).all()


def test_one_band_missing_is_missing():
    image = np.ones((4, 20, 20), np.float32) / 4
    image[2, 5:9, 5:9] = np.nan
    source = ArraySource(image, BANDS, gsd=10, level="L1C")
    mask = predict(source, model(10), KEEP, out_gsd=10)
    np.testing.assert_array_equal(mask.classes == CloudClass.MISSING, np.isnan(image[2]))


def test_all_missing_needs_no_network():
    source = ArraySource(np.full((4, 100, 100), np.nan), BANDS, gsd=10, level="L1C")
    net = model(20)
    steps = []
    mask = predict(source, net, Options(), progress=lambda *step: steps.append(step))
    assert (mask.classes == CloudClass.MISSING).all()
    assert mask.statistics["percent"]["clear"] is None
    assert mask.statistics["valid_percent"] == 0
    assert net.tiles == 0
    assert steps[-1][0] == steps[-1][1]


def test_bands_are_given_in_the_order_of_the_card():
    source, image = scene(20, 20)
    net = ArrayModel(card(gsd=10, bands=["B08", "B03"], classes=["clear", "cloud"]))
    mask = predict(source, net, KEEP, out_gsd=10)
    np.testing.assert_array_equal(mask.probabilities[[0, 3]], image[[3, 1]])
    assert (mask.probabilities[1:3] == 0).all()


def test_batches_are_filled_and_change_nothing():
    source, _ = scene(200, 200)
    one, many = model(10), model(10)
    many.batch_size = 3
    first, second = predict(source, one, KEEP, out_gsd=10), predict(source, many, KEEP, out_gsd=10)
    assert one.tiles == many.tiles > 9
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_the_network_is_told_how_many_call_it():
    source, _ = scene(200, 200)
    net = model(10)
    predict(source, net, KEEP, out_gsd=10)
    assert net.callers == 2
    predict(source.subset(0, 0, 16, 16), net, KEEP, out_gsd=10)
    assert net.callers == 1


def test_options_reach_the_mask():
    image = np.zeros((4, 40, 40), np.float32)
    image[0], image[3, 20, 20], image[1, 5, 5] = 0.4, 0.5, 0.3
    source = ArraySource(image, BANDS, gsd=10, level="L1C")
    plain = predict(source, model(10), Options(resolution=10))
    assert (plain.classes == CloudClass.CLOUD).sum() == 1
    assert plain.probabilities is None
    options = Options(resolution=10, cloud_buffer=20, cloud_shadow_threshold=0.3, min_area=100)
    changed = predict(source, model(10), options)
    assert (changed.classes == CloudClass.CLOUD).sum() == 13
    assert changed.classes[5, 5] == CloudClass.CLOUD_SHADOW
    assert (predict(source, model(10), replace(options, min_area=101)).classes == CloudClass.CLEAR).all()


def test_progress_counts_all_tiles_and_may_stop():
    source, _ = scene(200, 150)
    steps = []
    predict(source, model(10), Options(), progress=lambda *step: steps.append(step), out_gsd=10)
    total = steps[0][1]
    assert [s[0] for s in steps] == sorted(s[0] for s in steps)
    assert steps[-1] == (total, total)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(source, model(10), Options(), progress=stop)


def test_a_failing_reader_is_heard():
    source, _ = scene(200, 150)

    def fail(*args):
        raise InputError("B02.jp2: damaged")

    source.load = fail
    with pytest.raises(InputError, match="damaged"):
        predict(source, model(10), Options())


def test_scene_and_model_must_fit():
    source, _ = scene(8, 8)
    with pytest.raises(ModelError, match="array is L1C but model tiny is for L2A"):
        predict(source, ArrayModel(card(level="L2A")), Options())
    with pytest.raises(InputError, match="model tiny needs band B12, found B02, B03, B04, B08"):
        predict(source, ArrayModel(card(bands=["B02", "B12"])), Options())


def test_result_tells_what_was_done():
    source, _ = scene(30, 30)
    mask = predict(source, model(20), Options(resolution=60))
    assert (mask.name, mask.level, mask.device, mask.model.name) == ("array", "L1C", "cpu", "tiny")
    assert mask.timing.keys() == {
        "read_wait", "load_work", "resample_work", "inference", "postprocess", "total"
    }  # fmt: skip
    assert mask.statistics["pixels"]["missing"] == 0
    assert sum(mask.statistics["percent"].values()) == pytest.approx(100, abs=1e-3)


# Tile sides


@pytest.mark.parametrize(
    ("wanted", "pixels", "tile", "sides"),
    [
        (None, 5000, {}, (64, 104)),
        (100, 5000, {}, (104, 57)),
        (4096, 5000, {}, (2512, 2)),  # two halves, not one of 4096 and what is left
        (256, 100, {}, (104, 1)),
        (None, 5, {}, (24, 1)),
        (64, 5000, {"margin": 40, "size": 96}, (88, 615)),
        (128, 5000, {"fixed": True}, (64, 104)),
        (None, 5, {"fixed": True}, (24, 1)),
        (None, 5, {"fixed": True, "multiple": 64}, (64, 1)),  # tied to one size by its graph
        (None, 100, {"fixed": True, "multiple": 64}, (64, 2)),
    ],
)
def test_tile_sides(wanted, pixels, tile, sides):
    rows, cols = tile_axes(model(10, **tile), Options(tile_size=wanted), (pixels, 5))
    assert (rows.tile, len(rows.starts)) == sides
    assert (cols.size, len(cols.starts)) == (5, 1)


@given(st.integers(1, 6000), st.integers(64, 1024), st.integers(0, 40), st.integers(1, 64), st.data())
def test_tiles_are_no_more_and_no_larger_than_needed(pixels, wanted, margin, multiple, data):
    least = -(-(2 * margin + multiple) // multiple) * multiple
    size = max(least, -(-16 // multiple) * multiple) + data.draw(st.integers(1, 5)) * multiple
    net = model(10, size=size, margin=margin, multiple=multiple, blind=margin // 2)
    axis = tile_axes(net, Options(tile_size=wanted), (pixels, pixels))[0]
    largest = max(-(-wanted // multiple) * multiple, least)
    assert (axis.multiple, axis.blind, axis.tile % multiple) == (multiple, margin // 2, 0)
    assert least <= axis.tile <= largest
    assert len(axis.starts) == len(TileAxis(pixels, largest, margin, multiple).starts)
    if axis.tile > least:
        assert len(TileAxis(pixels, axis.tile - multiple, margin, multiple).starts) > len(axis.starts)


def test_a_fixed_tile_says_so_once(caplog):
    tile_axes(model(10, fixed=True), Options(tile_size=128), (500, 500))
    assert caplog.text.count("works in tiles of 64 px only") == 1


# Independence, on a product


@pytest.mark.parametrize("resolution", [10, 20, 60])
@pytest.mark.parametrize("gsd", [10, 20, 30, 60])
def test_tile_size_and_threads_change_nothing(safe, resolution, gsd):
    masks = []
    for threads, side in ((1, 64), (2, 72), (2, 4096)):
        with open_product(safe, threads=threads) as product:
            masks.append(
                predict(
                    product,
                    model(gsd, size=24, margin=4),
                    replace(KEEP, resolution=resolution, tile_size=side),
                )
            )
    for other in masks[1:]:
        np.testing.assert_allclose(other.probabilities, masks[0].probabilities, atol=1e-6)
        # Where two classes are equal to the last digit, rounding may decide.
        second, first = np.sort(masks[0].probabilities, axis=0)[-2:]
        equal = ~(first - second > 1e-6)
        assert ((other.classes == masks[0].classes) | equal).all()
    assert masks[0].grid.gsd == resolution


def test_no_data_of_the_product_is_missing(safe):
    with open_product(safe) as product:
        mask = predict(product, ConstantModel(card(gsd=30)), Options(resolution=10))
    expected = TinyScene(240).truth(10) == CloudClass.MISSING
    np.testing.assert_array_equal(mask.classes == CloudClass.MISSING, expected)
    assert mask.saturated[:23, :23].all()


# A shift of the tile grid

SIX = ("B02", "B03", "B04", "B08", "B11", "B12")


def share_changed(image, bands, net, top, left, rim):
    """Share of pixels that change class when tiles begin elsewhere, but for a rim with less context."""

    def run(pixels):
        source = ArraySource(pixels, bands, gsd=net.card.gsd, level="L1C")
        return predict(source, net, Options(), out_gsd=net.card.gsd).classes

    whole, shifted = run(image)[top:, left:], run(image[:, top:, left:])
    return (whole != shifted)[rim:, rim:].mean()


def test_a_network_that_looks_no_further_than_its_margin_does_not_see_tiles(tmp_path):
    rng = np.random.default_rng(1)
    image = ndimage.gaussian_filter(rng.random((4, 300, 280)), (0, 5, 5)).astype(np.float32)
    net = OnnxModel(write_model(tmp_path, kind="blur"), device="cpu", threads=1)
    for top, left in ((1, 1), (13, 22), (24, 40)):
        assert share_changed(image, BANDS, net, top, left, rim=8) < 0.005


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("scene_name", ["T33UUB", "T49JGM"])
def test_real_network_on_real_ground(data, dlr, scene_name):
    """Squeeze-and-excite sees the mean of a tile, so a shift cannot be without any effect."""
    file = np.load(next((data.parent / "real").glob(f"*{scene_name}.npz")))
    names = list(file["bands"])
    image = np.stack([file["x"][..., names.index(b)] for b in SIX]).astype(np.float32)
    assert share_changed(image, SIX, dlr, 30, 90, rim=64) < 0.005


@pytest.mark.slow
def test_two_runs_are_bit_identical(dlr):
    image = np.random.default_rng(3).random((6, 300, 300), np.float32)
    source = ArraySource(image, SIX, gsd=30, level="L1C")
    first, second = (predict(source, dlr, KEEP, out_gsd=30) for _ in range(2))
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    np.testing.assert_array_equal(first.classes, second.classes)


def test_onnx_agrees_with_numpy(tiny, safe):
    with open_product(safe) as product:
        loaded = predict(product, OnnxModel(tiny, device="cpu", threads=1), KEEP)
        plain = predict(product, model(20), KEEP)
    np.testing.assert_array_equal(loaded.classes, plain.classes)
