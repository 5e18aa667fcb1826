"""Folders and archives, honest and not."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import struct
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers_safe import find_image, make_safe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudmask.errors import InputError, OutputError
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


@pytest.mark.parametrize("method", ["exists", "is_dir", "iterdir"])
def test_folders_that_may_not_be_looked_at(tmp_path, monkeypatch, method):
    def refuse(self):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, method, refuse)  # root may look at everything
        refused(tmp_path, "expected a product, found what cannot be looked at: Permission denied; look")


def test_a_folder_that_may_not_be_listed(product, monkeypatch):
    files = open_files(product)

    def refuse(self, pattern):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "rglob", refuse)
    with pytest.raises(InputError, match=r"\.SAFE: cannot be listed: Permission denied"):
        files.names()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("zipped", [True, False])
def test_a_path_that_is_not_utf_8(tmp_path, zipped):
    from cloudmask import open_product

    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    path = make_safe(tmp_path, size10=60, zipped=zipped).rename(folder / ("a.zip" if zipped else "a.SAFE"))
    with pytest.raises(InputError, match="expected a path in UTF-8") as error, open_product(path) as product:
        product.read(("B02",), 20, (0, 30), 20)
    assert r"caf\udce9" in str(error.value)
    str(error.value).encode()


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


def stored_image(product, tmp_path, damaged):
    """A zip with an image as it is, in which one byte may have been changed."""
    pixels = os.urandom(3 << 20)
    (product / "GRANULE/image.jp2").write_bytes(pixels)
    path = pack(product, tmp_path / "a.zip", zipfile.ZIP_STORED)
    if damaged:
        data = bytearray(path.read_bytes())
        data[data.index(pixels[1 << 20 : (1 << 20) + 64])] ^= 1
        path.write_bytes(data)
    return path


def test_a_stored_image_is_held_against_its_checksum(product, tmp_path):
    """GDAL looks at none, and a decoder may make pixels of anything."""
    files = open_files(stored_image(product, tmp_path, damaged=True))
    for _ in range(2):
        with pytest.raises(
            InputError, match=r"a\.zip: .*image\.jp2: .*the archive is damaged; download it again"
        ):
            files.local_path("GRANULE/image.jp2")
    files.close()


def test_a_checksum_is_taken_once(product, tmp_path, monkeypatch):
    files = open_files(stored_image(product, tmp_path, damaged=False))
    path = files.local_path("GRANULE/image.jp2")
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    assert files.local_path("GRANULE/image.jp2") == path
    files.close()


def test_a_damaged_band_in_a_stored_zip_gives_no_mask(tmp_path):
    from cloudmask import open_product

    root = make_safe(tmp_path, size10=120)
    path = pack(root, tmp_path / "stored.zip", zipfile.ZIP_STORED)
    image = find_image(root, "B02").read_bytes()
    data = bytearray(path.read_bytes())
    data[data.index(image) + len(image) * 2 // 3] ^= 1
    path.write_bytes(data)
    with open_product(path) as product, pytest.raises(InputError, match=r"_B02\.jp2: .*archive is damaged"):
        product.read(("B02",), 20, (0, 60), 20)


@pytest.mark.parametrize("at", ["folder", "file", "write"])
def test_no_room_to_unpack(product, tmp_path, monkeypatch, at):
    files = open_files(pack(product, tmp_path / "a.zip"))
    full = OSError(errno.ENOSPC, "No space left on device")

    def refuse(*_args, **_options):
        raise full

    class Full(io.BytesIO):
        write = refuse

    monkeypatch.setattr(
        *{
            "folder": ("cloudmask.safe_files.tempfile.TemporaryDirectory", refuse),
            "file": ("cloudmask.safe_files.tempfile.mkstemp", refuse),
            "write": ("builtins.open", lambda handle, _: os.close(handle) or Full()),
        }[at]
    )
    folder = tempfile.gettempdir()
    with pytest.raises(OutputError, match=r"image\.jp2 of .*a\.zip, found: No space left on device") as error:
        files.local_path("GRANULE/image.jp2")
    monkeypatch.undo()
    assert str(error.value).startswith(f"{folder}: ")
    assert "TMPDIR" in str(error.value)
    assert Path(files.local_path("GRANULE/image.jp2")).read_bytes() == b"pixels"  # when there is room again
    files.close()


def test_files_of_one_name_are_kept_apart(product, tmp_path):
    (product / "GRANULE/again").mkdir()
    (product / "GRANULE/again/image.jp2").write_bytes(b"other")
    files = open_files(pack(product, tmp_path / "a.zip"))
    paths = [Path(files.local_path(f"GRANULE/{name}")) for name in ("image.jp2", "again/image.jp2")]
    assert [p.read_bytes() for p in paths] == [b"pixels", b"other"]
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
