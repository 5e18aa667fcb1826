"""The operator against doubles of SNAP's Java side: results, refusals, and the traps one by one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import snap_doubles as snap

from cloudmask.array_source import ArraySource
from cloudmask.card import InputSpec, ModelCard, TileSpec
from cloudmask.classes import SURFACE_CLASSES, CloudClass
from cloudmask.errors import InputError, ModelError, UsageError
from cloudmask.options import Options
from cloudmask.pipeline import predict
from cloudmask.snap import operator as operator_module
from cloudmask.snap.operator import CancelledError, CloudMaskOperator
from cloudmask.snap.worker import HostThread

DESCRIPTOR = Path(__file__).parents[1] / "snap_module" / "cloudmask_op-info.xml"
NAMES = {"B02": "B2", "B03": "B3", "B04": "B4", "B08": "B8", "B11": "B11", "B12": "B12"}


class Brightness:
    """A network that looks at 5 x 5 pixels and at nothing else: bright is cloud, dark is shadow."""

    device = "cpu"
    batch_size = 1

    def __init__(self, gsd=20, level="L1C"):
        tile = TileSpec(size=128, margin=16, multiple=32, fixed=False)
        spec = InputSpec(1.0, "none", (0.0,) * 6, (1.0,) * 6)
        self.card = ModelCard(
            "brightness", "Brightness", "1.0", level, tuple(NAMES), gsd, spec, "none", SURFACE_CLASSES,
            tile, 17, "CC0", "none", "", "", "ab" * 32,
        )  # fmt: skip
        self.threads = set()

    def shared(self, callers):
        return self

    def predict(self, batch):
        self.threads.add(threading.get_ident())
        mean = batch.mean(axis=1)
        padded = np.pad(mean, ((0, 0), (2, 2), (2, 2)), mode="edge")
        smooth = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2)).mean(axis=(-2, -1))
        centres = np.array([0.25, 0.05, 0.5, 0.8], np.float32)[None, :, None, None]
        score = np.exp(-8 * np.abs(smooth[:, None] - centres))
        return (score / score.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(autouse=True)
def host(monkeypatch):
    """This thread is SNAP's, and jpy is there."""
    with snap.fake_jpy(monkeypatch), snap.java_thread():
        yield


@pytest.fixture
def model(monkeypatch):
    model = Brightness()
    monkeypatch.setattr(operator_module, "load_model", lambda *a, **k: model)
    return model


def scene(rows=420, cols=380, seed=3):
    """Digital numbers of all bands: smooth brightness, an edge without data, odd single zeros."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((rows // 40 + 2, cols // 40 + 2))
    field = np.kron(coarse, np.ones((40, 40)))[:rows, :cols]
    raw = {}
    for i, name in enumerate(
        ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12"]
    ):
        samples = (1000 + 9000 * field + 150 * rng.random((rows, cols)) + 5 * i).astype(np.uint16)
        samples[:, :50] = 0
        samples[100:110, 200:230] = 0
        samples[300:304, 300:304] = 65535
        raw[name] = samples
    raw["B12"][5, -10] = 0  # one band alone is enough to make a pixel missing
    return raw


def expected(raw, options, model, resolution=20, offset=-0.1):
    """The mask of the core on the same samples, without SNAP."""
    planes = np.stack([raw[NAMES[b]] for b in model.card.bands])
    image = np.where(planes == 0, np.nan, planes * np.float32(1e-4) + np.float32(offset)).astype(np.float32)
    image[planes >= 40000] = 1.5  # what the core gives a network for a saturated sample
    source = ArraySource(image, model.card.bands, gsd=resolution, level=model.card.level)
    return predict(source, model, options)


def context(product, **parameters):
    return snap.Context(product, parameters, descriptor=DESCRIPTOR)


def test_mask_is_the_cores(model):
    raw = scene()
    ctx = context(snap.sentinel2_product(raw), probabilities=True, cloudBuffer=60.0, minArea=4000.0)
    got = snap.run_node(CloudMaskOperator(), ctx)
    want = expected(raw, Options(probabilities=True, cloud_buffer=60.0, min_area=4000.0), model)
    assert np.array_equal(got["cloudmask"], want.classes)
    assert {1, 2, 3, 4, 5} == set(np.unique(got["cloudmask"]))
    for member, plane in zip(SURFACE_CLASSES, want.probabilities, strict=True):
        band = got[f"cm_prob_{member.key}"]
        assert band.dtype == np.float32
        assert np.array_equal(band, plane, equal_nan=True)
    assert np.isnan(got["cm_prob_cloud"][:, :50]).all()


def test_raw_zero_is_missing_before_anything_else(model):
    raw = scene()
    got = snap.run_node(CloudMaskOperator(), context(snap.sentinel2_product(raw)))["cloudmask"]
    zero = np.any([raw[NAMES[b]] == 0 for b in model.card.bands], axis=0)
    assert np.array_equal(got == int(CloudClass.MISSING), zero)


def test_saturation_that_resampling_has_mixed(model):
    raw = scene()
    for band in raw.values():
        band[300:304, 300:304] = 41000  # a quarter or so of 65535, the rest cloud
    got = snap.run_node(CloudMaskOperator(), context(snap.sentinel2_product(raw)))["cloudmask"]
    assert (got[301:303, 301:303] == int(CloudClass.CLOUD)).all()
    assert np.array_equal(got, expected(raw, Options(), model).classes)


@pytest.mark.parametrize(("offset", "factor"), [(-0.1, 1e-4), (0.0, 1e-4), (-0.2, 2e-4)])
def test_scaling_is_the_bands_own(model, offset, factor):
    raw = scene()
    product = snap.sentinel2_product(raw, offset=offset, factor=factor)
    got = snap.run_node(CloudMaskOperator(), context(product))["cloudmask"]
    scaled = {k: v * (factor / 1e-4) for k, v in raw.items()}
    assert np.array_equal(got, expected(scaled, Options(), model, offset=offset).classes)


@pytest.mark.parametrize("resolution", [10, 20, 60])
def test_the_model_sees_its_own_spacing(model, resolution):
    raw = scene()
    got = snap.run_node(CloudMaskOperator(), context(snap.sentinel2_product(raw, resolution=resolution)))
    want = expected(raw, Options(resolution=resolution), model, resolution)
    assert np.array_equal(got["cloudmask"], want.classes)


@pytest.mark.parametrize("data_type", ["uint16", "int32", "float32", "float64"])
def test_samples_of_any_type(model, data_type):
    raw = {k: np.minimum(v, 12000) for k, v in scene().items()}
    product = snap.sentinel2_product(raw, data_type=data_type)
    got = snap.run_node(CloudMaskOperator(), context(product))["cloudmask"]
    assert np.array_equal(got, expected(raw, Options(), model).classes)


def test_reflectance_bands_may_mark_missing_with_nan_or_a_declared_value(model):
    raw = scene()
    planes = {k: np.where(v == 0, np.nan, v * 1e-4 - 0.1) for k, v in raw.items()}
    planes["B11"] = np.where(np.isnan(planes["B11"]), -9999.0, planes["B11"])
    product = snap.sentinel2_product(planes, data_type="float32", factor=1.0, offset=0.0)
    product.bands["B11"].nodata, product.bands["B11"].nodata_used = -9999.0, True
    got = snap.run_node(CloudMaskOperator(), context(product))["cloudmask"]
    assert np.array_equal(got == 5, expected(raw, Options(), model).classes == 5)


@pytest.mark.parametrize("how", [
    {"tile": 37}, {"tile": 1000}, {"per_band": True}, {"threads": 8, "tile": 50}, {"execute": False},
])  # fmt: skip
def test_result_does_not_depend_on_how_snap_asks(model, how):
    raw = scene()
    plain = snap.run_node(CloudMaskOperator(), context(snap.sentinel2_product(raw), cloudBuffer=200.0))
    ctx = context(snap.sentinel2_product(raw), cloudBuffer=200.0, probabilities=True)
    other = snap.run_node(CloudMaskOperator(), ctx, **how)
    assert np.array_equal(plain["cloudmask"], other["cloudmask"])


def test_every_source_tile_is_read_once_with_all_bands_of_a_position_together(model):
    """Resampling operators compute all bands of a position; SNAP's cache holds few positions."""
    product = snap.sentinel2_product(scene(rows=1300, cols=600))
    ctx = context(product, probabilities=True)
    snap.run_node(CloudMaskOperator(), ctx, per_band=True)
    positions = [
        (x, y, min(512, 600 - x), min(512, 1300 - y)) for y in range(0, 1300, 512) for x in range(0, 600, 512)
    ]
    assert ctx._reads == [(band, *position) for position in positions for band in NAMES.values()]


def test_bands_that_the_model_does_not_use_need_not_be_readable(model):
    product = snap.sentinel2_product(scene())
    product.bands["B10"].factor = 1.0
    product.bands["B9"].data_type = 51  # a type of text
    assert "cloudmask" in snap.run_node(CloudMaskOperator(), context(product))


def test_the_network_runs_in_a_thread_that_java_never_sees(model):
    snap.run_node(CloudMaskOperator(), context(snap.sentinel2_product(scene())))
    assert model.threads
    assert threading.get_ident() not in model.threads


def test_no_thread_is_left_behind(model):
    before = set(threading.enumerate())
    snap.run_node(CloudMaskOperator(), context(snap.sentinel2_product(scene())))
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("tag", ["sourceProduct", "source", "sourceProduct.1", "anything"])
def test_any_source_tag(model, tag):
    ctx = snap.Context(snap.sentinel2_product(scene()), tag=tag, descriptor=DESCRIPTOR)
    assert "cloudmask" in snap.run_node(CloudMaskOperator(), ctx)


def test_source_is_passed_through_by_default(model):
    product = snap.sentinel2_product(scene())
    product.setPreferredTileSize(snap.Dimension(610, 610))
    product.bands["ratio"] = snap.VirtualBand("ratio", 30, *product.size)
    ctx = context(product)
    computed = snap.run_node(CloudMaskOperator(), ctx)
    target = ctx._target
    assert set(product.bands) <= set(target.bands)
    assert target.bands["B2"] is product.bands["B2"]
    assert target.masks.contains("opaque_clouds")
    assert set(computed) == {"cloudmask"}
    assert target.product_type == product.product_type
    assert (target.geocoding, target.times) == (product.geocoding, product.times)
    assert target.tile_size is product.tile_size


def test_only_the_mask_without_copy(model):
    ctx = context(snap.sentinel2_product(scene()), copySourceBands=False)
    snap.run_node(CloudMaskOperator(), ctx)
    assert list(ctx._target.bands) == ["cloudmask"]
    assert ctx._target.geocoding is not None
    assert ctx._target.metadata.containsElement("Level-1C_User_Product")


def test_coding_masks_and_record(model):
    ctx = context(snap.sentinel2_product(scene()), cloudThreshold=0.7, shadowBuffer=40.0)
    snap.run_node(CloudMaskOperator(), ctx)
    target = ctx._target
    band = target.bands["cloudmask"]
    assert band.data_type == snap.TYPES["uint8"]
    assert target.index_codings.contains(band.coding.name)
    assert {k: v for k, (v, _) in band.coding.indices.items()} == {
        "clear": 1, "cloud_shadow": 2, "semi_transparent_cloud": 3, "cloud": 4, "missing": 5,
    }  # fmt: skip
    masks = {m.name: m for m in target.masks.nodes.values() if m.name.startswith("cm_")}
    assert {m.expression for m in masks.values()} == {f"cloudmask == {i}" for i in range(1, 6)}
    assert masks["cm_cloud"].color.rgb == (255, 255, 255)
    assert [p.label for p in band.image_info.palette.points][3] == "cloud"
    record = target.metadata.elements["CloudMask"].attributes
    assert record["model_name"] == "brightness"
    assert record["model_version"] == "1.0"
    assert record["model_sha256"] == "ab" * 32
    assert record["cloudThreshold"] == "0.7"
    assert record["shadowBuffer"] == "40.0"
    assert record["copySourceBands"] == "true"


def refused(product, **parameters):
    """The error of initialize, which must be one line and be logged by itself."""
    ctx = context(product, **parameters)
    with pytest.raises((InputError, UsageError, ModelError)) as caught:
        CloudMaskOperator().initialize(ctx)
    text = str(caught.value)
    assert "\n" not in text
    assert ctx._logger.lines == [("SEVERE", f"CloudMask: {text}")]
    assert ctx._target is None
    return text


def test_multi_size_product_names_the_node(model):
    product = snap.sentinel2_product(scene())
    fine = np.ones((840, 760), np.uint16)
    product.bands["B2"] = snap.Band("B2", 21, 760, 840, fine, 1e-4, -0.1)
    assert "S2Resampling" in refused(product)


def test_multi_size_by_other_rasters_names_the_node(model):
    product = snap.sentinel2_product(scene())
    product.bands["sun_zenith"] = snap.Band("sun_zenith", 30, 23, 23, np.ones((23, 23), np.float32))
    assert "S2Resampling" in refused(product)


def test_not_sentinel_2(model):
    product = snap.Product("LC08", "LANDSAT", 10, 10)
    product.addBand("red", 21)
    assert "expected a Sentinel-2 MSI product" in refused(product)


def test_no_source(model):
    assert "no source product" in refused(None)


def test_no_geocoding(model):
    product = snap.sentinel2_product(scene())
    product.geocoding = None
    assert "no geocoding" in refused(product)


@pytest.mark.parametrize(("across", "down"), [(30, 30), (10, 20), (20.6, 20.6)])
def test_other_pixel_sizes(model, across, down):
    product = snap.sentinel2_product(scene())
    product.geocoding = snap.GeoCoding(across, down)
    assert "expected pixels of 10, 20 or 60 m" in refused(product)


def test_whole_numbers_without_scaling(model):
    """Not to be taken for reflectance of several thousand."""
    product = snap.sentinel2_product(scene(), factor=1.0, offset=0.0)
    with pytest.raises(InputError, match="scaling factor"):
        snap.run_node(CloudMaskOperator(), context(product))


def test_missing_bands_are_named_by_the_catalog():
    raw = {k: v for k, v in scene().items() if k in ("B2", "B3")}
    text = refused(snap.sentinel2_product(raw))
    assert "B04" in text


def test_missing_bands_are_named_by_the_pipeline(model):
    raw = scene()
    product = snap.sentinel2_product({"B1": raw["B1"], "B9": raw["B9"]})
    with pytest.raises(InputError, match="needs band B02, B03, B04, B08, B11, B12"):
        snap.run_node(CloudMaskOperator(), context(product))


def test_clash_of_names(model):
    product = snap.sentinel2_product(scene())
    product.addBand("cloudmask", 20).raw = np.zeros((420, 380), np.uint8)
    assert "copySourceBands" in refused(product)
    ctx = context(product, copySourceBands=False)
    assert "cloudmask" in snap.run_node(CloudMaskOperator(), ctx)


def test_value_out_of_range_from_the_python_side(model):
    assert "cloud-buffer" in refused(snap.sentinel2_product(scene()), cloudBuffer=-1.0)


LEVEL_HINTS = {
    "metadata": lambda p: None,
    "type": lambda p: p.metadata.elements.clear(),
    "derived type": lambda p: (
        p.metadata.elements.clear(),
        setattr(p, "product_type", f"Derived from ({p.product_type})"),
    ),
    "name": lambda p: (p.metadata.elements.clear(), setattr(p, "product_type", "collocated")),
    "bands": lambda p: (
        p.metadata.elements.clear(),
        setattr(p, "product_type", ""),
        setattr(p, "name", "subset_0"),
    ),
}


@pytest.mark.parametrize("level", ["L1C", "L2A"])
@pytest.mark.parametrize("hint", LEVEL_HINTS)
def test_level_is_told_by_whatever_is_left(monkeypatch, level, hint):
    asked = {}

    def load(model, **wanted):
        asked.update(wanted)
        return Brightness(level=wanted["level"])

    monkeypatch.setattr(operator_module, "load_model", load)
    raw = scene()
    if level == "L2A":
        del raw["B10"]
    product = snap.sentinel2_product(raw, level=level)
    if level == "L2A":
        product.bands["quality_scene_classification"] = snap.Band(
            "quality_scene_classification", 20, *product.size, np.zeros((420, 380), np.uint8)
        )
    LEVEL_HINTS[hint](product)
    CloudMaskOperator().initialize(context(product))
    assert asked["level"] == level
    assert asked["bands"] == tuple(
        b
        for b in ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
        if level == "L1C" or b != "B10"
    )


def test_level_that_cannot_be_told(model):
    raw = scene()
    del raw["B10"]
    product = snap.sentinel2_product(raw)
    LEVEL_HINTS["bands"](product)
    assert "cannot tell" in refused(product)


def test_error_in_the_source_names_band_and_rows(model):
    ctx = context(snap.sentinel2_product(scene()))
    ctx._failure = "java.lang.RuntimeException: Failed to decode tile\n  at somewhere"
    before = set(threading.enumerate())
    with pytest.raises(
        InputError,
        match=r"band B2: SNAP could not compute rows 0 to 419, columns 0 to 379: .*Failed to decode tile$",
    ):
        snap.run_node(CloudMaskOperator(), ctx)
    assert set(threading.enumerate()) <= before


def test_tile_that_is_not_there_is_explained(model):
    """JAI swallows an error in an operator before us and hands on a null."""
    ctx = context(snap.sentinel2_product(scene()))
    ctx._failure = 'java.lang.NullPointerException: Cannot invoke "java.awt.image.Raster.getDataBuffer()"'
    with pytest.raises(InputError, match="the operator before CloudMask failed there"):
        snap.run_node(CloudMaskOperator(), ctx)


def test_progress_is_told_in_steps(model):
    monitor = snap.Monitor()
    snap.run_node(CloudMaskOperator(), context(snap.sentinel2_product(scene())), monitor=monitor)
    assert monitor.begun is not None
    assert monitor.begun > 1
    assert monitor.steps == monitor.begun
    assert monitor.ended


def test_cancelling_stops_and_ends_the_monitor(model):
    monitor = snap.Monitor(cancel_after=1)
    product = snap.sentinel2_product(scene(rows=1200))
    with pytest.raises(CancelledError):
        snap.run_node(CloudMaskOperator(), context(product), monitor=monitor)
    assert monitor.steps < monitor.begun
    assert monitor.ended


def test_the_network_does_not_wait_for_javas_thread_to_tell_progress():
    host, seen, busy, free = HostThread(), [], threading.Event(), threading.Event()

    def job():
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(host.call, lambda: (busy.set(), free.wait(20)))
            assert busy.wait(20)
            host.post(lambda: seen.append(threading.get_ident()))
            told = list(seen)
            free.set()
            assert reading.result()[1], "the read ended only by its own time limit"
        return told

    assert host.run(job) == []
    assert seen == [threading.get_ident()]


def test_error_of_what_was_posted_is_not_lost():
    host = HostThread()
    with pytest.raises(ZeroDivisionError):
        host.run(lambda: host.post(lambda: 1 / 0))


def test_dispose_releases_session_and_result_whatever_happened(model):
    operator, ctx = CloudMaskOperator(), context(snap.sentinel2_product(scene()))
    operator.dispose(ctx)  # after a failed initialize
    operator.initialize(ctx)
    operator.doExecute(None)
    assert all(v is not model for v in vars(operator).values()), "the session outlives its use"
    operator.dispose(ctx)
    assert [k for k, v in vars(operator).items() if v is not None] == ["_options"]


def test_initialize_may_be_repeated(model):
    operator, ctx = CloudMaskOperator(), context(snap.sentinel2_product(scene()))
    operator.initialize(ctx)
    operator.doExecute(None)
    ctx._parameters["cloudBuffer"] = 400.0
    got = snap.run_node(operator, ctx)["cloudmask"]
    assert np.array_equal(got, expected(scene(), Options(cloud_buffer=400.0), model).classes)


def test_model_of_another_level_is_refused(monkeypatch):
    monkeypatch.setattr(operator_module, "load_model", lambda *a, **k: Brightness(level="L2A"))
    with pytest.raises(ModelError, match="L2A"):
        snap.run_node(CloudMaskOperator(), context(snap.sentinel2_product(scene())))


def test_parameters_reach_the_model(monkeypatch):
    asked = []

    def load(*args, **kwargs):
        asked.append((args, kwargs))
        return Brightness()

    monkeypatch.setattr(operator_module, "load_model", load)
    ctx = context(snap.sentinel2_product(scene()), model="mine.onnx", device="cpu", threads=3)
    CloudMaskOperator().initialize(ctx)
    ((args, kwargs),) = asked
    assert args == ("mine.onnx",)
    assert (kwargs["device"], kwargs["threads"]) == ("cpu", 3)
    asked.clear()
    CloudMaskOperator().initialize(context(snap.sentinel2_product(scene()), model=""))
    assert asked[0][0] == (None,)


def test_probability_bands_declare_nan(model):
    ctx = context(snap.sentinel2_product(scene()), probabilities=True)
    snap.run_node(CloudMaskOperator(), ctx)
    for member in SURFACE_CLASSES:
        band = ctx._target.bands[f"cm_prob_{member.key}"]
        assert np.isnan(band.nodata)
        assert band.nodata_used
        assert band.data_type == snap.TYPES["float32"]


def test_network_with_another_spacing_than_the_product(model, monkeypatch):
    other = Brightness(gsd=30)
    monkeypatch.setattr(operator_module, "load_model", lambda *a, **k: other)
    raw = scene()
    got = snap.run_node(CloudMaskOperator(), context(snap.sentinel2_product(raw)))["cloudmask"]
    want = expected(raw, Options(), other)
    assert np.array_equal(got, want.classes)
    assert replace(other.card, gsd=20) == model.card


class TestDoubles:
    """The doubles corrupt as SNAP does, so that the operator's care is tested by something."""

    @pytest.mark.parametrize(("dtype", "type_name", "value", "written"), [
        ("int64", "uint8", 4, 0), ("int64", "float32", 4, 0), ("float16", "float32", 1.0, 15360),
        ("uint8", "float32", 200, -56), ("uint16", "float32", 60000, -5536), ("int32", "uint8", 300, 44),
        ("uint8", "uint8", 200, 200), ("float32", "float32", 0.5, 0.5), ("bool", "uint8", True, 1),
    ])  # fmt: skip
    def test_silent_corruption(self, dtype, type_name, value, written):
        tile = snap.TargetTile(snap.Band("b", snap.TYPES[type_name], 2, 2), snap.Rectangle(0, 0, 2, 2))
        tile.setSamples(np.full(4, value, dtype))
        assert (tile.data == written).all()

    @pytest.mark.parametrize("samples", [
        [1, 2, 3, 4], np.ones(3, np.uint8), np.ones(8, np.uint8)[::2], np.ones(4, ">f4"),
        np.asfortranarray(np.ones((2, 2), np.uint8)),
    ])  # fmt: skip
    def test_refused_samples(self, samples):
        tile = snap.TargetTile(snap.Band("b", 20, 2, 2), snap.Rectangle(0, 0, 2, 2))
        with pytest.raises(RuntimeError):
            tile.setSamples(samples)

    def test_buffers_are_signed_and_read_only(self):
        buffer = snap.java_array(np.array([60000], np.uint16))
        array = np.frombuffer(buffer, np.int16)
        assert array[0] == -5536
        assert not array.flags.writeable

    def test_map_is_keyed_by_band(self):
        band = snap.Band("b", 20, 2, 2)
        tile = snap.TargetTile(band, snap.Rectangle(0, 0, 2, 2))
        assert snap.TileMap([tile]).get("b") is None
        assert snap.TileMap([tile]).get(band) is tile

    def test_python_threads_may_not_call_java(self):
        band, seen = snap.Band("b", 20, 2, 2), []

        def call():
            try:
                band.getName()
            except AssertionError as error:
                seen.append(str(error))

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        assert "Python thread" in seen[0]


def upsampled(samples, beside):
    """A band of 20 m on 10 m, interpolated `beside` pixels from the corner of each; 0 is SNAP's way."""
    for axis in (0, 1):
        n = samples.shape[axis]
        place = np.clip((np.arange(2 * n) + beside) / 2 - 0.5, 0, n - 1)
        first = np.minimum(place.astype(int), n - 2)
        share = (place - first)[:, None] if axis == 0 else place - first
        here, there = np.take(samples, first, axis), np.take(samples, first + 1, axis)
        samples = here + share * (there - here)
    return np.maximum(samples, 1)


def test_bands_that_snap_interpolates_aside_are_brought_back(model, monkeypatch):
    """To their samples, as the command reads them, and where these cannot be found by half a pixel."""
    raw = scene()
    rng = np.random.default_rng(5)
    height, width = next(iter(raw.values())).shape
    own = {b: rng.integers(500, 9000, (height // 2, width // 2)).astype(float) for b in ("B11", "B12")}
    aside = raw | {b: upsampled(v, 0.0) for b, v in own.items()}
    native = raw | {b: v.repeat(2, 0).repeat(2, 1).astype(np.uint16) for b, v in own.items()}
    want = expected(native, Options(resolution=10), model, 10).classes

    def share():
        product = snap.sentinel2_product(aside, resolution=10)
        got = snap.run_node(CloudMaskOperator(), context(product))["cloudmask"]
        assert np.array_equal(got == 5, want == 5)
        return (got == want)[want != 5].mean()

    assert share() == 1
    monkeypatch.setattr("cloudmask.snap.source.begins_with_a_sample", lambda raw, ratio: False)
    moved = share()
    monkeypatch.setattr("cloudmask.snap.source.stands_at_corner", lambda raw, ratio: False)
    assert share() < moved - 0.002
