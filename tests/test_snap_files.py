"""Descriptor, service file, installation, checks and commands, without SNAP."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import stat
import subprocess
import sys
import zipfile
from dataclasses import fields
from pathlib import Path

import pytest
from lxml import etree

from cloudmask import __version__
from cloudmask.cli import doctor as whole_doctor
from cloudmask.cli import main
from cloudmask.errors import InputError, OutputError, UsageError
from cloudmask.options import Options, option_specs
from cloudmask.snap import descriptor, doctor, home, install, lines, registry, resources
from cloudmask.snap.parameters import camel_case, parameters, read_parameters

MODULE = resources.module_folder()
DESCRIPTOR = MODULE / "cloudmask_op-info.xml"


# Descriptor and service file


def test_descriptor_is_what_the_options_say():
    """Change options.py, then: cloudmask snap descriptor > snap_module/cloudmask_op-info.xml"""
    assert DESCRIPTOR.read_bytes() == descriptor.render()


def test_descriptor_parameters_against_options():
    """Told again without the generator: names, defaults, ranges, texts."""
    defaults = {f.name: f.default for f in fields(Options)}
    specs = {camel_case(n): (s, defaults[n]) for n, s in option_specs().items() if s.snap}
    found = list(etree.parse(str(DESCRIPTOR)).iterfind("parameters/parameter"))
    assert [p.findtext("name") for p in found] == [*specs, "copySourceBands"]
    for parameter in found[:-1]:
        spec, default = specs[parameter.findtext("name")]
        text = parameter.findtext("defaultValue")
        if default is None:
            assert text is None
            assert parameter.findtext("dataType").startswith("java.lang."), "a primitive cannot be left out"
        elif isinstance(default, bool):
            assert text == str(default).lower()
        else:
            assert type(default)(text) == default
        assert parameter.findtext("label") == spec.label
        assert parameter.findtext("description") == spec.help
        assert (parameter.findtext("unit") or "") == spec.unit
        if spec.interval:
            assert tuple(json.loads(parameter.findtext("interval"))) == spec.interval
        if spec.choices:
            assert tuple(parameter.findtext("valueSet").split(",")) == spec.choices


def test_descriptor_types_are_those_snap_resolves():
    allowed = {"boolean", "int", "double", "java.lang.String", "java.lang.Integer", "java.lang.Double"}
    assert {p.findtext("dataType") for p in etree.parse(str(DESCRIPTOR)).iter("parameter")} <= allowed


def test_descriptor_passes_snaps_rules():
    assert descriptor.problems(DESCRIPTOR) == []
    assert etree.parse(str(DESCRIPTOR)).findtext("version") == __version__


FAULTS = {
    "no well-formed XML": lambda t: t.replace("</operator>", ""),
    "<bogus> is unknown": lambda t: t.replace("<parameters>", "<bogus/><parameters>", 1),
    "<default> is unknown": lambda t: t.replace("defaultValue>", "default>"),
    "<alias> is missing": lambda t: t.replace("<alias>CloudMask</alias>", ""),
    "operatorClass is org.esa": lambda t: t.replace("eu.esa.snap.snappy.gpf", "org.esa.snap.snappy.gpf"),
    "expected the root element": lambda t: t.replace("operator>", "op>"),
    "has no dataType": lambda t: t.replace("<dataType>boolean</dataType>", "", 1),
    "must be written [I": lambda t: t.replace("<dataType>double<", "<dataType>double[]<", 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_in_a_descriptor_are_found(tmp_path, fault):
    good = DESCRIPTOR.read_text("utf-8")
    bad = FAULTS[fault](good)
    assert bad != good
    file = tmp_path / "x-info.xml"
    file.write_text(bad, "utf-8")
    (first, *_) = descriptor.problems(file)
    assert fault in first


def test_service_file_names_a_class_that_is_there():
    entries = [
        line for line in (MODULE / descriptor.SERVICE).read_text().splitlines() if not line.startswith("#")
    ]
    assert entries == ["cloudmask_op.CloudMaskOperator"]
    tree = ast.parse((MODULE / "cloudmask_op.py").read_text())
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    assert "CloudMaskOperator" in imported


def test_parameters_become_options_with_nothing_set():
    options, copy = read_parameters(lambda name: None, 10)
    assert options == Options(resolution=10)
    assert copy is True


def test_parameters_are_checked_with_the_options_own_rules():
    with pytest.raises(UsageError, match="cloud-threshold"):
        read_parameters({"cloudThreshold": 1.5}.get, 20)


# The module that SNAP imports


def shim(code):
    """Run code in a fresh Python after the shim was imported there; returns what it printed."""
    paths = [str(MODULE), str(Path(install.__file__).parents[2])]
    text = f"import sys; sys.path[:0] = {paths!r}; sys.dont_write_bytecode = True\n{code}"
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)


def test_shim_repairs_streams_that_are_bare_modules():
    done = shim(
        "import types\n"
        "for n in ('stdout', 'stderr'):\n"
        "    m = types.ModuleType('jpy_' + n); m.write = lambda s: None; m.flush = lambda: None\n"
        "    setattr(sys, n, m)\n"
        "import cloudmask_op\n"
        "assert sys.stdout is sys.__stdout__ and sys.stderr.encoding, 'not repaired'\n"
        "print('repaired', cloudmask_op.CloudMaskOperator.__name__)"
    )
    assert done.stdout == "repaired CloudMaskOperator\n", done.stderr


def test_shim_lives_without_any_console():
    done = shim(
        "import types; out = sys.stdout\n"
        "sys.stdout = sys.stderr = types.ModuleType('jpy'); sys.__stdout__ = sys.__stderr__ = None\n"
        "import cloudmask_op; sys.stdout.write('gone'); out.write(str(sys.stdout.isatty()))"
    )
    assert done.stdout == "False", done.stderr


def test_shim_leaves_good_streams_alone_and_caps_threads():
    done = shim(
        "import os; os.environ.pop('OMP_NUM_THREADS', None); os.environ['MKL_NUM_THREADS'] = '7'\n"
        "mine = sys.stdout = type('S', (), {'isatty': lambda s: False, 'write': lambda s, t: None,"
        " 'flush': lambda s: None})()\n"
        "import cloudmask_op; assert sys.stdout is mine; sys.stdout = sys.__stdout__\n"
        "print(os.environ['OMP_NUM_THREADS'], os.environ['MKL_NUM_THREADS'])"
    )
    assert done.stdout == "1 7\n", done.stderr


def test_shim_says_what_to_install_where(tmp_path):
    text = f"import sys; sys.path.insert(0, {str(MODULE)!r}); sys.dont_write_bytecode = True\n"
    text += "sys.modules['cloudmask'] = None\nimport cloudmask_op"
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    last = done.stderr.strip().splitlines()[-1]
    assert "cannot import the package 'cloudmask'" in last
    assert "pip install '.[cpu]'" in last


# Installation


def test_install_writes_what_snap_looks_for_and_uninstall_removes_it(tmp_path):
    written = install.install(tmp_path)
    root = tmp_path / "snap-python" / "cloudmask"
    assert {p.relative_to(root).as_posix() for p in written if root in p.parents} == set(install.MODULE_FILES)
    assert {p.name for p in written if root not in p.parents} == {f"{n}.xml" for n in resources.graphs()}
    (registration,) = registry.registrations(None, tmp_path)
    assert registration.entry == "cloudmask_op.CloudMaskOperator"
    assert registration.problems == ()
    assert install.install(tmp_path) == written, "again, over itself"
    assert install.uninstall(tmp_path) == [root, tmp_path / "graphs" / "cloudmask"]
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    assert install.uninstall(tmp_path) == []


def test_a_users_own_graphs_stay(tmp_path):
    graphs = tmp_path / "graphs" / "cloudmask"
    graphs.mkdir(parents=True)
    (graphs / "mine.xml").write_text("mine")
    assert graphs / "mine.xml" not in install.install(tmp_path)
    assert (graphs / "mine.xml").read_text() == "mine"
    assert (graphs / "cloudmask_graph.xml").is_file()
    assert install.uninstall(tmp_path) == [tmp_path / "snap-python" / "cloudmask"]
    assert [p.name for p in graphs.iterdir()] == ["mine.xml"]


def test_a_folder_of_someone_else_is_left_alone(tmp_path):
    theirs = tmp_path / "snap-python" / "cloudmask" / "other.py"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("")
    for action in (install.install, install.uninstall):
        with pytest.raises(OutputError, match="is not this plug-in"):
            action(tmp_path)
    assert theirs.is_file()


# Where things are


def fake_snap(folder, version="13.0.2", xmx="6G", bridge=True):
    gpt = folder / "bin" / ("gpt.exe" if os.name == "nt" else "gpt")
    gpt.parent.mkdir(parents=True)
    gpt.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 3\n')
    gpt.chmod(gpt.stat().st_mode | stat.S_IXUSR)
    (folder / "bin" / "gpt.vmoptions").write_text(f"# memory\n-Xmx{xmx}\n")
    (folder / "VERSION.txt").write_text(version + "\n")
    (folder / "etc").mkdir()
    modules = folder / "snap" / "modules"
    modules.mkdir(parents=True)
    if bridge:
        (modules / "eu-esa-snap-esa-snappy.jar").write_bytes(b"")
    return folder


def configure(user, executable, module_dir=None):
    folder = user / "snap-python"
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["#Created by PyBridge", f"snap.pythonExecutable={executable}"]
    if module_dir:
        lines.append(f"snap.pythonModuleDir={module_dir}")
    (folder / "snappy.properties").write_text("\n".join(lines))


def test_home_is_found_in_order(tmp_path, monkeypatch):
    given, named, linked = (
        fake_snap(tmp_path / n, v) for n, v in (("a", "12.0.0"), ("b", "13.0.2"), ("c", "11"))
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gpt").symlink_to(linked / "bin" / "gpt")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("SNAP_HOME", raising=False)
    assert home.find_snap() == home.Snap(linked, "11")
    monkeypatch.setenv("SNAP_HOME", str(named))
    assert home.find_snap() == home.Snap(named, "13.0.2")
    assert home.find_snap(given) == home.Snap(given, "12.0.0")


def test_both_doctors_find_the_same_snap(tmp_path, monkeypatch):
    linked = fake_snap(tmp_path / "c", "11")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gpt").symlink_to(linked / "bin" / "gpt")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("SNAP_HOME", raising=False)
    *_, last = whole_doctor.examine()
    assert last.state == f"11 in {linked} ('cloudmask snap doctor' looks closer)"
    (tmp_path / "none" / "bin").mkdir(parents=True)
    monkeypatch.setenv("SNAP_HOME", str(tmp_path / "none"))
    *_, last = whole_doctor.examine()
    assert last.state.startswith("not found")


def test_no_snap_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("SNAP_HOME", str(tmp_path))
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "bin"))):
        home.find_snap()


def test_version_from_the_jar_where_there_is_no_file(tmp_path):
    snap = fake_snap(tmp_path / "snap")
    (snap / "VERSION.txt").unlink()
    with zipfile.ZipFile(snap / "snap" / "modules" / "org-esa-snap-snap-core.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "OpenIDE-Module-Specification-Version: 12.0.0\r\n")
    assert home.find_snap(snap).version == "12.0.0"


def test_properties_as_java_writes_them(tmp_path):
    file = tmp_path / "x.properties"
    file.write_text(
        "#snap.userdir=/commented\n! too = 1\nsnap.pythonExecutable=C\\:\\\\Program Files\\\\py.exe\n"
        "spaced key : value \nname\\u00e9 = \\u00fc\nempty=\n",
        "iso-8859-1",
    )
    found = home.read_properties(file)
    assert found["snap.pythonExecutable"] == "C:\\Program Files\\py.exe"
    assert found["nameé"] == "ü"
    assert found["empty"] == ""
    assert "snap.userdir" not in found
    assert "too" not in found
    assert home.read_properties(tmp_path / "none") == {}


def test_user_folder_as_the_installation_says(tmp_path):
    snap = fake_snap(tmp_path / "snap")
    (snap / "etc" / "snap.properties").write_text("snap.userdir=${USER_HOME}/elsewhere\n")
    assert home.user_folder(home.find_snap(snap)) == Path.home() / "elsewhere"
    assert home.user_folder(home.find_snap(snap), tmp_path / "u") == tmp_path / "u"
    assert home.user_folder(None) == Path.home() / ".snap"


# Doctor


def findings(snap_home, user):
    found = list(doctor.examine(snap_home, user))
    return {f.subject.strip(): f for f in found if f.cure}, found


@pytest.fixture
def healthy(tmp_path):
    """A SNAP configured for this very Python, with the plug-in installed."""
    snap = fake_snap(tmp_path / "snap")
    user = tmp_path / "user"
    site = tmp_path / "site"
    (site / "esa_snappy").mkdir(parents=True)
    (site / "esa_snappy" / "__init__.py").write_text("raise RuntimeError('this would start Java')")
    configure(user, sys.executable, site)
    install.install(user)
    return snap, user, site


@pytest.fixture
def answering(monkeypatch):
    """What SNAP's Python says of itself; the real question is asked in a test of its own."""
    answer = {
        "version": [3, 11, 7],
        "packages": {n: {"version": "1", "folder": "/s"} for n in ("numpy", "onnxruntime", "esa_snappy")},
    }
    answer["packages"]["cloudmask"] = {"version": __version__, "folder": "/s"}
    monkeypatch.setattr(doctor, "_ask", lambda config: answer)
    return answer


def test_all_is_well(healthy, answering):
    snap, user, _ = healthy
    bad, every = findings(snap, user)
    assert bad == {}
    assert {"SNAP", "Python bridge", "memory", "user folder", "SNAP's Python", "CloudMask"} <= {
        f.subject for f in every
    }


def test_no_snap(tmp_path, answering):
    bad, _ = findings(tmp_path / "nothing", tmp_path / "user")
    assert bad["SNAP"].fatal
    assert "install SNAP" in bad["SNAP"].cure


def test_old_snap(healthy, answering):
    snap, user, _ = healthy
    (snap / "VERSION.txt").write_text("9.0.0")
    bad, _ = findings(snap, user)
    assert "install SNAP 12 or later" in bad["SNAP"].cure


def test_snap_without_esa_snappy(tmp_path, answering):
    snap, user = fake_snap(tmp_path / "snap", bridge=False), tmp_path / "user"
    configure(user, sys.executable)
    install.install(user)
    bad, _ = findings(snap, user)
    assert bad["Python bridge"].fatal
    assert "esa-snappy" in bad["Python bridge"].cure


def test_python_not_configured(healthy, answering):
    snap, user, _ = healthy
    (user / "snap-python" / "snappy.properties").unlink()
    bad, _ = findings(snap, user)
    assert "none configured" in bad["SNAP's Python"].state
    assert "snappy-conf" in bad["SNAP's Python"].cure


def test_python_that_is_gone(healthy, answering):
    snap, user, _ = healthy
    configure(user, "/no/such/python")
    bad, _ = findings(snap, user)
    assert "does not exist" in bad["SNAP's Python"].state


def test_python_that_does_not_answer(healthy, tmp_path):
    snap, user, _ = healthy
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no modules >&2\nexit 7\n")
    broken.chmod(0o755)
    configure(user, broken)
    bad, _ = findings(snap, user)
    assert bad["SNAP's Python"].state.endswith("does not answer: it ended with exit code 7, no modules")


def test_python_that_takes_too_long(healthy, tmp_path, monkeypatch):
    snap, user, _ = healthy
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    configure(user, slow)
    monkeypatch.setattr(doctor, "_TIMEOUT", 0.2)
    bad, _ = findings(snap, user)
    assert bad["SNAP's Python"].state.endswith("does not answer: nothing came within 0 seconds")


def test_wrong_python(healthy, answering):
    snap, user, _ = healthy
    answering["version"] = [3, 9, 2]
    bad, _ = findings(snap, user)
    assert bad["SNAP's Python"].fatal
    assert "Python 3.10 to 3.13" in bad["SNAP's Python"].cure


def test_package_of_another_version(healthy, answering):
    snap, user, _ = healthy
    answering["packages"]["cloudmask"]["version"] = "0.0.1"
    bad, _ = findings(snap, user)
    assert "install -U" in bad["cloudmask"].cure
    assert not bad["cloudmask"].fatal


def test_question_is_asked_of_the_python_that_snap_embeds(healthy):
    """A virtual environment's links are not followed there, so what only they reach is missing."""
    snap, user, _ = healthy
    bad, every = findings(snap, user)
    assert "esa_snappy" not in bad, "found without being imported"
    state = next(f.state for f in every if f.subject == "SNAP's Python")
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in state
    if sys.prefix != sys.base_prefix:
        # Neither the folder configured nor the Python below this environment holds the package.
        assert bad["cloudmask"].fatal
        assert f"{sys.executable} -m pip install" in bad["cloudmask"].cure


def test_broken_package_is_told_with_its_reason(healthy):
    snap, user, site = healthy
    (site / "cloudmask").mkdir()
    (site / "cloudmask" / "__init__.py").write_text("raise ValueError('half installed')")
    bad, _ = findings(snap, user)
    assert "ValueError: half installed" in bad["cloudmask"].state


def test_another_package_of_that_name(healthy):
    """The Python Package Index has one, and who does not know gets it by pip install cloudmask."""
    snap, user, site = healthy
    (site / "cloudmask").mkdir()
    (site / "cloudmask" / "__init__.py").write_text("")
    bad, _ = findings(snap, user)
    assert "another package" in bad["cloudmask"].state
    assert "pip uninstall cloudmask; then" in bad["cloudmask"].cure
    assert bad["cloudmask"].fatal


def test_own_python_is_proposed_where_it_has_everything(healthy, answering, tmp_path, monkeypatch):
    snap, user, _ = healthy
    mine = tmp_path / "snap-python" / "bin" / "python"
    monkeypatch.setattr(doctor, "_own_python", lambda: mine)
    assert findings(snap, user)[0] == {}, "another Python that has all is as good"
    answering["packages"]["cloudmask"] = {"error": "ModuleNotFoundError: No module named 'cloudmask'"}
    bad, _ = findings(snap, user)
    assert set(bad) == {"SNAP's Python"}, "one step, not one for each package"
    assert bad["SNAP's Python"].cure.endswith(f"snappy-conf {mine}")
    (user / "snap-python" / "snappy.properties").unlink()
    bad, _ = findings(snap, user)
    assert bad["SNAP's Python"].cure.endswith(f"snappy-conf {mine}")


def test_own_python_fits_where_esa_snappy_lies_beside_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "cloudmask" / "snap" / "doctor.py"))
    assert doctor._own_python() is None
    (tmp_path / "esa_snappy").mkdir()
    assert doctor._own_python() == Path(sys.executable)


def neighbour(user, text, name="ndvi"):
    root = user / "snap-python" / name
    (root / "META-INF" / "services").mkdir(parents=True)
    (root / descriptor.SERVICE).write_text(f"{name}_op.Op  # theirs\n")
    (root / f"{name}_op.py").write_text("")
    if text is not None:
        (root / f"{name}_op-info.xml").write_text(text)
    return root


@pytest.mark.parametrize(("text", "reason"), [
    ("<operator><name>x</name>", "no well-formed XML"),
    ("<operator><name>x</name><alias>x</alias></operator>", "<operatorClass> is missing"),
    (None, "is missing"),
])  # fmt: skip
def test_broken_neighbour(healthy, answering, text, reason):
    snap, user, _ = healthy
    root = neighbour(user, text)
    bad, _ = findings(snap, user)
    assert bad["other plug-in"].fatal
    assert reason in bad["other plug-in"].state
    assert str(root) in bad["other plug-in"].cure


def test_broken_neighbour_in_a_jar_and_behind_an_extra_path(healthy, answering, tmp_path):
    snap, user, _ = healthy
    with zipfile.ZipFile(snap / "snap" / "modules" / "old.jar", "w") as jar:
        jar.writestr(descriptor.SERVICE, "jar_op.Op\n")
        jar.writestr("jar_op.py", "")
        jar.writestr("jar_op-info.xml", "<operator/>")
    neighbour(tmp_path / "more", "<broken", "behind")
    (user / "etc").mkdir()
    (user / "etc" / "snap.properties").write_text(
        f"snap.pythonExtraPaths={tmp_path / 'more' / 'snap-python'}\n"
    )
    states = [f.state for f in doctor.examine(snap, user) if f.subject == "other plug-in"]
    assert any("old.jar" in s for s in states)
    assert any("behind" in s for s in states)


def test_neighbour_for_an_old_snap_is_no_danger(healthy, answering):
    snap, user, _ = healthy
    service = user / "snap-python" / "old" / "META-INF" / "services" / "org.esa.snap.snappy.gpf.PyOperatorSpi"
    service.parent.mkdir(parents=True)
    service.write_text("x.Y\n")
    bad, _ = findings(snap, user)
    assert not bad["other plug-in"].fatal


def test_not_installed(healthy, answering):
    snap, user, _ = healthy
    install.uninstall(user)
    bad, _ = findings(snap, user)
    assert bad["CloudMask"].cure == lines.own_line("install", snap, user)
    assert bad["CloudMask"].fatal


def test_installed_by_another_version(healthy, answering):
    snap, user, _ = healthy
    file = user / "snap-python" / "cloudmask" / "cloudmask_op-info.xml"
    file.write_bytes(file.read_bytes().replace(b"<version>", b"<version>9"))
    bad, _ = findings(snap, user)
    assert "another version" in bad["CloudMask"].state


def test_installed_twice(healthy, answering):
    snap, user, _ = healthy
    main(["snap", "build-nbm", "-o", str(user / "x.nbm")])
    modules = user / "system" / "modules"
    modules.mkdir(parents=True)
    with zipfile.ZipFile(user / "x.nbm") as archive:
        (modules / "cloudmask-snap.jar").write_bytes(archive.read("netbeans/modules/cloudmask-snap.jar"))
    bad, every = findings(snap, user)
    assert "registered twice" in bad["CloudMask"].state
    assert sum(f.state.startswith("registered by") for f in every) == 2


@pytest.mark.parametrize(("xmx", "word"), [("1G", "-Xmx3G"), ("900000m", "outside Java")])
def test_memory(healthy, answering, xmx, word):
    snap, user, _ = healthy
    (snap / "bin" / "gpt.vmoptions").write_text(f"-Xmx{xmx}\n")
    bad, _ = findings(snap, user)
    assert word in bad["memory"].cure
    assert not bad["memory"].fatal


@pytest.mark.parametrize("on_path", [True, False])
def test_own_line_can_be_copied(tmp_path, monkeypatch, on_path):
    program = tmp_path / "with blank" / "cloudmask"
    program.parent.mkdir()
    program.touch(0o755)
    monkeypatch.setattr(lines.sys, "executable", str(program.with_name("python")))
    monkeypatch.setenv("PATH", str(program.parent if on_path else tmp_path))
    words = shlex.split(lines.own_line("install", None, tmp_path / "with blank"))
    name = "cloudmask" if on_path else str(program)
    assert words == [name, "snap", "install", "--user-dir", str(tmp_path / "with blank")]


# Commands


def test_install_command_says_what_it_wrote_and_how_to_undo_it(tmp_path, capsys):
    assert main(["snap", "install", "--user-dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or f"wrote {file}\n" in out
    assert f"{lines.own_line('uninstall', None, tmp_path)}\n" in out
    assert main(["snap", "uninstall", "--user-dir", str(tmp_path)]) == 0
    assert "removed" in capsys.readouterr().out
    assert main(["snap", "uninstall", "--user-dir", str(tmp_path)]) == 0
    assert "nothing installed" in capsys.readouterr().out


def test_doctor_command_exit_codes(healthy, answering, capsys):
    snap, user, _ = healthy
    places = ["--snap-home", str(snap), "--user-dir", str(user)]
    assert main(["snap", "doctor", *places]) == 0
    out = capsys.readouterr().out
    assert "FAIL" not in out
    assert "is ready" in out
    install.uninstall(user)
    assert main(["snap", "doctor", *places]) == 1
    out = capsys.readouterr().out
    assert "FAIL  CloudMask" in out
    assert "is ready" not in out


@pytest.mark.skipif(os.name == "nt", reason="the double of gpt is a shell script")
def test_run_command_calls_gpt_with_absolute_paths(tmp_path, monkeypatch, capfd):
    snap = fake_snap(tmp_path / "snap")
    (tmp_path / "S2.SAFE").mkdir()
    monkeypatch.chdir(tmp_path)
    line = [
        "snap",
        "run",
        "S2.SAFE",
        "-t",
        "out.dim",
        "-f",
        "GeoTIFF",
        "-g",
        "sen2cor_graph",
        "--snap-home",
        str(snap),
        "--",
        "-q",
        "2",
    ]
    assert main([*line, "-Pl2a=/x"]) == 3, "gpt's exit code"
    assert capfd.readouterr().out.splitlines() == [
        str(resources.graphs()["sen2cor_graph"]), f"-Pinput={tmp_path / 'S2.SAFE'}",
        "-t", str(tmp_path / "out.dim"), "-f", "GeoTIFF", "-q", "2", "-Pl2a=/x",
    ]  # fmt: skip


def test_variables_of_a_graph_are_all_given(tmp_path, monkeypatch, capsys):
    """SNAP's gpt would run with them as they stand, or mask another product than the one named."""
    snap = fake_snap(tmp_path / "snap")
    (tmp_path / "S2.SAFE").mkdir()
    monkeypatch.chdir(tmp_path)
    Path("own.xml").write_text("<graph>${source}</graph>", "utf-8")
    for graph, said in (
        ("sen2cor_graph", "expected -Pl2a=... as well"),
        ("own.xml", "expected the variable ${input}"),
    ):
        assert main(["snap", "run", "S2.SAFE", "-g", graph, "--snap-home", str(snap)]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="the double of gpt is a shell script")
def test_run_command_passes_on_what_is_for_gpt(tmp_path, monkeypatch, capfd):
    """Without a ``--`` too: the letters of -PcloudBuffer are no options of ours."""
    snap = fake_snap(tmp_path / "snap")
    (tmp_path / "S2.SAFE").mkdir()
    monkeypatch.chdir(tmp_path)
    own = Path("own.xml")
    own.write_text("<graph>${input} ${cloudBuffer}</graph>", "utf-8")
    line = [
        "S2.SAFE",
        "-g",
        "own.xml",
        "-PcloudBuffer=100",
        "-J-Dsnap.userdir=/u/graph",
        "-q",
        "2",
        "-t",
        "out.dim",
        "-SsourceTag=f",
    ]
    assert main(["snap", "run", *line, "--snap-home", str(snap)]) == 3, "gpt's exit code"
    said = capfd.readouterr().out.splitlines()
    assert said[2:4] == ["-t", str(tmp_path / "out.dim")]
    assert set(said[4:]) == {"-q", "2", "-PcloudBuffer=100", "-J-Dsnap.userdir=/u/graph", "-SsourceTag=f"}
    assert said[said.index("-q") + 1] == "2"


@pytest.mark.skipif(os.name == "nt", reason="the double of gpt is a shell script")
def test_other_products_are_absolute_as_well(tmp_path, monkeypatch, capfd):
    """SNAP's Sentinel-2 reader takes no relative path, of whichever node."""
    snap = fake_snap(tmp_path / "snap")
    for name in ("S2.SAFE", "in/L2A.SAFE", "mean"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    Path("own.xml").write_text("<graph>${input} ${l2a} ${how} ${to}</graph>", "utf-8")
    line = [
        "-Pl2a=in/L2A.SAFE",
        "-Phow=mean",
        "-Pto=in/new.dim",
        "-SsourceProduct=mean",
        "-Sempty=",
        "-q",
        "2",
    ]
    assert main(["snap", "run", "S2.SAFE", "-g", "own.xml", "--snap-home", str(snap), *line]) == 3
    assert set(capfd.readouterr().out.splitlines()[2:]) == {
        f"-Pl2a={tmp_path / 'in' / 'L2A.SAFE'}", "-Phow=mean", "-Pto=in/new.dim",
        f"-SsourceProduct={tmp_path / 'mean'}", "-Sempty=", "-q", "2",
    }  # fmt: skip


@pytest.mark.parametrize(("line", "code"), [
    (["none.SAFE"], 3), (["S2.SAFE", "-g", "no_such_graph"], 3), (["S2.SAFE", "-t", "none/out.dim"], 5),
    (["S2.SAFE", "-PcloudBuffer=9"], 2),
])  # fmt: skip
def test_run_command_refuses(tmp_path, monkeypatch, capsys, line, code):
    (tmp_path / "S2.SAFE").mkdir()
    monkeypatch.chdir(tmp_path)
    snap = fake_snap(tmp_path / "snap")
    assert main(["snap", "run", *line, "--snap-home", str(snap)]) == code
    assert capsys.readouterr().err.startswith("cloudmask: error: ")


def test_graphs_and_descriptor_commands(capsys):
    assert main(["snap", "graphs"]) == 0
    out = capsys.readouterr().out
    assert all(str(p) in out for p in resources.graphs().values())
    assert "    The cloud mask alone, at 20 m: the band cloudmask, its masks, geocoding and metadata\n" in out
    assert main(["snap", "descriptor"]) == 0
    assert capsys.readouterr().out.encode() == DESCRIPTOR.read_bytes()


def test_help_page_lists_every_parameter_with_its_text():
    page = (MODULE / "help" / "parameters.html").read_text("utf-8")
    rows = re.findall(
        r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td></tr>", page
    )
    assert [(r[0], r[1], r[4]) for r in rows] == [(p.name, p.spec.label, p.spec.help) for p in parameters()]
    for row, parameter in zip(rows, parameters(), strict=True):
        assert row[2] == (
            "" if parameter.default is None else descriptor.java_text(parameter.default)
        ).replace(".0", "")
