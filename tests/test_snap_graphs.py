"""The graphs against SNAP's grammar, and against the operator's own parameters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree

from cloudmask.snap import resources
from cloudmask.snap.parameters import parameters

GRAPHS = resources.graphs()

# Parameters of the operators used (snap-gpf, opttbx-s2msi-reader); SNAP refuses others.
OPERATORS = {
    "Read": "file formatName sourceBands sourceMasks pixelRegion geometryRegion copyMetadata",
    "S2Resampling": "resolution upsampling downsampling flagDownsampling resampleOnPyramidLevels bands masks",
    "BandMaths": "targetBands variables",
    "Subset": "sourceBands tiePointGrids region geoRegion referenceBand subSamplingX subSamplingY fullSwath "
    "copyMetadata vectorFile polygonRegion",
    "Merge": "includes excludes geographicError",
    "CloudMask": " ".join(p.name for p in parameters()),
}


def check(data: bytes) -> list[str]:
    """What GraphIO would refuse, as sentences; empty if nothing."""
    try:
        root = etree.fromstring(data)
    except etree.XMLSyntaxError as error:
        return [f"not well-formed: {error}"]
    found = []
    if root.tag != "graph" or not root.get("id"):
        found.append("the root is not <graph id=...>")
    if [v.text for v in root.findall("version")] != ["1.0"]:
        found.append("exactly one <version>1.0</version> is compulsory")
    known: set[str] = set()
    for element in root.iterchildren(etree.Element):
        if element.tag == "node":
            found += _check_node(element, known)
        elif element.tag not in ("version", "header", "applicationData"):
            found.append(f"<{element.tag}> is unknown in <graph>")
    return found


def _check_node(node, known):
    name, found = node.get("id"), []
    if not name or name in known:
        found.append(f"node id {name!r} is missing or repeated")
    tags = [child.tag for child in node.iterchildren(etree.Element)]
    if sorted(tags) not in (["operator", "parameters", "sources"], ["operator", "sources"]):
        found.append(f"node {name}: expected operator, sources and parameters once each, found {tags}")
    operator = node.findtext("operator")
    if operator not in OPERATORS:
        found.append(f"node {name}: operator {operator!r} is unknown")
    seen = []
    for source in node.iterfind("sources/*"):
        references = source.get("refid") or source.text or ""
        for reference in references.split(",") if source.tag == "sourceProducts" else [references]:
            if reference.strip() not in known:
                found.append(f"node {name}: source {reference!r} is no node before it")
            if reference in seen:
                found.append(f"node {name}: source {reference!r} is repeated")
            seen.append(reference)
    for parameter in node.iterfind("parameters/*"):
        if parameter.tag not in OPERATORS.get(operator, "").split():
            found.append(f"node {name}: operator {operator} has no parameter {parameter.tag}")
    known.add(name)
    return found


@pytest.mark.parametrize("name", GRAPHS)
def test_grammar(name):
    assert check(GRAPHS[name].read_bytes()) == []


@pytest.mark.parametrize("name", GRAPHS)
def test_every_variable_is_explained_and_no_other(name):
    text = GRAPHS[name].read_text("utf-8")
    comment = re.search(r"<!--(.*?)-->", text, re.S)[1]
    body = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    used = set(re.findall(r"\$\{(\w+)\}", body))
    assert "input" in used
    # gpt fails on a variable that is not given, so each must be in the call that people copy.
    assert set(re.findall(r"-P(\w+)=", comment)) == used
    assert set(re.findall(r"^ *-P(\w+) ", comment, re.M)) == used
    assert f"gpt {name}.xml" in comment


def test_the_main_graph_needs_the_input_only():
    body = GRAPHS["cloudmask_graph"].read_text("utf-8")
    assert set(re.findall(r"\$\{(\w+)\}", body)) == {"input"}
    assert next(iter(GRAPHS)) == "cloudmask_graph"


@pytest.mark.parametrize("name", GRAPHS)
def test_cloudmask_nodes_use_known_values(name):
    by_name = {p.name: p for p in parameters()}
    nodes = [n for n in etree.parse(str(GRAPHS[name])).iter("node") if n.findtext("operator") == "CloudMask"]
    assert nodes
    for element in (e for n in nodes for e in n.find("parameters")):
        parameter = by_name[element.tag]
        assert element.text, "an empty number is an error in SNAP, not the default"
        if parameter.spec.choices:
            assert element.text in parameter.spec.choices
        if parameter.spec.interval:
            low, high = parameter.spec.interval
            assert low <= float(element.text) <= high
        if parameter.java_type == "boolean":
            assert element.text in ("true", "false")


@pytest.mark.parametrize("name", GRAPHS)
def test_nothing_is_written_by_the_graph_itself(name):
    """So that -t and -f stay free: gpt adds its Write node to the last one."""
    operators = [n.findtext("operator") for n in etree.parse(str(GRAPHS[name])).iter("node")]
    assert "Write" not in operators


def test_masked_bands_are_there_at_both_levels():
    root = etree.parse(str(GRAPHS["masked_graph"]))
    names = [b.findtext("name") for b in root.iter("targetBand")]
    assert len(names) == len(set(names)) == 12
    assert "B10" not in names
    for band in root.iter("targetBand"):
        assert band.findtext("expression") == f"cloudmask == 1 ? {band.findtext('name')} : NaN"
        assert (band.findtext("type"), band.findtext("noDataValue")) == ("float32", "NaN")


GOOD = GRAPHS["mask_only_graph"].read_text("utf-8")
BROKEN = {
    "no version": GOOD.replace("<version>1.0</version>", ""),
    "other version": GOOD.replace("1.0</version>", "2.0</version>"),
    "no id": GOOD.replace(' id="CloudMaskOnlyGraph"', ""),
    "repeated node": GOOD.replace('node id="S2Resampling"', 'node id="Read"'),
    "unknown element": GOOD.replace("<sources/>", "<sources/><bogus/>"),
    "unknown operator": GOOD.replace("<operator>CloudMask<", "<operator>CloudMusk<"),
    "unknown parameter": GOOD.replace("copySourceBands", "copyBands"),
    "no such source": GOOD.replace('refid="Read"', 'refid="Reed"'),
    "source after use": GOOD.replace('refid="Read"', 'refid="CloudMask"'),
    "not well-formed": GOOD.replace("</graph>", ""),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_the_checker_finds(fault):
    assert BROKEN[fault] != GOOD
    assert check(BROKEN[fault].encode()) != []


def test_user_documentation_names_every_graph():
    text = (Path(__file__).parents[1] / "docs" / "snap.md").read_text("utf-8")
    for name in GRAPHS:
        assert f"{name}.xml" in text
