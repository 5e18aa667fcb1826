"""Folders and archives, honest and not."""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers_safe import find_image, make_safe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudmask.errors import InputError
from cloudmask.safe_files import open_files

NAME = "S2A_MSIL1C_20240615T094031_N0511_R007_T35VLG_20240615T114031.SAFE"
MTD = b"<a/>"


def archive(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


@pytest.fixture
def product(tmp_path):
    """The least that counts as a product's folder."""
    root = tmp_path / NAME
    (root / "GRANULE").mkdir(parents=True)
    (root / "MTD_MSIL1C.xml").write_bytes(MTD)
    (root / "GRANULE/image.jp2").write_bytes(b"pixels")
    return root


def pack(root, path, compression=zipfile.ZIP_DEFLATED, inside=None):
    members = {
        f"{root.name if inside is None else inside}/{p.relative_to(root).as_posix()}".lstrip(
            "/"
        ): p.read_bytes()
        for p in root.rglob("*")
        if p.is_file()
    }
    return archive(path, members, compression)


# What is taken


def test_threads_share_what_is_unpacked(product, tmp_path, monkeypatch):
    """Two folders in place of one: the first would be removed while its files are read."""
    made = []
    create = tempfile.TemporaryDirectory

    def slowly(**options):
        time.sleep(0.05)
        made.append(create(**options))
        return made[-1]

    monkeypatch.setattr("cloudmask.safe_files.tempfile.TemporaryDirectory", slowly)
    pixels = os.urandom(1 << 20)
    (product / "GRANULE/image.jp2").write_bytes(pixels)
    files = open_files(pack(product, tmp_path / "p.zip"))
    with contextlib.closing(files), ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: files.local_path("GRANULE/image.jp2"), range(8)))
        assert len(found) == len(made) == 1
        assert Path(found.pop()).read_bytes() == pixels


@pytest.mark.parametrize(
    "how", ["folder", "slash", "metadata", "parent", "zip", "stored", "flat zip", "nested zip"]
)
def test_all_ways_to_name_a_product(product, how, tmp_path):
    if "zip" in how or how == "stored":
        compression = zipfile.ZIP_STORED if how == "stored" else zipfile.ZIP_DEFLATED
        inside = {"flat zip": "", "nested zip": f"download/{NAME}"}.get(how)
        path = pack(product, tmp_path / (NAME[:-5] + ".zip"), compression, inside)
    else:
        path = {
            "folder": product,
            "slash": Path(f"{product}/"),
            "metadata": product / "MTD_MSIL1C.xml",
            "parent": tmp_path,
        }[how]
    files = open_files(path)
    try:
        assert files.stem == NAME[:-5]
        assert files.folder == tmp_path
        assert files.metadata == "MTD_MSIL1C.xml"
        assert files.names() == ["GRANULE/image.jp2", "MTD_MSIL1C.xml"]
        assert files.read("MTD_MSIL1C.xml") == MTD
    finally:
        files.close()


def test_relative_paths(product, monkeypatch):
    monkeypatch.chdir(product)
    assert open_files(Path("MTD_MSIL1C.xml")).stem == NAME[:-5]
    assert open_files(Path()).stem == NAME[:-5]


def test_backslashes_of_windows_archivers(tmp_path):
    files = open_files(
        archive(tmp_path / "a.zip", {f"{NAME}\\MTD_MSIL1C.xml": MTD, f"{NAME}\\GRANULE\\x.jp2": b"p"})
    )
    assert files.names() == ["GRANULE/x.jp2", "MTD_MSIL1C.xml"]
    assert files.read("MTD_MSIL1C.xml") == MTD
    files.close()


def test_deflated_images_are_unpacked_once_and_removed(product, tmp_path):
    files = open_files(pack(product, tmp_path / "a.zip"))
    path = Path(files.local_path("GRANULE/image.jp2"))
    assert path.read_bytes() == b"pixels"
    assert files.local_path("GRANULE/image.jp2") == str(path)
    files.close()
    assert not path.parent.exists()


def test_stored_images_are_read_where_they_are(product, tmp_path):
    files = open_files(pack(product, tmp_path / "a.zip", zipfile.ZIP_STORED))
    assert files.local_path("GRANULE/image.jp2").startswith("/vsizip/")
    files.close()


def test_odd_characters_in_the_path(tmp_path):
    from cloudmask import open_product

    folder = tmp_path / "a b,c;é.zip{1}" / "d.SAFE"
    folder.mkdir(parents=True)
    for zipped in (True, False):
        with open_product(make_safe(folder, size10=60, zipped=zipped)) as product:
            assert product.read(("B02",), 20, (0, 30), 20).values.shape == (1, 30, 30)


# What is refused


def refused(path, text):
    with pytest.raises(InputError, match=text) as error:
        open_files(path).close()
    assert "\n" not in str(error.value)


def test_not_there(tmp_path):
    refused(tmp_path / "no.SAFE", r"no\.SAFE: no such file or folder")


def test_empty_folder(tmp_path):
    refused(tmp_path, r"expected MTD_MSIL1C\.xml or MTD_MSIL2A\.xml in it, found neither")


def test_other_files(tmp_path):
    for name, content in (
        ("x.tif", b"II*\0"),
        ("x.zip", b"PK\x03\x04 broken"),
        ("MTD_TL.xml", b"<a/>"),
        ("x", b""),
    ):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, "expected a")


def test_several_products(tmp_path):
    for name in ("A.SAFE", "B.SAFE"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "MTD_MSIL1C.xml").write_bytes(MTD)
    refused(tmp_path, r"expected one product, found 2 \(A\.SAFE, B\.SAFE")
    two = {f"{n}.SAFE/MTD_MSIL1C.xml": MTD for n in "AB"}
    refused(archive(tmp_path / "two.zip", two), "expected one product in the archive, found 2")


def test_archive_without_a_product(tmp_path):
    refused(archive(tmp_path / "a.zip", {"readme.txt": b""}), "expected a .SAFE folder")
    refused(archive(tmp_path / "b.zip", {}), "expected a .SAFE folder")


@pytest.mark.parametrize(
    "name", ["../evil.xml", "/etc/evil", "a/../../evil", "C:/evil", "C:\\evil", "..\\evil", "a\\..\\..\\evil"]
)
def test_zip_slip(tmp_path, name):
    path = archive(tmp_path / "a.zip", {f"{NAME}/MTD_MSIL1C.xml": MTD, name: b"x"})
    refused(path, "holds the unsafe path")
    assert [p.name for p in tmp_path.parent.glob("evil*")] == []


def test_zip_bomb_in_the_metadata(tmp_path):
    path = archive(tmp_path / "a.zip", {f"{NAME}/MTD_MSIL1C.xml": b"<a>" + b" " * (65 << 20)})
    files = open_files(path)
    with pytest.raises(InputError, match="expected at most 64 MB, found 65 MB"):
        files.read(files.metadata)
    files.close()


def test_zip_bomb_in_an_image(tmp_path):
    members = {f"{NAME}/MTD_MSIL1C.xml": MTD, f"{NAME}/x.jp2": bytes(64 << 20)}
    files = open_files(archive(tmp_path / "a.zip", members))
    for look in (files.local_path, files.header_path):
        with pytest.raises(InputError, match="bytes unpack to 67108864; this is no image"):
            look("x.jp2")
    files.close()


def claim(path, size):
    """Have an archive's directory say that its last file unpacks to another size."""
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, at + 24, size)
    path.write_bytes(data)


def test_sizes_that_are_lies(tmp_path):
    members = {f"{NAME}/MTD_MSIL1C.xml": MTD, f"{NAME}/x.jp2": os.urandom(5000)}
    for size in (10, 4000, 1 << 31):
        path = archive(tmp_path / f"{size}.zip", members)
        claim(path, size)
        files = open_files(path)
        with pytest.raises(InputError, match=r"x\.jp2: "):
            files.local_path("x.jp2")
        with pytest.raises(InputError, match=r"x\.jp2: "):
            files.read("x.jp2")
        files.close()


def test_damaged_contents(tmp_path):
    path = archive(tmp_path / "a.zip", {f"{NAME}/MTD_MSIL1C.xml": os.urandom(9000).hex()})
    data = bytearray(path.read_bytes())
    for at in range(200, 8000, 1):
        data[at] ^= 0x5A
    path.write_bytes(data)
    files = open_files(path)
    with pytest.raises(InputError, match="cannot be unpacked"):
        files.read(files.metadata)
    with pytest.raises(InputError, match="cannot be unpacked"):
        files.local_path(files.metadata)
    files.close()


def test_unknown_compression(tmp_path):
    path = archive(tmp_path / "a.zip", {f"{NAME}/MTD_MSIL1C.xml": MTD * 10})
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, data.rindex(b"PK\x01\x02") + 10, 77)
    struct.pack_into("<H", data, 8, 77)
    path.write_bytes(data)
    files = open_files(path)
    with pytest.raises(InputError, match="cannot be unpacked"):
        files.read(files.metadata)
    files.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=20),
    st.integers(0, 400),
)
def test_any_damage_is_an_input_error(tmp_path, changes, cut):
    members = {f"{NAME}/MTD_MSIL1C.xml": MTD * 9, f"{NAME}/x.jp2": bytes(range(200))}
    path = archive(tmp_path / "fuzz.zip", members)
    data = bytearray(path.read_bytes())
    for at, value in changes:
        data[at % len(data)] = value
    path.write_bytes(data[: len(data) - cut])
    try:
        files = open_files(path)
    except InputError:
        return
    for name in files.names():
        for look in (files.read, files.local_path):
            try:
                look(name)
            except InputError:
                continue
    files.close()


def test_an_image_in_a_folder_is_its_own_path(tmp_path):
    root = make_safe(tmp_path, size10=60)
    files = open_files(root)
    name = find_image(root, "B02").relative_to(root).as_posix()
    assert files.local_path(name) == files.header_path(name) == str(root / name)
