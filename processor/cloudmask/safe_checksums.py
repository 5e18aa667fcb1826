"""A product's files held against the checksums of its ``manifest.safe``."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import InputError
from .safe_files import SafeFiles
from .xml_input import parse_xml

MANIFEST = "manifest.safe"
_ALGORITHMS: Mapping[str, Callable[[], Any]] = {
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
    "SHA-256": hashlib.sha256,
    "SHA3-256": hashlib.sha3_256,
}
"""By ``checksumName`` of the manifest: MD5 in older products, SHA3-256 in newer ones."""


@dataclass(frozen=True)
class Checksum:
    """What a manifest says of a file: ``algorithm``, and ``digest`` as lower-case hexadecimals."""

    algorithm: str
    digest: str


class CheckedFiles(SafeFiles):
    """Files of a product, each of which is held against its checksum before it is first used.

    Parameters
    ----------
    files : SafeFiles
        Closed with this.

    Raises
    ------
    InputError
        If there is no manifest, or it lists no checksums.
    """

    def __init__(self, files: SafeFiles) -> None:
        self._files = files
        self.origin, self.metadata = files.origin, files.metadata
        self.stem, self.folder = files.stem, files.folder
        if MANIFEST not in files.names():
            raise InputError(
                f"{files.origin}: expected {MANIFEST} with the checksums to verify, found none; download the "
                "product whole, or leave --verify out"
            )
        self._sums = read_checksums(files.read(MANIFEST), f"{files.origin}: {MANIFEST}")
        # Bands are asked for by several threads: each file is read through once.
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._checked: set[str] = set()

    def names(self) -> list[str]:
        """See :class:`SafeFiles`."""
        return self._files.names()

    def read(self, name: str) -> bytes:
        """See :class:`SafeFiles`; raises InputError too if the content is not what the manifest says."""
        data = self._files.read(name)
        if name != MANIFEST:
            self._compare(name, [data])
        return data

    def header_path(self, name: str) -> str:
        """See :class:`SafeFiles`; nothing is verified for a look at the header."""
        return self._files.header_path(name)

    def local_path(self, name: str) -> str:
        """See :class:`SafeFiles`; raises InputError too if the content is not what the manifest says."""
        with self._guard:
            mine = self._locks.setdefault(name, threading.Lock())
        with mine:
            if name not in self._checked:
                self._compare(name, self._files.blocks(name))
                self._checked.add(name)
        return self._files.local_path(name)

    def blocks(self, name: str) -> Iterator[bytes]:
        """See :class:`SafeFiles`."""
        return self._files.blocks(name)

    def close(self) -> None:
        """See :class:`SafeFiles`."""
        self._files.close()

    def _compare(self, name: str, blocks: Iterable[bytes]) -> None:
        said = self._sums.get(name)
        if said is None:
            raise InputError(
                f"{self.origin}: {name}: expected a checksum in {MANIFEST}, which does not list this file; "
                "it was added or renamed later, leave --verify out to use it nevertheless"
            )
        digest = _ALGORITHMS[said.algorithm]()
        for block in blocks:
            digest.update(block)
        if digest.hexdigest() != said.digest:
            raise InputError(
                f"{self.origin}: {name}: expected {said.algorithm} {said.digest} as {MANIFEST} says, found "
                f"{digest.hexdigest()}; the file is damaged or was changed, download it again"
            )


def read_checksums(data: bytes, name: str) -> Mapping[str, Checksum]:
    """Checksums of a manifest, by the path of the file in the product.

    Parameters
    ----------
    data : bytes
        Content of ``manifest.safe``.
    name : str
        Its name, for errors.

    Raises
    ------
    InputError
        If it is no manifest, or a checksum is of an unknown kind.
    """
    out: dict[str, Checksum] = {}
    for stream in parse_xml(data, name).iter("{*}byteStream"):
        for location in stream.iter("{*}fileLocation"):
            href = location.get("href", "").replace("\\", "/").removeprefix("./")
            for element in stream.iter("{*}checksum"):
                algorithm = element.get("checksumName", "").upper()
                if algorithm not in _ALGORITHMS:
                    raise InputError(
                        f"{name}: {href}: expected a checksum by {', '.join(_ALGORITHMS)}, found "
                        f"'{algorithm:.40}'"
                    )
                out[href] = Checksum(algorithm, (element.text or "").strip().lower())
    if not out:
        raise InputError(f"{name}: expected byteStream elements with a checksum, found none")
    return out
