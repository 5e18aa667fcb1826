"""The plug-in in a real SNAP, on full-size products: pytest -m snap

SNAP_HOME names the installation; its Python must have cloudmask (``cloudmask snap doctor`` tells).
CLOUDMASK_SNAP_DATA may name a folder where full-size products are simulated once and kept:
otherwise they are made for the session, which takes several minutes each. CLOUDMASK_SNAP_LIMIT gives one
gpt more seconds than half an hour. Figures are printed (-s).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from helpers_models import write_model
from lxml import etree

from cloudmask.api import mask_array
from cloudmask.catalog import load_model
from cloudmask.cli import main
from cloudmask.options import Options
from cloudmask.pipeline import predict
from cloudmask.safe import open_product
from cloudmask.snap import doctor, home, resources
from cloudmask.snap.parameters import parameters

pytestmark = [pytest.mark.snap, pytest.mark.slow]

PRODUCTS = {"L1C 05.11": ("L1C", "05.11"), "L1C 02.09": ("L1C", "02.09"), "L2A 05.11": ("L2A", "05.11")}
BANDS = ("B02", "B08", "B11", "B12")
# Seconds for one gpt: a deadlock must not stop the suite. A busy machine may need more.
_LIMIT = int(os.environ.get("CLOUDMASK_SNAP_LIMIT", "1800"))
_SAVED = "B1,B2,B3,B4,B5,B6,B7,B8,B8A,B9,B10,B11,B12"
_CROP = 1536  # pixels of the small product that configurations are tried on


@pytest.fixture(scope="session")
def snap():
    if not os.environ.get("SNAP_HOME"):
        pytest.skip("needs a real ESA SNAP: set SNAP_HOME")
    return home.find_snap()


@pytest.fixture(scope="session")
def user(snap, tmp_path_factory):
    """A clean user folder with nothing but our plug-in and the Python that SNAP is configured for."""
    folder = tmp_path_factory.mktemp("snap-user")
    config = home.python_config(snap, home.user_folder(snap))
    (folder / "snap-python").mkdir()
    lines = [f"snap.pythonExecutable={config.executable}"]
    if config.module_dir:
        lines.append(f"snap.pythonModuleDir={config.module_dir}")
    (folder / "snap-python" / "snappy.properties").write_text("\n".join(lines))
    assert main(["snap", "install", "--user-dir", str(folder)]) == 0
    broken = [f"{f.subject}: {f.state}" for f in doctor.examine(snap.home, folder) if f.cure and f.fatal]
    if broken:
        pytest.skip(f"this SNAP cannot run the operator: {'; '.join(broken)}")
    return folder


@pytest.fixture(scope="session")
def product(tmp_path_factory):
    """Full-size simulated products by name."""
    kept = os.environ.get("CLOUDMASK_SNAP_DATA")
    root = Path(kept) if kept else tmp_path_factory.mktemp("products")

    def get(name):
        level, baseline = PRODUCTS[name]
        pattern = f"S2?_MSI{level}_*_N{baseline.replace('.', '')}_*.SAFE"
        if not list(root.glob(pattern)):
            line = [
                "simulate",
                str(root),
                "--level",
                level,
                "--baseline",
                baseline,
                "--size",
                "full",
                "--seed",
                "11",
            ]
            assert main([*line, "--clouds", "cumulus,cirrus"]) == 0
        return next(root.glob(pattern))

    return get


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Networks of a moment at 20 m, by level: which band stands out in a neighbourhood.

    Of a single pixel the answer would be that of its noise, which the command's filter (a wavelet
    level) and SNAP's (a mean) leave differently.
    """
    folder = tmp_path_factory.mktemp("models")
    classes = ["clear", "cloud_shadow", "semi_transparent_cloud", "cloud"]
    scaling = {"scale": 1.0, "transform": "none", "mean": [0.15, 0.25, 0.2, 0.12], "std": [0.1] * 4}
    tile = {"size": 1024, "margin": 8, "multiple": 8, "fixed": False}
    return {
        level: write_model(
            folder, f"quick-{level.lower()}", kind="blur", level=level, bands=BANDS, input=scaling, tile=tile,
            output={"activation": "softmax", "classes": classes},
        )
        for level in ("L1C", "L2A")
    }  # fmt: skip


@pytest.fixture
def gpt(snap, user, tmp_path):
    """Call gpt; returns exit code, what it said, and seconds."""

    def call(*arguments, target=None):
        line = [str(snap.gpt), f"-J-Dsnap.userdir={user}", *map(str, arguments)]
        if target is not None:
            line += ["-t", str(tmp_path / target)]
        begun = time.perf_counter()
        done = subprocess.run(line, capture_output=True, text=True, timeout=_LIMIT, check=False, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr, time.perf_counter() - begun

    return call


def graph(folder, name, **parameters):
    """A graph of ours with parameters of its CloudMask nodes set."""
    tree = etree.parse(str(resources.graphs()[name]))
    for node in tree.iter("node"):
        if node.findtext("operator") == "CloudMask":
            for key, value in parameters.items():
                element = node.find(f"parameters/{key}")
                if element is None:
                    element = etree.SubElement(node.find("parameters"), key)
                element.text = str(value)
    path = folder / f"{name}.xml"
    tree.write(str(path))
    return path


def band(folder, target, name):
    with rasterio.open(folder / target / f"{name}.img") as file:
        return file.read(1)


def command_mask(product, folder, **options):
    """The classes that the command gives."""
    target = folder / "command.tif"
    line = ["run", str(product), "-o", str(target), "--overwrite", "--quiet"]
    for key, value in options.items():
        line += [f"--{key.replace('_', '-')}", str(value)]
    assert main(line) == 0
    with rasterio.open(target) as file:
        return file.read(1), file.crs, file.transform


def agreement(ours, reference):
    """Share of equal classes over valid pixels, and whether the same pixels are missing."""
    assert ours.shape == reference.shape
    valid = (ours != 5) & (reference != 5)
    return float((ours == reference)[valid].mean()), int(((ours == 5) != (reference == 5)).sum())


@pytest.fixture(scope="session")
def crop(snap, user, product, tmp_path_factory):
    """A piece of a resampled product, saved by SNAP as users save theirs."""
    folder = tmp_path_factory.mktemp("crop")
    text = (resources.graphs()["mask_only_graph"]).read_text("utf-8")
    head = text[: text.index('<node id="CloudMask">')]
    # Without this choice Subset makes S2Resampling compute 160 bands for each that it wants.
    head = head.replace("</resolution>", f"</resolution><bands>{_SAVED}</bands>")
    subset = (
        '<node id="Subset"><operator>Subset</operator>'
        '<sources><sourceProduct refid="S2Resampling"/></sources>'
        f"<parameters><region>0,0,{_CROP},{_CROP}</region>"
        "<copyMetadata>true</copyMetadata></parameters></node></graph>"
    )
    (folder / "crop.xml").write_text(head + subset)
    line = [str(snap.gpt), f"-J-Dsnap.userdir={user}", str(folder / "crop.xml")]
    line += [f"-Pinput={product('L1C 05.11')}", "-t", str(folder / "crop.dim")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=_LIMIT, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "crop.dim"


def reflectance(crop, names=BANDS):
    """The samples of the saved product as reflectance, NaN where raw is 0."""
    raw = np.stack([band(crop.parent, "crop.data", re.sub("B0", "B", n)) for n in names])
    return np.where(raw == 0, np.nan, raw * np.float32(1e-4) + np.float32(-0.1)).astype(np.float32)


@pytest.fixture(scope="session")
def expected(crop, model):
    """The mask of the core on the same samples."""
    return mask_array(reflectance(crop), BANDS, gsd=20, level="L1C", model=model["L1C"])


READ = '<node id="Read"><operator>Read</operator><sources/><parameters><file>{}</file></parameters></node>'


def small_graph(folder, crop, *nodes):
    path = folder / "small.xml"
    text = '<graph id="small"><version>1.0</version>' + READ.format(crop) + "".join(nodes) + "</graph>"
    path.write_text(text)
    return path


def node(name, operator, sources, **parameters):
    tags = "".join(f'<{tag} refid="{source}"/>' for tag, source in sources.items())
    values = "".join(f"<{k}>{v}</{k}>" for k, v in parameters.items())
    return (
        f'<node id="{name}"><operator>{operator}</operator><sources>{tags}</sources>'
        f"<parameters>{values}</parameters></node>"
    )


def cloudmask(crop_model, name="CloudMask", **parameters):
    return node(name, "CloudMask", {"sourceProduct": "Read"}, model=crop_model, **parameters)


def test_operator_is_listed_and_explained(gpt):
    code, said, _ = gpt("-h")
    assert code == 0
    assert "CloudMask" in said
    code, said, _ = gpt("CloudMask", "-h")
    assert code == 0
    assert "-PcloudBuffer=<double>" in said
    assert "Valid interval is [0.0,5000.0]" in said


@pytest.mark.parametrize("resolution", [20, 10, 60])
@pytest.mark.parametrize("name", PRODUCTS)
def test_full_size_product_against_the_command(gpt, product, model, tmp_path, name, resolution):
    if resolution != 20 and name != "L1C 05.11":
        pytest.skip("one product is enough at other resolutions")
    level, _ = PRODUCTS[name]
    file = graph(tmp_path, "mask_only_graph", model=model[level])
    text = file.read_text().replace("<resolution>20<", f"<resolution>{resolution}<")
    file.write_text(text)
    code, said, seconds = gpt(file, f"-Pinput={product(name)}", target="mask.dim")
    assert code == 0, said[-3000:]
    ours = band(tmp_path, "mask.data", "cloudmask")
    reference, crs, transform = command_mask(
        product(name), tmp_path, resolution=resolution, model=model[level]
    )
    equal, missing = agreement(ours, reference)
    print(f"\n{name}, {resolution} m: {100 * equal:.3f} % equal, {missing} missing differ, {seconds:.0f} s")
    header = etree.parse(str(tmp_path / "mask.dim"))
    affine = [float(v) for v in header.findtext(".//Geoposition/IMAGE_TO_MODEL_TRANSFORM").split(",")]
    assert (affine[0], affine[4], affine[5]) == pytest.approx((transform.a, transform.c, transform.f))
    assert crs.to_epsg() == 32635
    assert missing == 0
    # A product of 60 m has lost what the network of 20 m looks at, and the command reads (docs/snap.md).
    assert equal >= (0.97 if resolution == 60 else 0.995)


# What the command must share with SNAP: it averages pixels only if asked to, else it reads a wavelet level of
# them, which is quicker and differs (docs/snap.md).
DOWNSAMPLING = {"mean": 0.998, "wavelet": 0.98}


def test_default_model_against_the_command(gpt, product, tmp_path):
    file = graph(tmp_path, "mask_only_graph")
    code, said, seconds = gpt(file, f"-Pinput={product('L1C 05.11')}", target="mask.dim")
    assert code == 0, said[-3000:]
    print(f"\ndefault model: gpt {seconds:.0f} s")
    ours = band(tmp_path, "mask.data", "cloudmask")
    found = {}
    for downsampling in DOWNSAMPLING:
        reference, _, _ = command_mask(product("L1C 05.11"), tmp_path, downsampling=downsampling)
        found[downsampling], missing = agreement(ours, reference)
        print(f"{downsampling}: {100 * found[downsampling]:.3f} % equal, {missing} missing differ")
        assert missing == 0
    assert all(found[key] >= least for key, least in DOWNSAMPLING.items())


def test_default_model_against_the_command_on_a_piece(gpt, product, crop, tmp_path):
    code, said, _ = gpt("CloudMask", f"-SsourceProduct={crop}", "-PcopySourceBands=false", target="out.dim")
    assert code == 0, said[-3000:]
    ours = band(tmp_path, "out.data", "cloudmask")
    found = {}
    for downsampling in DOWNSAMPLING:
        with open_product(product("L1C 05.11"), downsampling=downsampling) as whole:
            piece = whole.subset(0, 0, 2 * _CROP, 2 * _CROP)
            default = load_model(None, level="L1C", bands=whole.bands)
            reference = predict(piece, default, Options(resolution=20)).classes
        found[downsampling], missing = agreement(ours, reference)
        print(
            f"\n{_CROP} px, {downsampling}: {100 * found[downsampling]:.3f} % equal, {missing} missing differ"
        )
        assert missing == 0
    assert all(found[key] >= least for key, least in DOWNSAMPLING.items())


@pytest.mark.parametrize("region", ["0,0,3000,3000", None], ids=["piece", "whole"])
@pytest.mark.parametrize("name", ["cloudmask_graph", "masked_graph", "sen2cor_graph"])
def test_other_graphs(gpt, product, model, tmp_path, name, region):
    """All 163 bands of a whole product take SNAP's S2Resampling long; a piece is read by the same reader."""
    file = graph(tmp_path, name, model=model["L1C"])
    if region:
        read = f"</file><useAdvancedOptions>true</useAdvancedOptions><pixelRegion>{region}</pixelRegion>"
        file.write_text(file.read_text().replace("</file>", read))
    extra = [f"-Pl2a={product('L2A 05.11')}"] if name == "sen2cor_graph" else []
    code, said, seconds = gpt(file, f"-Pinput={product('L1C 05.11')}", *extra, target="out.dim")
    assert code == 0, said[-3000:]
    print(f"\n{name}: {seconds:.0f} s")
    header = (tmp_path / "out.dim").read_text("utf-8", "replace")
    classes = band(tmp_path, "out.data", "cloudmask")
    assert classes.shape == ((1500, 1500) if region else (5490, 5490))
    assert "cm_cloud_shadow" in header
    assert 'name="cloudmask_classes"' in header
    blue = band(tmp_path, "out.data", "B2")
    assert blue.shape == classes.shape
    if name == "masked_graph":
        assert np.array_equal(np.isnan(blue), classes != 1)
        assert np.nanmax(blue) < 2
    elif name == "cloudmask_graph":
        assert {"B1", "B10", "B12", "B_opaque_clouds", "view_zenith_mean"} <= {
            p.stem for p in (tmp_path / "out.data").glob("*.img")
        }
        assert "opaque_clouds" in header
    else:
        assert (tmp_path / "out.data" / "quality_scene_classification.img").is_file()
        assert not (tmp_path / "out.data" / "B10.img").exists()


@pytest.mark.parametrize("arguments", [["-q", "1"], ["-q", "8"], ["-c", "0"], ["-c", "0", "-q", "8"], ["-x"]])
def test_threads_and_cache_change_nothing(gpt, crop, model, expected, tmp_path, arguments):
    file = small_graph(tmp_path, crop, cloudmask(model["L1C"], probabilities="true"))
    code, said, seconds = gpt(file, *arguments, target="out.dim")
    assert code == 0, said[-3000:]
    assert np.array_equal(band(tmp_path, "out.data", "cloudmask"), expected.classes)
    assert said.count("CloudMask: crop:") == 1, "computed more than once"
    total = np.sum([band(tmp_path, "out.data", f"cm_prob_{n}") for n in
                    ("clear", "cloud_shadow", "semi_transparent_cloud", "cloud")], axis=0)  # fmt: skip
    assert np.array_equal(np.isnan(total), expected.classes == 5)
    assert np.nanmax(np.abs(total - 1)) < 1e-5
    print(f"\n{' '.join(arguments)}: {seconds:.0f} s")


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_two_nodes_into_a_merge(gpt, crop, model, expected, tmp_path, threads):
    """The pattern in which Python operators that read their source in tiles deadlock."""
    rename = (
        "<includes><include><productId>sourceProduct</productId><name>cloudmask</name><newName>other</newName>"
        "</include></includes>"
    )
    merge = node("Merge", "Merge", {"masterProduct": "One", "sourceProduct": "Two"})
    file = small_graph(
        tmp_path, crop,
        cloudmask(model["L1C"], "One", copySourceBands="false"),
        cloudmask(model["L1C"], "Two", copySourceBands="false", cloudBuffer="400"),
        merge.replace("<parameters></parameters>", f"<parameters>{rename}</parameters>"),
    )  # fmt: skip
    code, said, _ = gpt(file, "-q", threads, target="out.dim")
    assert code == 0, said[-3000:]
    assert np.array_equal(band(tmp_path, "out.data", "cloudmask"), expected.classes)
    assert (band(tmp_path, "out.data", "other") != expected.classes).any(), "the buffer of the second node"


def test_operator_mode(gpt, crop, model, expected, tmp_path):
    code, said, seconds = gpt(
        "CloudMask",
        f"-SsourceProduct={crop}",
        f"-Pmodel={model['L1C']}",
        "-PcopySourceBands=false",
        target="out.dim",
    )
    assert code == 0, said[-3000:]
    assert np.array_equal(band(tmp_path, "out.data", "cloudmask"), expected.classes)
    print(f"\noperator mode: {seconds:.0f} s")


def test_operator_mode_with_positional_source_and_bands(gpt, crop, model, expected, tmp_path):
    code, said, _ = gpt("CloudMask", crop, f"-Pmodel={model['L1C']}", target="out.dim")
    assert code == 0, said[-3000:]
    assert np.array_equal(band(tmp_path, "out.data", "cloudmask"), expected.classes)
    assert said.count("CloudMask: crop:") == 1, "computed more than once"
    assert np.array_equal(band(tmp_path, "out.data", "B2"), band(crop.parent, "crop.data", "B2"))


_PYTHON_SIDE = """
import sys
import esa_snappy
from esa_snappy import GPF, HashMap, ProductIO
import numpy as np
product = ProductIO.readProduct(sys.argv[1])
parameters = HashMap()
parameters.put("model", sys.argv[2])
parameters.put("cloudBuffer", 0.0)
target = GPF.createProduct("CloudMask", parameters, product)
width, height = target.getSceneRasterWidth(), target.getSceneRasterHeight()
classes = np.zeros(width * height, np.int32)
target.getBand("cloudmask").readPixels(0, 0, width, height, classes)
np.save(sys.argv[3], classes.reshape(height, width).astype(np.uint8))
target.dispose()
"""


def test_python_side(snap, user, crop, model, expected, tmp_path):
    config = home.python_config(snap, user)
    line = [
        str(config.executable),
        "-c",
        _PYTHON_SIDE,
        str(crop),
        str(model["L1C"]),
        str(tmp_path / "out.npy"),
    ]
    environment = os.environ | {"JAVA_TOOL_OPTIONS": f"-Dsnap.userdir={user}"}
    done = subprocess.run(
        line, capture_output=True, text=True, timeout=_LIMIT, env=environment, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert np.array_equal(np.load(tmp_path / "out.npy"), expected.classes)


_FORM = """
import json
import sys
import time
import esa_snappy
import jpy
java = jpy.get_type
spi = esa_snappy.GPF.getDefaultInstance().getOperatorSpiRegistry().getOperatorSpi("CloudMask")
sources = java("org.esa.snap.core.gpf.annotations.ParameterDescriptorFactory")().getSourceProductMap()
factory = java("org.esa.snap.core.gpf.descriptor.PropertySetDescriptorFactory")
described = factory.createForOperator(spi.getOperatorDescriptor(), sources)
container = java("com.bc.ceres.binding.PropertyContainer")
values = container.createMapBacked(java("java.util.HashMap")(), described)
values.setDefaultValues()
# The loader of SNAP's modules, which has the jars of the user interface where they are not excluded.
loader = java("java.lang.Thread").currentThread().getContextClassLoader()
pane_class = loader.loadClass("com.bc.ceres.swing.binding.PropertyPane")
make = next(c for c in pane_class.getConstructors() if "PropertySet" in c.toString())
pane = make.newInstance(jpy.array("java.lang.Object", [values]))
create = next(m for m in pane_class.getMethods() if m.getName() == "createPanel")
panel = jpy.cast(create.invoke(pane, jpy.array("java.lang.Object", 0)), java("javax.swing.JPanel"))
time.sleep(2)  # texts are set by Swing's own thread
rows, label = [], None
for item in panel.getComponents():
    kind = str(item.getClass().getSimpleName())
    item = jpy.cast(item, java(item.getClass().getName()))
    if item.getName() is None:
        if kind == "JLabel" and label is None:
            label = item.getText()
        elif kind == "JLabel":
            rows[-1]["unit"], label = item.getText(), None
        continue
    shown = (item.getText if kind == "JTextField" else
             item.getSelectedItem if kind == "JComboBox" else item.isSelected)()
    choices = [str(item.getItemAt(i)) for i in range(item.getItemCount())] if kind == "JComboBox" else []
    text = item.getText() if kind == "JCheckBox" else label.rstrip(":")
    label = label or ""
    rows.append({"name": item.getName(), "label": text, "shown": str(shown), "choices": choices,
                 "tip": item.getToolTipText()})
with open(sys.argv[1], "w") as file:
    json.dump(rows, file)
"""


def test_form_of_snap_desktop(snap, user, tmp_path):
    """The pane that SNAP Desktop's dialog shows, made by SNAP's own classes from our descriptor."""
    config = home.python_config(snap, user)
    # esa_snappy leaves the jars of the user interface out, and so does SNAP's own loader unless told not to.
    options = f"-Dsnap.userdir={user} -Dsnap.excludedModules=none"
    environment = os.environ | {"JAVA_TOOL_OPTIONS": options}
    line = [str(config.executable), "-c", _FORM, str(tmp_path / "form.json")]
    done = subprocess.run(
        line, capture_output=True, text=True, timeout=_LIMIT, env=environment, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = json.loads((tmp_path / "form.json").read_text())
    expected = list(parameters())
    assert [r["name"] for r in rows] == [p.name for p in expected]
    for row, parameter in zip(rows, expected, strict=True):
        spec = parameter.spec
        assert row["label"] == spec.label
        assert row["tip"] == spec.help
        assert row["choices"] == list(spec.choices or ())
        assert row["unit"] == spec.unit
        if isinstance(parameter.default, bool):
            assert row["shown"] == str(parameter.default)
        elif parameter.default is None:
            assert row["shown"] in ("", "None")
        else:
            assert type(parameter.default)(row["shown"]) == parameter.default


def error_of(said):
    """The first line that speaks of an error."""
    return next(line for line in said.splitlines() if "SEVERE" in line or "Error" in line)


def test_product_that_is_not_resampled(gpt, product, tmp_path):
    file = small_graph(
        tmp_path, product("L1C 05.11"), node("CloudMask", "CloudMask", {"sourceProduct": "Read"})
    )
    code, said, _ = gpt(file, target="out.dim")
    assert code == 1
    assert "S2Resampling node" in error_of(said)
    assert not (tmp_path / "out.dim").exists()


def test_missing_bands(gpt, crop, tmp_path):
    file = small_graph(
        tmp_path, crop,
        node("Subset", "Subset", {"sourceProduct": "Read"}, sourceBands="B1,B2", copyMetadata="true"),
        node("CloudMask", "CloudMask", {"sourceProduct": "Subset"}),
    )  # fmt: skip
    code, said, _ = gpt(file, target="out.dim")
    assert code == 1
    assert "B04" in error_of(said)


def test_value_out_of_range(gpt, crop, tmp_path):
    file = small_graph(
        tmp_path, crop, node("CloudMask", "CloudMask", {"sourceProduct": "Read"}, cloudBuffer="-3")
    )
    code, said, _ = gpt(file, target="out.dim")
    assert code == 1
    assert "Value for 'Cloud buffer' is out of range [0,5000]" in error_of(said)


def test_error_in_the_source(gpt, product, model, tmp_path):
    """A band that SNAP opens but cannot decode."""
    whole = product("L1C 05.11")
    broken = tmp_path / whole.name
    shutil.copytree(whole, broken, copy_function=os.link)
    image = next(broken.glob("GRANULE/*/IMG_DATA/*_B11.jp2"))
    data = bytearray(image.read_bytes())
    image.unlink()
    # Header and first tiles stay; the rest of the code stream is gone.
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    image.write_bytes(data)
    file = graph(tmp_path, "mask_only_graph", model=model["L1C"])
    code, said, _ = gpt(file, f"-Pinput={broken}", target="out.dim")
    print("\n" + error_of(said))
    assert code == 1
    assert not (tmp_path / "out.dim").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_killed_gpt_leaves_nothing_that_stops_the_next(snap, user, gpt, crop, model, expected, tmp_path):
    file = small_graph(tmp_path, crop, cloudmask(model["L1C"], tileSize="64"))
    line = [str(snap.gpt), f"-J-Dsnap.userdir={user}", str(file), "-t", str(tmp_path / "out.dim")]
    running = subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path
    )
    for said in running.stdout:
        if "Starting Python" in said:
            break
    time.sleep(3)
    running.send_signal(signal.SIGTERM)
    running.stdout.close()
    assert running.wait(timeout=20) == 143
    code, said, _ = gpt(small_graph(tmp_path, crop, cloudmask(model["L1C"])), target="out.dim")
    assert code == 0, said[-3000:]
    assert np.array_equal(band(tmp_path, "out.data", "cloudmask"), expected.classes)


def seconds_of(said):
    """Wall without waiting for pixels, and processor time, of the line that the operator logs."""
    line = next(x for x in said.splitlines() if "CloudMask: crop" in x)
    found = {k: float(v) for k, v in re.findall(r"(\w+) ([\d.]+) s\b", line)}
    return found["total"] - found["read_wait"], found["processor"]


def test_time_against_the_core_on_the_same_pixels(gpt, crop, tmp_path):
    """The default network on the same samples, three times each in turn; the fastest counts.

    The processor's clock decides, as it says the same on a machine that has other things to do. What
    SNAP takes to read the saved bands is left out.
    """
    names = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
    image = reflectance(crop, names)
    file = small_graph(
        tmp_path,
        crop,
        node("CloudMask", "CloudMask", {"sourceProduct": "Read"}, threads=2, copySourceBands="false"),
    )
    operator, core = [], []
    for _ in range(3):
        code, said, _ = gpt(file, target="out.dim")
        assert code == 0, said[-3000:]
        operator.append(seconds_of(said))
        begun = time.process_time()
        mask = mask_array(image, names, gsd=20, level="L1C", threads=2)
        worked = time.process_time() - begun
        core.append((mask.timing["total"] - mask.timing["read_wait"], worked))
    # The operator moves bands of 60 m to where they belong; an array is taken as it is.
    assert agreement(band(tmp_path, "out.data", "cloudmask"), mask.classes)[0] > 0.98
    (wall, worked), (core_wall, core_worked) = (np.min(x, axis=0) for x in (operator, core))
    print(f"\nwall: operator {wall:.2f} s, core {core_wall:.2f} s: {wall / core_wall:.2f} times")
    print(f"processor: {worked:.2f} s, core {core_worked:.2f} s: {worked / core_worked:.2f} times")
    assert worked / core_worked <= 1.3
