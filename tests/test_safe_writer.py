"""Written products are read back with rasterio, GDAL's own Sentinel-2 reader, and lxml."""

from __future__ import annotations

import hashlib
import re
import resource
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
import rasterio
from helpers_safe import SECRET, TinyScene, find_image, make_safe
from lxml import etree
from rasterio.features import rasterize

from cloudmask.bands import BANDS, LEVEL_BANDS
from cloudmask.classes import SEN2COR_SCL, CloudClass
from cloudmask.errors import OutputError, UsageError
from cloudmask.simulate.safe_detectors import detector_map, sun_angles, view_angles
from cloudmask.simulate.safe_jp2 import write_jp2
from cloudmask.simulate.safe_masks import large_objects
from cloudmask.simulate.safe_naming import Baseline, ProductNames
from cloudmask.simulate.safe_source import coarsen, encode
from cloudmask.simulate.safe_tile import tile_grid
from cloudmask.simulate.safe_writer import write_safe

DATA = Path(__file__).parents[1] / "../shared/data/safe"
VERSIONS = [("L1C", "05.11"), ("L1C", "02.05"), ("L2A", "05.11"), ("L2A", "04.00"), ("L2A", "02.14")]
GML = "{http://www.opengis.net/gml/3.2}"


@dataclass(frozen=True)
class Written:
    scene: TinyScene
    root: Path
    baseline: str

    @property
    def granule(self) -> Path:
        (only,) = (self.root / "GRANULE").iterdir()
        return only

    @property
    def metadata(self) -> etree._Element:
        return etree.parse(self.root / f"MTD_MSI{self.scene.level}.xml").getroot()

    @property
    def tile(self) -> etree._Element:
        return etree.parse(self.granule / "MTD_TL.xml").getroot()

    def offset(self, band: str) -> int:
        found = self.metadata.findall(f".//*[@band_id='{BANDS[band].index}']")
        return int(found[0].text) if found else 0


@pytest.fixture(scope="module", params=VERSIONS, ids=lambda v: "-".join(v))
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    level, baseline = request.param
    scene = TinyScene(level=level, saturated=True)
    folder = tmp_path_factory.mktemp("safe")
    return Written(scene, write_safe(scene, folder, baseline=baseline), baseline)


def test_reflectance_comes_back(written: Written) -> None:
    for name in LEVEL_BANDS[written.scene.level]:
        gsd = BANDS[name].gsd
        path = find_image(written.root, name)
        if name == "B01":  # the finest copy of L2A is not the native one
            path = sorted(written.root.glob("GRANULE/*/IMG_DATA/**/*_B01*.jp2"))[-1]
        with rasterio.open(path) as image:
            dn = image.read(1)
            assert image.dtypes == ("uint16",)
            assert image.shape == (1200 // gsd, 1200 // gsd)
            assert image.crs == "EPSG:32635"
            assert image.transform == rasterio.Affine(gsd, 0, 300000, 0, -gsd, 6700020)
        valid, expected = written.scene.valid(name), written.scene.band(name)
        assert np.array_equal(dn == 0, ~valid)
        hot = np.isinf(expected) & valid
        assert np.array_equal(dn == 65535, hot)
        assert hot.any() == (name in ("B02", "B11"))
        plain = valid & ~hot
        found = (dn[plain].astype(float) + written.offset(name)) / 10000
        assert np.abs(found - expected[plain]).max() < 0.51e-4


def test_offsets_follow_the_baseline(written: Written) -> None:
    tag = "RADIO_ADD_OFFSET" if written.scene.level == "L1C" else "BOA_ADD_OFFSET"
    offsets = [int(e.text) for e in written.metadata.iter(tag)]
    assert offsets == ([-1000] * 13 if written.baseline >= "04.00" else [])


def test_metadata_names_exactly_the_files(written: Written) -> None:
    listed = {e.text + ".jp2" for e in written.metadata.iter("IMAGE_FILE")}
    listed |= {e.text for e in written.tile.iter("MASK_FILENAME", "PVI_FILENAME")}
    there = {p.relative_to(written.root).as_posix() for p in written.granule.rglob("*.*")}
    assert listed == {p for p in there if not p.endswith(".xml")}
    bands = 13 * 2 + 1 if written.baseline >= "04.00" else 13 * 5 + 1
    assert len(list(written.tile.iter("MASK_FILENAME"))) == bands + 4 * (written.scene.level == "L2A")


def test_names(written: Written) -> None:
    level, code = written.scene.level, "N" + written.baseline.replace(".", "")
    pattern = rf"S2A_MSI{level}_(\d{{8}}T\d{{6}})_{code}_R\d{{3}}_T35VLG_\d{{8}}T\d{{6}}\.SAFE"
    match = re.fullmatch(pattern, written.root.name)
    assert match is not None
    assert re.fullmatch(rf"{level}_T35VLG_A\d{{6}}_\d{{8}}T\d{{6}}", written.granule.name)
    where = "IMG_DATA" if level == "L1C" else "IMG_DATA/R10m"
    suffix = "" if level == "L1C" else "_10m"
    assert (written.granule / where / f"T35VLG_{match[1]}_B02{suffix}.jp2").is_file()
    (datastrip,) = (written.root / "DATASTRIP").iterdir()
    assert (datastrip / "MTD_DS.xml").is_file()
    assert written.metadata.findtext(".//PRODUCT_URI") == written.root.name
    assert written.metadata.findtext(".//PROCESSING_BASELINE") == written.baseline


def test_manifest_lists_all_files_with_sizes_and_checksums(written: Written) -> None:
    manifest = etree.parse(written.root / "manifest.safe").getroot()
    algorithm = "MD5" if written.baseline < "03.00" else "SHA3-256"
    listed, identifiers = set(), set()
    for item in manifest.iter("dataObject"):
        path = written.root / item.find(".//fileLocation").get("href")
        data = path.read_bytes()
        assert int(item.find("byteStream").get("size")) == len(data)
        checksum = item.find(".//checksum")
        assert checksum.get("checksumName") == algorithm
        digest = hashlib.md5(data) if algorithm == "MD5" else hashlib.sha3_256(data)
        assert checksum.text.lower() == digest.hexdigest()
        listed.add(path.resolve())
        identifiers.add(item.get("ID"))
    files = {p.resolve() for p in written.root.rglob("*") if p.is_file() and p.name != "manifest.safe"}
    assert listed == files
    assert len(identifiers) == len(files)
    assert {e.get("dataObjectID") for e in manifest.iter("dataObjectPointer")} == identifiers


def test_all_metadata_is_well_formed(written: Written) -> None:
    files = [p for p in written.root.rglob("*") if p.suffix in (".xml", ".gml", ".safe")]
    assert len(files) > 10
    for path in files:
        etree.parse(path)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_gdal_reads_it_as_sentinel_2(written: Written) -> None:
    with rasterio.open(written.root / f"MTD_MSI{written.scene.level}.xml") as product:
        assert product.driver == "SENTINEL2"
        by_resolution = {name.rsplit(":", 2)[1]: name for name in product.subdatasets}
    assert set(by_resolution) == {"10m", "20m", "60m", "TCI"}
    with rasterio.open(by_resolution["10m"]) as ten:
        assert ten.crs == "EPSG:32635"
        names = [ten.tags(i)["BANDNAME"] for i in ten.indexes]
        assert {"B2", "B3", "B4", "B8"} <= set(names)
        blue = ten.read(names.index("B2") + 1)
    with rasterio.open(find_image(written.root, "B02")) as image:
        assert np.array_equal(blue, image.read(1))


def test_geocoding(written: Written) -> None:
    tile = written.tile
    assert tile.findtext(".//HORIZONTAL_CS_CODE") == "EPSG:32635"
    for gsd in (10, 20, 60):
        assert tile.findtext(f".//Size[@resolution='{gsd}']/NROWS") == str(1200 // gsd)
        assert tile.findtext(f".//Geoposition[@resolution='{gsd}']/ULY") == "6700020"
    zenith = tile.findall(".//Sun_Angles_Grid/Zenith/Values_List/VALUES")
    assert [len(row.text.split()) for row in zenith] == [23] * 23
    assert float(tile.findtext(".//Mean_Sun_Angle/ZENITH_ANGLE")) == 40
    assert len(tile.findall(".//Mean_Viewing_Incidence_Angle")) == 13


def test_raster_masks(written: Written) -> None:
    if written.baseline < "04.00":
        pytest.skip("rasters came with 04.00")
    scene, masks = written.scene, written.granule / "QI_DATA"
    with rasterio.open(masks / "MSK_CLASSI_B00.jp2") as image:
        assert image.shape == (20, 20)
        opaque, cirrus, snow = image.read()
    assert np.array_equal(opaque == 1, scene.truth(60) == CloudClass.CLOUD)
    assert np.array_equal(cirrus == 1, scene.truth(60) == CloudClass.SEMI_TRANSPARENT_CLOUD)
    assert not snow.any()
    for name, band in BANDS.items():
        valid = scene.truth(band.gsd) != CloudClass.MISSING
        with rasterio.open(masks / f"MSK_DETFOO_{name}.jp2") as image:
            assert np.array_equal(image.read(1) > 0, valid)
        with rasterio.open(masks / f"MSK_QUALIT_{name}.jp2") as image:
            quality = image.read()
        assert quality.shape == (8, *valid.shape)
        assert np.array_equal(quality[5] == 1, ~valid)
        assert quality[7].any() == (name in ("B02", "B11"))
        assert not quality[[0, 1, 2, 3, 4, 6]].any()


def test_polygon_masks(written: Written) -> None:
    if written.baseline >= "04.00":
        pytest.skip("polygons went with 04.00")
    scene, masks = written.scene, written.granule / "QI_DATA"
    truth = scene.truth(60)
    clouds = _burn(masks / "MSK_CLOUDS_B00.gml", truth.shape)
    assert np.array_equal(clouds.get("OPAQUE"), truth == CloudClass.CLOUD)
    assert np.array_equal(clouds.get("CIRRUS"), truth == CloudClass.SEMI_TRANSPARENT_CLOUD)
    missing = truth == CloudClass.MISSING
    assert np.array_equal(_burn(masks / "MSK_NODATA_B05.gml", truth.shape)["QT_NODATA_PIXELS"], missing)
    assert np.array_equal(_burn(masks / "MSK_DETFOO_B05.gml", truth.shape)["DETECTOR_FOOTPRINT"], ~missing)
    assert _burn(masks / "MSK_SATURA_B02.gml", truth.shape)["QT_SATURATED_PIXELS_L1A"].sum() == 4
    assert _burn(masks / "MSK_SATURA_B03.gml", truth.shape) == {}
    feature = next(etree.parse(masks / "MSK_DETFOO_B8A.gml").getroot().iter("{*}MaskFeature"))
    assert re.fullmatch(r"detector_footprint-B8A-\d\d-\d", feature.get(GML + "id"))


def test_specks_get_no_polygon() -> None:
    raster = np.zeros((40, 40), bool)
    raster[2:7, 2:7] = True
    expected = raster.copy()
    raster[20, 20:40] = raster[1, 9] = True
    assert np.array_equal(large_objects(raster), expected)


def _burn(path: Path, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Masks of a GML file as rasters at 60 m, by type."""
    grid = tile_grid("T35VLG", shape[0] * 6)
    found: dict[str, list[dict[str, object]]] = {}
    for feature in etree.parse(path).getroot().iter("{*}MaskFeature"):
        rings = []
        for positions in feature.iter(GML + "posList"):
            numbers = [float(v) for v in positions.text.split()]
            rings.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
        kind = feature.findtext("{*}maskType")
        found.setdefault(kind, []).append({"type": "Polygon", "coordinates": rings})
    return {k: rasterize(v, shape, transform=grid.transform(60)) == 1 for k, v in found.items()}


def test_true_colour_and_preview(written: Written) -> None:
    with rasterio.open(find_image(written.root, "TCI")) as image:
        assert image.dtypes == ("uint8",) * 3
        colour = image.read()
    valid = written.scene.valid("B02")
    assert np.array_equal((colour == 0).all(axis=0), ~valid)
    red = written.scene.band("B04")
    assert (colour[0][valid & (red > 0.36)] == 255).all()
    (preview,) = written.granule.glob("QI_DATA/*_PVI.jp2")
    with rasterio.open(preview) as image:
        assert (image.count, image.shape, image.res) == (3, (3, 3), (320, 320))


def test_l2a_copies_and_classification(written: Written) -> None:
    if written.scene.level != "L2A":
        pytest.skip("L1C holds each band once")
    images = written.granule / "IMG_DATA"
    names = {p.stem.split("_", 2)[2] for p in images.rglob("*.jp2")}
    assert ("B01_20m" in names) == (written.baseline >= "04.00")
    assert not any(n.startswith("B10") or n == "B08_20m" for n in names)
    with rasterio.open(find_image(written.root, "B03")) as image:
        fine = image.read(1).astype(float)
    with rasterio.open(next(images.glob("R20m/*_B03_20m.jp2"))) as image:
        coarse = image.read(1)
    mean = fine.reshape(60, 2, 60, 2).mean(axis=(1, 3))
    assert np.abs(coarse - mean)[written.scene.truth(20) != CloudClass.MISSING].max() <= 0.5
    for gsd in (20, 60):
        with rasterio.open(next(images.glob(f"R{gsd}m/*_SCL_{gsd}m.jp2"))) as image:
            assert np.array_equal(SEN2COR_SCL.decode(image.read(1)), written.scene.truth(gsd))


def test_elements_are_those_of_real_products(written: Written) -> None:
    real = {
        ("L1C", "05.11"): "S2A_MSIL1C_20240120*",
        ("L1C", "02.05"): "metadata_only/S2A_MSIL1C_20210908*",
        ("L2A", "05.11"): "metadata_only/S2A_MSIL2A_20230625*",
        ("L2A", "04.00"): "metadata_only/S2B_MSIL2A_20220413*",
        ("L2A", "02.14"): "metadata_only/esa_S2B_MSIL2A*",
    }
    found = sorted(DATA.glob(real[written.scene.level, written.baseline]))
    if not found:
        pytest.skip(f"no real products in {DATA}")
    # 02.05 itself is in an archive; its metadata differs from 03.01 in these only.
    tolerated = {f"{c}_FLAG" for c in ("FORMAT_CORRECTNESS", "GENERAL_QUALITY", "GEOMETRIC_QUALITY")}
    tolerated |= {"RADIOMETRIC_QUALITY_FLAG", "SENSOR_QUALITY_FLAG"} if written.baseline == "02.05" else set()
    for name in (f"MTD_MSI{written.scene.level}.xml", "GRANULE/*/MTD_TL.xml"):
        ours, theirs = (_paths(next(root.glob(name))) for root in (written.root, found[0]))
        strange = {p for p in ours - theirs if p.rsplit("/", 1)[-1] not in tolerated}
        assert strange == set()


def _paths(path: Path) -> set[str]:
    """Paths of all elements with their attributes' names, without namespaces."""
    tree = etree.parse(path)
    out = set()
    for node in tree.iter(etree.Element):
        chain = [etree.QName(n).localname for n in (*reversed(list(node.iterancestors())), node)]
        out.add("/".join(chain))
        out |= {"/".join(chain) + "@" + k for k in node.attrib}
    return out


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    first, second = (make_safe(tmp_path / name) for name in "ab")
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file())
    assert all((first / f).read_bytes() == (second / f).read_bytes() for f in files)


def test_dark_and_missing_values() -> None:
    reflectance = np.array([[-0.5, -0.1, 0.0, np.nan, 7.0]], dtype=np.float32)
    valid = np.array([[True, True, True, True, False]])
    assert encode(reflectance, valid, -1000).tolist() == [[1, 1, 1000, 0, 0]]
    assert encode(reflectance, valid, 0).tolist() == [[1, 1, 1, 0, 0]]
    assert encode(reflectance, np.ones_like(valid), -1000)[0, 4] == 65535


def test_coarsening_counts_observed_pixels_only() -> None:
    dn = np.array([[0, 4, 0, 0], [2, 0, 0, 0], [8, 8, 65535, 1], [8, 9, 1, 1]], dtype=np.uint16)
    assert coarsen(dn, 2).tolist() == [[3, 0], [8, 65535]]


@pytest.mark.parametrize(
    ("tile", "epsg", "ulx", "uly"),
    [
        # From the metadata of real products.
        ("T31TCJ", 32631, 300000, 4900020),
        ("T56JMM", 32756, 399960, 6700000),
        ("T48LWP", 32748, 499980, 8900020),
        ("T01WCP", 32601, 300000, 7400040),
        ("T33XWJ", 32633, 499980, 8900040),
        ("T22HBD", 32722, 199980, 5900020),
        ("T46RER", 32646, 499980, 3100020),
        ("T56JKT", 32756, 199980, 7300000),
    ],
)
def test_tile_grid_of_real_tiles(tile: str, epsg: int, ulx: int, uly: int) -> None:
    grid = tile_grid(tile, 10980)
    assert (grid.epsg, grid.ulx, grid.uly, grid.size(60)) == (epsg, ulx, uly, 1830)


@pytest.mark.parametrize(
    ("mission", "sensing", "absolute", "relative"),
    [
        # From the names of real products.
        ("S2A", "2018-06-29T00:02:41", 15757, 30),
        ("S2A", "2021-07-13T03:20:51", 31632, 32),
        ("S2A", "2023-06-25T23:46:21", 41826, 73),
        ("S2A", "2024-01-20T10:53:41", 44807, 51),
        ("S2B", "2017-07-19T00:02:19", 1915, 30),
        ("S2B", "2021-01-22T13:32:29", 20270, 81),
    ],
)
def test_orbits_of_real_products(mission: str, sensing: str, absolute: int, relative: int) -> None:
    start = datetime.fromisoformat(sensing + "+00:00")
    names = ProductNames(mission, "L1C", Baseline(5, 10), "T31TCJ", start)
    assert (names.absolute_orbit, names.relative_orbit) == (absolute, relative)


def test_sun_and_view_angles() -> None:
    grid = tile_grid("T31TCJ", 10980)
    zenith, azimuth = sun_angles(grid, 65.755, 162.689)
    # Corners of the real product of 2024-01-20 whose means these are.
    assert zenith[0, 0] == pytest.approx(66.3733, abs=0.05)
    assert zenith[0, 10] == pytest.approx(66.2502, abs=0.05)
    assert azimuth[0, 0] == pytest.approx(162.026, abs=0.1)
    for band in ("B02", "B09"):
        views = view_angles(band)
        seen = sum((~np.isnan(z)).astype(int) for z, _ in views.values())
        assert (seen == 1).all()
        assert all(0 < np.nanmax(z) < 12 for z, _ in views.values())
    footprint = detector_map(grid, 60)
    assert set(np.unique(footprint)) == set(view_angles("B02"))
    assert footprint.min() >= 1
    assert footprint.max() <= 12


def test_codestream_is_that_of_operational_images(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(1, 5000, (400, 400)).astype(np.uint16)
    write_jp2(tmp_path / "band.jp2", [noise], tile_grid("T35VLG", 2400), 60)
    data = (tmp_path / "band.jp2").read_bytes()
    size = data[data.index(b"\xff\x4f\xff\x51") + 6 :]
    assert (int.from_bytes(size[18:22], "big"), int.from_bytes(size[22:26], "big")) == (192, 192)
    assert size[36] == 14  # Ssiz: unsigned, 15 bits
    style = data[data.index(b"\xff\x52") + 4 :]
    progression, levels, width, height, wavelet = style[1], style[5], style[6], style[7], style[9]
    assert (progression, width, height, wavelet) == (0, 4, 4, 1)  # LRCP, 64 by 64, reversible 5/3
    assert levels == 5
    assert b"gml.root-instance" in data
    with rasterio.open(tmp_path / "band.jp2") as image:
        assert np.array_equal(image.read(1), noise)


def test_full_size_bands_have_five_levels(tmp_path: Path) -> None:
    write_jp2(tmp_path / "b.jp2", [np.ones((1100, 1100), np.uint16)], tile_grid("T35VLG", 1140), 10)
    data = (tmp_path / "b.jp2").read_bytes()
    assert data[data.index(b"\xff\x52") + 9] == 5
    assert int.from_bytes(data[data.index(b"\xff\x51") + 22 :][:4], "big") == 1024


def test_refuses_to_overwrite_unless_told(tmp_path: Path) -> None:
    first = make_safe(tmp_path, seed=1)
    before = find_image(first, "B02").read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        make_safe(tmp_path, seed=2)
    assert find_image(first, "B02").read_bytes() == before
    make_safe(tmp_path, seed=2, overwrite=True)
    assert find_image(first, "B02").read_bytes() != before
    assert list(tmp_path.iterdir()) == [first]


@dataclass(frozen=True)
class FailingScene(TinyScene):
    def band(self, name: str) -> np.ndarray:
        if name == "B11":
            raise KeyError("no such luck")
        return super().band(name)


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write_safe(FailingScene(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """Files of at most 16 kB, which fails writes as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files_only")
def test_full_disk_is_an_output_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="space"):
        write_safe(TinyScene(360), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unwritable_folder_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        write_safe(TinyScene(), tmp_path / "file" / "out")


def test_zip_holds_the_folder(tmp_path: Path) -> None:
    plain = make_safe(tmp_path / "plain")
    archive = write_safe(TinyScene(), tmp_path / "packed", zip=True)
    assert archive.name == plain.stem + ".zip"
    assert list((tmp_path / "packed").iterdir()) == [archive]
    with zipfile.ZipFile(archive) as content:
        for item in content.infolist():
            path = plain.parent / item.filename
            assert path.is_dir() if item.is_dir() else path.read_bytes() == content.read(item)
        files = [i for i in content.infolist() if not i.is_dir()]
        assert len(files) == sum(p.is_file() for p in plain.rglob("*"))
        assert {i.compress_type for i in files} == {zipfile.ZIP_DEFLATED}
        assert all(i.filename.startswith(plain.name + "/") for i in files)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"baseline": "5.11"}, "baseline"),
        ({"baseline": "02.03"}, "02.04"),
        ({"mission": "S3A"}, "S2A"),
        ({"tile": "T35VAG"}, "T35VLG"),
        ({"sensing_time": datetime(2024, 1, 1)}, "time zone"),
        ({"threads": 0}, "threads"),
    ],
)
def test_impossible_options(tmp_path: Path, options: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        write_safe(TinyScene(), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_impossible_scenes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="multiple of 6"):
        write_safe(TinyScene(100), tmp_path)
    with pytest.raises(UsageError, match=r"02\.07"):
        write_safe(TinyScene(level="L2A"), tmp_path, baseline="02.06")

    class WithoutCirrus(TinyScene):
        @property
        def bands(self) -> tuple[str, ...]:
            return LEVEL_BANDS["L2A"]

    with pytest.raises(UsageError, match="B10"):
        write_safe(WithoutCirrus(), tmp_path)


def test_other_tile_time_and_satellite(tmp_path: Path) -> None:
    when = datetime(2021, 1, 22, 13, 32, 29, tzinfo=timezone.utc)
    scene = replace(TinyScene(), edge=0.0)
    path = write_safe(scene, tmp_path, mission="S2B", tile="22HBD", sensing_time=when, baseline="02.09")
    assert path.name.startswith("S2B_MSIL1C_20210122T133229_N0209_R081_T22HBD_")
    with rasterio.open(find_image(path, "B12")) as image:
        assert image.crs == "EPSG:32722"
        assert (image.bounds.left, image.bounds.top) == (199980, 5900020)
        assert image.read(1).all()


def test_smallest_scene(tmp_path: Path) -> None:
    path = write_safe(TinyScene(6, edge=0.0), tmp_path)
    with rasterio.open(find_image(path, "B01")) as image:
        assert image.shape == (1, 1)


class TestBrokenProducts:
    """The switches of the helper break what they say."""

    def test_truncated(self, tmp_path: Path) -> None:
        image = find_image(make_safe(tmp_path, truncated="B04"), "B04")
        assert not image.read_bytes().endswith(b"\xff\xd9")

    def test_missing(self, tmp_path: Path) -> None:
        root = make_safe(tmp_path, level="L2A", missing="B04")
        assert not list(root.rglob("*_B04_*.jp2"))

    def test_wrong_size(self, tmp_path: Path) -> None:
        with rasterio.open(find_image(make_safe(tmp_path, wrong_size="B04"), "B04")) as image:
            assert image.shape == (60, 60)

    def test_entities(self, tmp_path: Path) -> None:
        external = make_safe(tmp_path / "a", entity="external") / "MTD_MSIL1C.xml"
        loose = etree.XMLParser(resolve_entities=True, load_dtd=True, no_network=True)
        assert SECRET in etree.tostring(etree.parse(external, loose)).decode()
        bomb = make_safe(tmp_path / "b", entity="bomb") / "MTD_MSIL1C.xml"
        with pytest.raises(etree.XMLSyntaxError, match="entity"):
            etree.parse(bomb)

    def test_offset_and_missing_metadata(self, tmp_path: Path) -> None:
        root = make_safe(tmp_path, offset="-99999999", without="tile", zipped=False)
        metadata = etree.parse(root / "MTD_MSIL1C.xml").getroot()
        assert {e.text for e in metadata.iter("RADIO_ADD_OFFSET")} == {"-99999999"}
        assert not list(root.rglob("MTD_TL.xml"))

    def test_zipped(self, tmp_path: Path) -> None:
        archive = make_safe(tmp_path, without="manifest", zipped=True)
        with zipfile.ZipFile(archive) as content:
            assert any(n.endswith("MTD_TL.xml") for n in content.namelist())
            assert not any(n.endswith("manifest.safe") for n in content.namelist())
