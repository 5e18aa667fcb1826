"""``cloudmask run`` with several products: what one of them does to the others."""

from __future__ import annotations

import json
import shutil
import signal

import pytest
from helpers_masks import leftovers
from helpers_safe import make_safe

from cloudmask.cli import main


@pytest.fixture
def run(tmp_path, capfd, monkeypatch):
    """Run the command in this process, in an empty folder; gives code, output and errors."""
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)

    def call(*args):
        code = main(["run", *(str(a) for a in args)])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        assert leftovers(tmp_path) == []
        return code, out, err

    yield call
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def products(tmp_path):
    """Three products: the second has an image that is cut in half."""
    made = []
    for name in ("first", "second", "third"):
        broken = {"truncated": "B03"} if name == "second" else {}
        root = make_safe(tmp_path / "made", size10=60, **broken)
        made.append(tmp_path / f"{name}.SAFE")
        shutil.move(root, made[-1])
    return made


def test_one_that_fails_does_not_stop_the_others(run, products, tiny, tmp_path):
    (tmp_path / "out").mkdir()
    code, out, err = run(*products, "-o", "out", "--model", tiny, "-v")
    assert code == 3
    assert out == "out/first_cloudmask.tif\nout/third_cloudmask.tif\n"
    errors = [line for line in err.splitlines() if "error: " in line]
    assert len(errors) == 1
    assert "second.SAFE" in errors[0]
    assert err.endswith("2 of 3 products masked, 1 failed\n")
    assert err.count("model tiny 1 on cpu") == 1  # loaded once
    assert not list((tmp_path / "out").glob("second*"))


def test_go_on_where_it_stopped(run, products, tiny, tmp_path):
    first, second, third = products
    assert run(first, "--model", tiny)[0] == 0
    before = (tmp_path / "first_cloudmask.json").stat().st_mtime_ns
    code, out, err = run(first, third, "--model", tiny, "--skip-existing")
    assert code == 0
    assert out == f"{tmp_path}/third_cloudmask.tif\n"
    assert err.endswith("1 of 2 products masked, 1 left out as masked already, 0 failed\n")
    assert (tmp_path / "first_cloudmask.json").stat().st_mtime_ns == before
    # Without it, what exists is an error; half a set counts as none.
    assert run(first, third, "--model", tiny)[0] == 5
    (tmp_path / "third_cloudmask.json").unlink()
    code, out, err = run(first, third, "--model", tiny, "--skip-existing")
    assert code == 5
    assert "expected all outputs or none with --skip-existing, found third_cloudmask.tif" in err
    assert "without third_cloudmask.json; remove them" in err
    code, out, err = run(first, "--model", tiny, "--skip-existing")
    assert (code, out) == (0, "")
    assert "first_cloudmask.tif: exists already; left out" in err
    assert run(first, second, third, "--model", tiny, "--overwrite", "-q")[:2] == (3, "")


def test_records_come_one_a_line(run, products, tiny):
    first, _, third = products
    code, out, _ = run(first, third, "--model", tiny, "--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [r["files"]["mask"].rpartition("/")[2] for r in records] == [
        "first_cloudmask.tif",
        "third_cloudmask.tif",
    ]


def test_what_holds_for_all_is_said_once(run, products, tiny, tmp_path):
    def refused(code, text, *args):
        found, out, err = run(*args)
        assert (found, out) == (code, "")
        assert err.count("rror: ") == 1
        assert text in err

    refused(2, "m.tif: expected an existing folder for the masks of 3", *products, "-o", "m.tif")
    refused(4, "pip install '.[gpu]'", *products, "--device", "cuda")
    refused(2, "expected one of the two", *products, "--overwrite", "--skip-existing")
    shutil.copytree(products[0], tmp_path / "again" / "first.SAFE")
    refused(2, "found first_cloudmask.tif of", *products, tmp_path / "again" / "first.SAFE", "-o", tmp_path)
    assert not list(tmp_path.glob("*.tif"))
