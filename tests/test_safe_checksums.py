"""Products whose files are held against the checksums of their manifest."""

from __future__ import annotations

import hashlib
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers_safe import find_image, make_safe

import cloudmask
from cloudmask.cli import main
from cloudmask.errors import InputError
from cloudmask.safe_checksums import CheckedFiles, read_checksums
from cloudmask.safe_files import open_files

MANIFEST = "manifest.safe"


def flip(path):
    """Change one bit in the middle of a file, its size stays."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def zipped(root, compression):
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", compression) as file:
        for member in sorted(root.rglob("*")):
            file.write(member, f"{root.name}/{member.relative_to(root).as_posix()}")
    return path


@pytest.mark.parametrize("baseline", ["02.06", "05.11"])  # MD5, SHA3-256
@pytest.mark.parametrize("how", ["folder", zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_band_is_verified(tmp_path, baseline, how):
    root = make_safe(tmp_path, size10=60, baseline=baseline)
    path = root if how == "folder" else zipped(root, how)
    with (
        cloudmask.open_product(path, verify=True, threads=2) as checked,
        cloudmask.open_product(path) as plain,
    ):
        for band in plain.bands:
            layout = plain.layout(band, 60)
            window = (0, layout.rows), (0, layout.cols)
            ours, theirs = (p.load(band, layout, *window).values for p in (checked, plain))
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("how", ["folder", zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_one_bit_is_noticed(tmp_path, how, capsys):
    """Whoever packs a damaged folder gives the damage a checksum of its own, in the archive."""
    root = make_safe(tmp_path, size10=60)
    image = find_image(root, "B04")
    said = hashlib.sha3_256(image.read_bytes()).hexdigest()
    flip(image)
    path = root if how == "folder" else zipped(root, how)
    assert main(["run", str(path), "-o", str(tmp_path / "m.tif"), "--verify", "-q"]) == 3
    error = capsys.readouterr().err
    found = hashlib.sha3_256(image.read_bytes()).hexdigest()
    for text in (image.name, f"expected SHA3-256 {said}", f"found {found}", "download it again"):
        assert text in error
    assert not list(tmp_path.glob("m*"))


def test_metadata_is_verified_before_it_is_believed(tmp_path):
    root = make_safe(tmp_path, size10=60)
    text = (root / "MTD_MSIL1C.xml").read_text("utf-8")
    (root / "MTD_MSIL1C.xml").write_text(text.replace(">-1000<", ">-1001<"), "utf-8")
    with cloudmask.open_product(root) as product:  # nobody asked
        assert product.radiometry("B02").offset == -1001
    with pytest.raises(InputError, match=r"MTD_MSIL1C\.xml: expected SHA3-256"):
        cloudmask.open_product(root, verify=True)


def test_files_that_the_manifest_does_not_list(tmp_path):
    root = make_safe(tmp_path, size10=60)
    image = find_image(root, "B04")
    manifest = (root / MANIFEST).read_text("utf-8")
    (root / MANIFEST).write_text(manifest.replace(image.name, "other.jp2"), "utf-8")
    with pytest.raises(InputError, match=rf"{image.name}: expected a checksum in manifest\.safe"):
        cloudmask.mask(root, verify=True)


def test_no_manifest(tmp_path):
    root = make_safe(tmp_path, size10=60)
    os.unlink(root / MANIFEST)
    with pytest.raises(InputError, match=r"expected manifest\.safe .* found none"):
        cloudmask.mask(root, verify=True)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<a", "well-formed XML"),
        ("<a/>", "byteStream elements with a checksum, found none"),
        (
            '<a><byteStream><fileLocation href="./x"/><checksum checksumName="CRC"/></byteStream></a>',
            "x: expected a checksum by MD5, SHA-256, SHA3-256, found 'CRC'",
        ),
    ],
)
def test_manifests_that_say_nothing_of_use(content, text):
    with pytest.raises(InputError, match=f"m.safe: .*{text}"):
        read_checksums(content.encode(), "m.safe")


def test_threads_read_each_file_through_once(tmp_path, monkeypatch):
    files = open_files(make_safe(tmp_path, size10=60))
    name = next(n for n in files.names() if n.endswith("_B02.jp2"))
    read, blocks = [], files.blocks
    monkeypatch.setattr(files, "blocks", lambda n: read.append(n) or blocks(n))
    checked = CheckedFiles(files)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: checked.local_path(name), range(16)))) == 1
    assert read == [name]
    checked.close()
