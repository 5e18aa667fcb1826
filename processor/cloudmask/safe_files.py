"""The files of a SAFE product, in a folder or in a zip of one, behind one interface."""

from __future__ import annotations

import tempfile
import threading
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from .errors import InputError, OutputError
from .safe_metadata import METADATA_FILES
from .xml_input import MAX_BYTES

_MAX_FILE = 2 * 1024**3  # The largest band image of a real product has about 150 MB.
_MAX_RATIO = 200  # Images are compressed already; a real product's files reach about 25 (masks).
_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, EOFError, ValueError)
"""What zipfile raises for damaged, encrypted or unknown contents."""
_BLOCK = 1 << 20
_LONGEST_NAME = 150  # of a name, so that a few characters before it fit any file system
_RATIO_FROM = 16 * 1024**2  # Small files may be as compressible as they like.


class SafeFiles(ABC):
    """Files of one product, by path relative to its ``.SAFE`` folder.

    Attributes
    ----------
    origin : str
        What the user gave, for errors.
    metadata : str
        Relative path of ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml``.
    stem : str
        Name of the folder or zip without its extension.
    folder : Path
        Folder that holds the product; outputs go there by default.
    """

    origin: str
    metadata: str
    stem: str
    folder: Path

    @abstractmethod
    def names(self) -> list[str]:
        """All files of the product."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Content of a metadata file."""

    @abstractmethod
    def header_path(self, name: str) -> str:
        """A path from which GDAL can read an image's header cheaply."""

    @abstractmethod
    def local_path(self, name: str) -> str:
        """A path from which GDAL can read an image's pixels in any order.

        Raises
        ------
        InputError
            If the image is in an archive and does not have the checksum that this has for it.
        OutputError
            If it cannot be unpacked into the folder for temporary files.
        """

    @abstractmethod
    def blocks(self, name: str) -> Iterator[bytes]:
        """Content of a file of any size, a piece at a time; raises InputError where it cannot be read."""

    @abstractmethod
    def close(self) -> None:
        """Remove temporary files; the product cannot be read any more."""


def open_files(path: Path) -> SafeFiles:
    """Files of a ``.SAFE`` folder, a zip of one, or the product a metadata file belongs to.

    Raises
    ------
    InputError
        If there is no product at the path, or it may not be looked at.
    """
    try:
        return _open(path)
    except OSError as error:  # a folder above it that may not be entered, among others
        raise InputError(
            f"{path}: expected a product, found what cannot be looked at: {error.strerror or error}; look at "
            "the permissions of the path and of the folders above it"
        ) from error


def _open(path: Path) -> SafeFiles:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir():
        return _FolderFiles(_find_root(path), path)
    if path.name in METADATA_FILES:
        return _FolderFiles(path.resolve().parent, path)
    if zipfile.is_zipfile(path):
        return _ZipFiles(path)
    if path.suffix.lower() == ".zip":
        raise InputError(f"{path}: expected a zip archive, found a damaged or incomplete one")
    raise InputError(
        f"{path}: expected a .SAFE folder, a zip of one, or its MTD_MSIL1C.xml or MTD_MSIL2A.xml"
    )


def _find_root(path: Path) -> Path:
    if any((path / name).is_file() for name in METADATA_FILES):
        return path.resolve()
    inside = sorted(
        child
        for child in path.iterdir()
        if child.is_dir() and any((child / n).is_file() for n in METADATA_FILES)
    )
    if len(inside) == 1:
        return inside[0].resolve()
    if inside:
        listed = ", ".join(child.name for child in inside[:3])
        raise InputError(
            f"{path}: expected one product, found {len(inside)} ({listed} ...); name one of them"
        )
    raise InputError(
        f"{path}: expected MTD_MSIL1C.xml or MTD_MSIL2A.xml in it, found neither; "
        "is it the .SAFE folder of a Sentinel-2 product?"
    )


class _FolderFiles(SafeFiles):
    def __init__(self, root: Path, given: Path) -> None:
        self._root = root
        self.origin = str(given)
        present = [name for name in METADATA_FILES if (root / name).is_file()]
        self.metadata = given.name if given.name in METADATA_FILES else present[0]
        self.stem = root.name[:-5] if root.name.upper().endswith(".SAFE") else root.name
        self.folder = root.parent

    def names(self) -> list[str]:
        try:
            return sorted(p.relative_to(self._root).as_posix() for p in self._root.rglob("*") if p.is_file())
        except OSError as error:
            raise InputError(f"{self.origin}: cannot be listed: {error.strerror or error}") from error

    def read(self, name: str) -> bytes:
        path = self._root / name
        try:
            size = path.stat().st_size
            if size > MAX_BYTES:
                raise InputError(f"{path}: expected at most {MAX_BYTES >> 20} MB, found {size >> 20} MB")
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error

    def header_path(self, name: str) -> str:
        return str(self._root / name)

    def local_path(self, name: str) -> str:
        return str(self._root / name)

    def blocks(self, name: str) -> Iterator[bytes]:
        path = self._root / name
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    yield block
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error

    def close(self) -> None:
        """Do nothing: a folder leaves nothing behind."""


def _temporary_folder() -> str:
    try:
        return tempfile.gettempdir()
    except OSError:
        return "temporary files"


def _member_path(info: zipfile.ZipInfo) -> PurePosixPath:
    """Path of an archive's member; some archivers on Windows write backslashes."""
    return PurePosixPath(info.filename.replace("\\", "/"))


class _ZipFiles(SafeFiles):
    def __init__(self, path: Path) -> None:
        self.origin = str(path)
        self.folder = path.resolve().parent
        self._path = path.resolve()
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        # Bands are asked for by several threads: one folder for all, each file read once.
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._ready: dict[str, str] = {}
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(f"{path}: expected a zip archive, found a damaged one: {error}") from error
        self._members: dict[str, zipfile.ZipInfo] = {}
        root = self._find_root()
        for info in self._zip.infolist():
            name = _member_path(info)
            if not info.is_dir() and name.parts[: len(root.parts)] == root.parts:
                self._members[name.relative_to(root).as_posix()] = info
        self.metadata = next(n for n in METADATA_FILES if n in self._members)
        product = root.name or path.stem
        self.stem = product[:-5] if product.upper().endswith(".SAFE") else product

    def _find_root(self) -> PurePosixPath:
        roots = []
        for info in self._zip.infolist():
            name = _member_path(info)
            if name.is_absolute() or ".." in name.parts or (name.parts and ":" in name.parts[0]):
                raise InputError(
                    f"{self.origin}: holds the unsafe path '{info.filename[:80]}'; "
                    "this is not an archive from ESA, it is not read"
                )
            if name.name in METADATA_FILES and len(name.parts) <= 3:
                roots.append(name.parent)
        unique = sorted(set(roots))
        if not unique:
            raise InputError(
                f"{self.origin}: expected a .SAFE folder with MTD_MSIL1C.xml or MTD_MSIL2A.xml in the "
                "archive, found neither"
            )
        if len(unique) > 1:
            raise InputError(f"{self.origin}: expected one product in the archive, found {len(unique)}")
        return unique[0]

    def names(self) -> list[str]:
        return sorted(self._members)

    def _check_size(self, info: zipfile.ZipInfo, limit: int) -> None:
        if info.file_size > limit:
            raise InputError(
                f"{self.origin}: {info.filename}: expected at most {limit >> 20} MB, "
                f"found {info.file_size >> 20} MB; the archive is not read"
            )
        if info.file_size > _RATIO_FROM and info.file_size > _MAX_RATIO * max(info.compress_size, 1):
            raise InputError(
                f"{self.origin}: {info.filename}: {info.compress_size} bytes unpack to {info.file_size}; "
                "this is no image, the archive is not read"
            )

    def read(self, name: str) -> bytes:
        info = self._members[name]
        self._check_size(info, MAX_BYTES)
        try:
            with self._zip.open(info) as file:
                data = file.read(MAX_BYTES + 1)
        except _DAMAGE as error:
            raise InputError(f"{self.origin}: {info.filename}: cannot be unpacked: {error}") from error
        if len(data) > MAX_BYTES:
            raise InputError(f"{self.origin}: {info.filename}: unpacks to more than the archive says")
        return data

    def header_path(self, name: str) -> str:
        self._check_size(self._members[name], _MAX_FILE)
        return self._inner_path(self._members[name])

    def _inner_path(self, info: zipfile.ZipInfo) -> str:
        # Braces keep GDAL from taking a name with '.zip' in its folders apart at the wrong place.
        return f"/vsizip/{{{self._path}}}/{info.filename}"

    def local_path(self, name: str) -> str:
        info = self._members[name]
        self._check_size(info, _MAX_FILE)
        stored = info.compress_type == zipfile.ZIP_STORED
        with self._guard:
            mine = self._locks.setdefault(name, threading.Lock())
        with mine:
            if name not in self._ready:
                # GDAL reads stored images where they are, and by block: it looks at no checksum of the whole.
                # Deflated ones can only be read from front to back.
                self._ready[name] = self._checked(name) if stored else self._unpacked(name)
        return self._ready[name]

    def _checked(self, name: str) -> str:
        for _ in self.blocks(name):
            pass
        return self._inner_path(self._members[name])

    def _unpacked(self, name: str) -> str:
        info = self._members[name]
        try:
            with self._guard:
                if self._temporary is None:
                    self._temporary = tempfile.TemporaryDirectory(prefix="cloudmask-")
            # Of two files of one name in an archive, neither takes the other's place.
            handle, target = tempfile.mkstemp(
                suffix=f"-{_member_path(info).name[-_LONGEST_NAME:]}", dir=self._temporary.name
            )
            try:
                with open(handle, "wb") as out:
                    for block in self.blocks(name):
                        out.write(block)
            except BaseException:
                Path(target).unlink(missing_ok=True)
                raise
        except OSError as error:  # of writing: what is wrong with the archive is an InputError
            raise OutputError(
                f"{_temporary_folder()}: expected room for {max(1, info.file_size >> 20)} MB to unpack "
                f"{info.filename} of {self.origin}, found: {error.strerror or error}; free some, name a "
                "folder on a larger disk in the environment variable TMPDIR, or give the unpacked product"
            ) from error
        return target

    def blocks(self, name: str) -> Iterator[bytes]:
        # At the end zipfile holds the content against the checksum (CRC-32) in the archive.
        info = self._members[name]
        left = info.file_size
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(info) as file:
                while block := file.read(_BLOCK):
                    left -= len(block)
                    if left < 0:
                        raise InputError(
                            f"{self.origin}: {info.filename}: unpacks to more than the archive says"
                        )
                    yield block
        except InputError:
            raise
        except _DAMAGE as error:
            raise InputError(
                f"{self.origin}: {info.filename}: cannot be unpacked, the archive is damaged; download it "
                f"again ({error})"
            ) from error

    def close(self) -> None:
        self._zip.close()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None
