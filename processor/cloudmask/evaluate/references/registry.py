"""Reference sets by name."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from ...errors import CloudMaskError, InputError, UsageError
from ...jp2 import check_path
from ..labels import LabelKind
from ..scene import Scene


@dataclass(frozen=True)
class Selection:
    """What to read of a reference set.

    Attributes
    ----------
    split : str
        ``"test"``, ``"val"``, ``"train"`` or ``"all"``, where the set has splits.
    level : {"L1C", "L2A"} or None
        Level of the images, where the set has both.
    products : Path or None
        Folder of SAFE products, for sets that hold labels only.
    labels : LabelKind or None
        What the labels are worth, for sets that do not say it themselves.
    classes : str or None
        Class map of the labels, for folders of rasters.
    limit : int or None
        At most so many scenes, spread evenly over the set.
    title : str or None
        What the report calls the set, in place of its own name.
    offset : float or None
        Added to digital numbers, for sets that keep no record of the radiometric offset.
    label_band : int or None
        Band of the label, from 1, in rasters that hold image and several labels.
    """

    split: str = "test"
    level: str | None = None
    products: Path | None = None
    labels: LabelKind | None = None
    classes: str | None = None
    limit: int | None = None
    offset: float | None = None
    title: str | None = None
    label_band: int | None = None


class Reader(Protocol):
    """A module that reads one set."""

    def read(self, path: Path, selection: Selection) -> Iterator[Scene]:
        """Give the scenes one by one."""
        ...


@dataclass(frozen=True)
class ReferenceSet:
    """One known set.

    Attributes
    ----------
    name, title, licence, source : str
        For people.
    module : str
        Sub-module with ``read(path, selection)``.
    protocol : str
        The protocol it is usually scored by.
    splits : bool
        Whether it has a test split.
    """

    name: str
    title: str
    licence: str
    source: str
    module: str
    protocol: str
    splits: bool = False


REFERENCES: Mapping[str, ReferenceSet] = MappingProxyType(
    {
        r.name: r
        for r in (
            ReferenceSet(
                "pixbox",
                "PixBox-S2-CMIX",
                "CC-BY-4.0",
                "https://doi.org/10.5281/zenodo.5036991",
                "pixbox",
                "cmix",
            ),
            ReferenceSet(
                "kappaset",
                "KappaSet",
                "as its Zenodo record says",
                "https://doi.org/10.5281/zenodo.7100327",
                "kappaset",
                "kappamask",
                splits=True,
            ),
            ReferenceSet(
                "cloudsen12",
                "CloudSEN12 and CloudSEN12+, high-quality labels",
                "CC0-1.0 (CloudSEN12+), CC-BY-NC-4.0 (the 2022 copy on Hugging Face)",
                "https://cloudsen12.github.io",
                "cloudsen12",
                "cloudsen12",
                splits=True,
            ),
            ReferenceSet(
                "baetens",
                "CESBIO reference of Baetens & Hagolle (ALCD)",
                "as its Zenodo record says",
                "https://doi.org/10.5281/zenodo.1460961",
                "baetens",
                "default",
            ),
            ReferenceSet(
                "simulated",
                "simulated products",
                "Apache-2.0",
                "",
                "simulated",
                "default",
            ),
            ReferenceSet(
                "pairs",
                "Folder of image and label pairs (.npz or GeoTIFF)",
                "the user's own",
                "",
                "pairs",
                "default",
            ),
        )
    }
)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Name the file, where the system lets none be looked at in or below a folder.

    Raises
    ------
    InputError
        In place of an :class:`OSError`; the package's own errors pass.
    """
    try:
        yield
    except CloudMaskError:
        raise
    except OSError as error:
        raise InputError(
            f"{error.filename or path}: cannot be read: {error.strerror or error}; look at its permissions "
            "and those of the folders above it"
        ) from error


def open_reference(path: Path, kind: str, selection: Selection) -> list[Scene]:
    """Scenes of a reference set.

    Images are read when a mask asks for them; labels are read here.

    Raises
    ------
    UsageError
        For an unknown kind.
    InputError
        If the set or the folder of products is not there, unreadable, or without a single labelled pixel.
    """
    if kind not in REFERENCES:
        raise UsageError(f"unknown reference kind '{kind}'; expected one of {', '.join(REFERENCES)}")
    check_path(str(path))
    with readable(path):
        if not path.exists():
            reference = REFERENCES[kind]
            where = f"; get it from {reference.source}" if reference.source else ""
            raise InputError(f"{path}: no such file or folder{where}")
        if selection.products is not None and not selection.products.is_dir():
            raise InputError(
                f"{selection.products}: no such folder; --products takes a folder of SAFE products"
            )
        reader: Reader = importlib.import_module(f".{REFERENCES[kind].module}", __package__)
        scenes = list(reader.read(path, selection))
    if not scenes:
        split = f" (split '{selection.split}')" if REFERENCES[kind].splits else ""
        raise InputError(f"{path}: no labelled scenes of kind '{kind}'{split} found")
    empty = [s.name for s in scenes if s.labelled == 0]
    if len(empty) == len(scenes):
        raise InputError(
            f"{path}: the reference is empty: none of its {len(scenes)} scenes has a labelled pixel "
            f"({', '.join(empty[:3])}{', ...' if len(empty) > 3 else ''})"
        )
    names = [s.name for s in scenes]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(f"{path}: scene names must be unique, found {', '.join(twice[:3])} more than once")
    return [s for s in scenes if s.labelled]


def spread(items: list[Path], limit: int | None) -> list[Path]:
    """At most `limit` items, evenly spaced, so that a short run still sees the whole set."""
    if limit is None or limit >= len(items):
        return items
    if limit < 1:
        raise UsageError(f"--limit: expected at least 1, found {limit}")
    return [items[i * len(items) // limit] for i in range(limit)]
