"""The NetBeans module: its parts by themselves, and in a real NetBeans Platform."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from lxml import etree

from cloudmask import __version__
from cloudmask.errors import OutputError, UsageError
from cloudmask.snap import nbm
from cloudmask.snap.descriptor import ALIAS, LABEL

PLATFORM = Path(os.environ.get("NETBEANS_PLATFORM", "/usr/share/netbeans/platform18"))
ACTION = "Actions/Operators/CloudMaskAction.instance"
SHADOW = "Menu/Optical/Preprocessing/Masking/CloudMaskAction.shadow"


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    return nbm.build_nbm(tmp_path_factory.mktemp("nbm"))


@pytest.fixture(scope="module")
def jar(module):
    with zipfile.ZipFile(module) as archive:
        return zipfile.ZipFile(io.BytesIO(archive.read(nbm.JAR)))


def attributes(manifest):
    """A manifest as a reader of jars sees it: continued lines joined."""
    text = manifest.decode("utf-8").replace("\r\n ", "")
    return dict(line.split(": ", 1) for line in text.split("\r\n") if line)


def test_name_and_parts(module):
    assert module.name == f"cloudmask-{__version__}.nbm"
    with zipfile.ZipFile(module) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {
            "META-INF/MANIFEST.MF",
            "Info/info.xml",
            "netbeans/config/Modules/cloudmask-snap.xml",
            "netbeans/modules/cloudmask-snap.jar",
        }


def test_manifest(jar):
    raw = jar.read("META-INF/MANIFEST.MF")
    assert all(len(line) <= 72 for line in raw.split(b"\r\n"))
    assert raw.endswith(b"\r\n\r\n")
    assert jar.namelist()[0] == "META-INF/MANIFEST.MF"
    found = attributes(raw)
    assert found.pop("Manifest-Version") == "1.0"
    assert found == nbm.module_attributes()
    assert jar.read(found["OpenIDE-Module-Layer"])


@pytest.mark.parametrize(
    ("version", "specification"), [("1.2.3", "1.2.3"), ("0.1.0.dev4", "0.1.0"), ("2.0rc1", "2.0.1")]
)
def test_specification_version_is_numbers(monkeypatch, version, specification):
    monkeypatch.setattr(nbm, "__version__", version)
    assert nbm.module_attributes()["OpenIDE-Module-Specification-Version"] == specification


def test_info_for_the_update_centre(module, jar):
    with zipfile.ZipFile(module) as archive:
        root = etree.fromstring(archive.read("Info/info.xml"))
        size = archive.getinfo(nbm.JAR).file_size
        doctype = etree.fromstring(archive.read("Info/info.xml")).getroottree().docinfo
    assert doctype.public_id == "-//NetBeans//DTD Autoupdate Module Info 2.5//EN"
    assert root.tag == "module"
    assert root.get("codenamebase") == attributes(jar.read("META-INF/MANIFEST.MF"))["OpenIDE-Module"]
    assert root.get("distribution") == module.name
    assert int(root.get("downloadsize")) == size
    assert [child.tag for child in root] == ["manifest", "license"]
    assert root.find("license").get("name") == root.get("license")
    assert "Apache License" in root.findtext("license")


def test_module_status(module):
    with zipfile.ZipFile(module) as archive:
        root = etree.fromstring(archive.read(nbm.MODULE_XML))
        names = set(archive.namelist())
    values = {p.get("name"): p.text for p in root.iter("param")}
    assert root.get("name") == nbm.CODE_NAME
    assert "netbeans/" + values["jar"] in names
    assert (values["enabled"], values["autoload"], values["eager"]) == ("true", "false", "false")


def test_operator_lies_at_the_root_of_the_jar(jar):
    entries = [
        line
        for line in jar.read("META-INF/services/eu.esa.snap.snappy.gpf.PyOperatorSpi").decode().splitlines()
        if line and not line.startswith("#")
    ]
    assert entries == ["cloudmask_op.CloudMaskOperator"]
    assert {"cloudmask_op.py", "cloudmask_op-info.xml"} <= set(jar.namelist())


def test_layer(jar):
    root = etree.fromstring(jar.read("layer.xml"))

    def find(path):
        element = root
        for part in path.split("/"):
            element = next(e for e in element if e.get("name") == part)
        return {
            a.get("name"): next(v for k, v in a.attrib.items() if k != "name") for a in element.iter("attr")
        }

    action = find(ACTION)
    assert action["operatorName"] == ALIAS
    assert action["dialogTitle"] == LABEL
    assert find(SHADOW)["originalFile"] == ACTION
    assert action["helpId"] in jar.read("cloudmask/snap/help/map.jhm").decode()
    for file in root.iter("file"):
        if file.get("url"):
            assert file.get("url") in jar.namelist()


def test_help_is_whole(jar):
    folder = "cloudmask/snap/help/"
    names = set(jar.namelist())
    url = etree.fromstring(jar.read("helpset.xml")).get("url")
    assert url == f"nbdocs:/{folder}help.hs"
    helpset = etree.fromstring(jar.read(folder + "help.hs"))
    targets = {}
    for reference in helpset.iter("mapref"):
        for entry in etree.fromstring(jar.read(folder + reference.get("location"))).iter("mapID"):
            targets[entry.get("target")] = entry.get("url")
    assert all(folder + page in names for page in targets.values())
    assert helpset.findtext("maps/homeID") in targets
    for data in helpset.iter("data"):
        for item in etree.fromstring(jar.read(folder + data.text)).iter("tocitem"):
            assert item.get("target") is None or item.get("target") in targets


def test_equal_sources_give_equal_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first = nbm.build_nbm(tmp_path / "a.nbm")
    text = zipfile.ZipFile(first).read("Info/info.xml")
    assert b'releasedate="2023/11/14"' in text
    (tmp_path / "b").mkdir()
    second = nbm.build_nbm(tmp_path / "b" / "a.nbm")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("text", ["abc", "1e9", "4354819200", "9" * 30])
def test_a_date_that_is_none(tmp_path, monkeypatch, text):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(UsageError, match=f"SOURCE_DATE_EPOCH: expected a date .* found '{text}'"):
        nbm.build_nbm(tmp_path / "a.nbm")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("text", "date"), [("-1", "1980/01/01"), ("4354819199", "2107/12/31")])
def test_dates_at_the_ends_of_what_a_zip_can_name(tmp_path, monkeypatch, text, date):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    made = zipfile.ZipFile(nbm.build_nbm(tmp_path / "a.nbm"))
    assert f'releasedate="{date}"'.encode() in made.read("Info/info.xml")


def test_existing_file_is_kept(tmp_path):
    path = nbm.build_nbm(tmp_path)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        nbm.build_nbm(tmp_path)
    assert path.read_bytes() == before
    nbm.build_nbm(tmp_path, overwrite=True)


# Runs by itself: a Java machine cannot be started twice in a process, and the platform stays up.
_PROBE = r"""
import glob, json, os, sys
import jpype
platform, cluster, user = sys.argv[1:4]
jpype.startJVM(
    "-Djava.awt.headless=true", f"-Dnetbeans.home={platform}", f"-Dnetbeans.dirs={cluster}",
    f"-Dnetbeans.user={user}", "--add-opens=java.base/java.net=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    classpath=glob.glob(platform + "/lib/*.jar") + glob.glob(platform + "/modules/ext/jhall*.jar"),
)
jpype.JClass("org.netbeans.Main").main(jpype.JArray(jpype.JString)(["--nogui", "--nosplash"]))
lookup = jpype.JClass("org.openide.util.Lookup").getDefault()
loader = lookup.lookup(jpype.JClass("java.lang.ClassLoader"))
files = jpype.JClass("org.openide.filesystems.FileUtil", loader=loader)
action, shadow, helpset = sys.argv[4:7]

def read(path, *names):
    file = files.getConfigFile(path)
    return None if file is None else {n: str(file.getAttribute(n)) for n in names}

answer = {
    "action": read(action, "operatorName", "dialogTitle", "helpId", "targetProductNameSuffix"),
    "menu": read(shadow, "originalFile", "position"),
    "helpset": read(helpset, "position"),
}
made = files.getConfigObject(action, jpype.JClass("javax.swing.Action", loader=loader))
answer["label"] = str(made.getValue("Name"))
for info in lookup.lookupAll(jpype.JClass("org.openide.modules.ModuleInfo")):
    if str(info.getCodeNameBase()) == "cloudmask.snap":
        version, name = str(info.getSpecificationVersion()), str(info.getDisplayName())
        answer["module"] = [bool(info.isEnabled()), version, name]
# JavaHelp reads the help set out of the module, by the class loader that the platform gave it.
url = loader.getResource("cloudmask/snap/help/help.hs")
document = jpype.JClass("javax.help.HelpSet")(loader, url)
pages = document.getCombinedMap()
answer["help"] = [str(document.getTitle()), str(pages.getURLFromID(document.getHomeID()))]
print(json.dumps(answer))
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.slow
def test_in_a_real_netbeans_platform(module, tmp_path):
    """The platform is started headless with the module in a cluster and asked for what it sees."""
    pytest.importorskip("jpype", reason="needs JPype1 to talk to the platform")
    if not (PLATFORM / "lib" / "boot.jar").is_file():
        pytest.skip(f"no NetBeans Platform in {PLATFORM} (Debian: libnb-platform18-java)")
    with zipfile.ZipFile(module) as archive:
        archive.extractall(tmp_path)
    arguments = [PLATFORM, tmp_path / "netbeans", tmp_path / "user", ACTION, SHADOW]
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *map(str, arguments), "Services/JavaHelp/cloudmask-helpset.xml"],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["module"] == [True, nbm.module_attributes()["OpenIDE-Module-Specification-Version"], LABEL]
    assert answer["label"] == "Cloud mask (AI)…"
    assert answer["action"] == {
        "operatorName": ALIAS,
        "dialogTitle": LABEL,
        "helpId": "cloudMask",
        "targetProductNameSuffix": "_cloudmask",
    }
    assert answer["menu"] == {"originalFile": ACTION, "position": "50"}
    assert answer["helpset"] is not None
    title, page = answer["help"]
    assert title == LABEL
    assert page.endswith("cloudmask/snap/help/cloudmask.html")
