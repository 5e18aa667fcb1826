"""Damaged ``.npz`` files, told from whole ones before anything is read from them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from .errors import InputError

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
"""What zipfile raises for contents that are damaged, encrypted or packed in a way it does not know."""


def check_npz(path: Path) -> None:
    """Read through an ``.npz`` file and hold its arrays against their checksums.

    numpy reads an array when it is asked for, and lets through what zipfile then says of a damaged one. A
    file that is not there or may not be read is left to whoever opens it next.

    Raises
    ------
    InputError
        If it is no archive, or one of its arrays is damaged.
    """
    name = ""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as array:
                    while array.read(1 << 20):
                        pass
    except _DAMAGE as error:
        what = f"found array '{name.removesuffix('.npy')}' damaged" if name else "found something else"
        raise InputError(
            f"{path}: cannot be read as .npz: expected a whole archive of numpy's savez, {what}: {error}; "
            "copy or make the file again"
        ) from error
    except OSError:
        return
