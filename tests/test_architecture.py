"""The rules of the package's layout, read from its source."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import cloudmask

ROOT = Path(cloudmask.__file__).parent
CORE = {"errors", "classes", "bands", "grid", "radiometry", "tiling", "postprocess", "metrics"}
MIDDLE = {
    "options",
    "card",
    "json_reader",
    "model",
    "pipeline",
    "plane",
    "result",
    "source",
    "strips",
    "array_source",
}
FOREIGN = {
    "rasterio": {"jp2", "geotiff", "dimap", "aoi", "cli/doctor"},
    "lxml": {"xml_input", "geotiff", "dimap"},
    "PIL": {"quicklook"},
    "onnxruntime": {"onnx_model"},
    "tqdm": {"cli/common"},
}
"""Modules of the package itself that may import a library; sub-packages have rules of their own."""
OWN_RULES = ("simulate", "train", "evaluate", "bench", "snap")
ALWAYS = {"numpy", "scipy"}


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).with_suffix("").as_posix()
        if name.split("/")[0] not in OWN_RULES:
            yield name, ast.parse(path.read_text("utf-8"))


def typing_only(tree):
    """Nodes under ``if TYPE_CHECKING``, which never run."""
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            skipped.update(ast.walk(node))
    return skipped


def imports(name, tree, top_only=False):
    """Names imported by a module: ``"rasterio"``, or ``".grid"`` for the package's own."""
    skipped = typing_only(tree)
    found = set()
    for node in tree.body if top_only else ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = name.split("/")[: -node.level]
            if node.module:
                found.add("." + "/".join([*base, *node.module.split(".")]))
            else:
                found.update("." + "/".join([*base, alias.name]) for alias in node.names)
    return found


ALL = dict(modules())


@pytest.mark.parametrize("name", sorted(CORE))
def test_core_imports_core_numpy_and_scipy_only(name):
    for found in imports(name, ALL[name]):
        own = found.startswith(".") and found[1:] in CORE
        assert own or found in ALWAYS | set(sys.stdlib_module_names), f"{name} imports {found}"


@pytest.mark.parametrize("name", sorted(MIDDLE))
def test_middle_imports_no_rim(name):
    """Inside functions it may: a result's ``save`` is the one door to file formats."""
    for found in imports(name, ALL[name], top_only=True):
        own = found.startswith(".") and found[1:] in CORE | MIDDLE
        assert own or found in ALWAYS | set(sys.stdlib_module_names), f"{name} imports {found}"


@pytest.mark.parametrize("name", sorted(ALL))
def test_foreign_libraries_have_their_places(name):
    for found in imports(name, ALL[name]):
        if found.startswith(".") or found in ALWAYS | set(sys.stdlib_module_names):
            continue
        if found == "click":
            assert name.startswith("cli/"), f"{name} imports click"
        elif found != "cloudmask":
            assert name in FOREIGN.get(found, set()), f"{name} imports {found}"


def test_only_the_command_composes_sub_packages():
    for name, tree in ALL.items():
        used = {f[1:].split("/")[0] for f in imports(name, tree) if f.startswith(".")} & set(OWN_RULES)
        assert not used or name.startswith("cli/"), f"{name} imports {used}"


@pytest.mark.parametrize("name", sorted(n for n in ALL if not n.startswith("cli/")))
def test_no_module_but_the_command_prints(name):
    calls = [
        n.func.id for n in ast.walk(ALL[name]) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    ]
    assert "print" not in calls
    assert "input" not in calls


@pytest.mark.parametrize("name", sorted(ALL))
def test_modules_are_small_and_say_what_they_are(name):
    if not name.endswith("__main__"):
        assert ast.get_docstring(ALL[name]), f"{name} has no docstring"
    path = ROOT / f"{name}.py"
    assert len(path.read_text("utf-8").splitlines()) <= 340, f"{name} has grown too large: take it apart"


def test_onnx_runtime_is_only_named_where_it_is_loaded():
    """It is imported by name, so that a missing one can be explained."""
    users = [n for n, tree in ALL.items() if any(_loads(node, "onnxruntime") for node in ast.walk(tree))]
    assert users == ["onnx_model"]


def _loads(node, library):
    return (
        isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") == "import_module"
        and any(isinstance(a, ast.Constant) and a.value == library for a in node.args)
    )
