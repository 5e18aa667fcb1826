"""Masks that other programs wrote: rasters in a folder, found by scene and translated by a class map."""

from __future__ import annotations

import re
from collections.abc import Iterable
from glob import escape
from pathlib import Path

from ...errors import InputError
from ..labels import LabelKind
from ..products import acquisitions
from ..raster import read_raster
from ..scene import Prediction, Scene
from .base import Pixels, Unavailable
from .maps import MaskMap

_FILL = "tile", "date"
_LABELS = "_truth.tif", "_label.tif"
"""Ends of the names of reference labels, which may lie beside masks and are none."""
_METRES = re.compile(r"(?<![A-Za-z0-9])R?(\d+)m(?![A-Za-z0-9])")
"""A spacing in the name of a file or a folder, as in ``R20m/T31TCJ_20170205T105221_SCL_20m.jp2``."""


class FileMask:
    """Rasters of one program.

    Parameters
    ----------
    name : str
        As given by the user.
    class_map : MaskMap
        Codes and file name patterns.
    folder : Path or None
        Where the files are, at any depth; None takes those that came with the reference set.
    companion : str
        Key among the files that come with a reference set.
    """

    def __init__(self, name: str, class_map: MaskMap, folder: Path | None, companion: str) -> None:
        self.name = name
        self.title = class_map.title
        self.claims = class_map.claims
        self._map = class_map
        self._folder = folder
        self._companion = companion
        self._taken: dict[Path, str] = {}
        check_folder(name, folder)

    @property
    def setting(self) -> str:
        """Where the masks are from and how codes were read."""
        origin = f"files in {self._folder.name}" if self._folder else "files that came with the reference"
        return f"{origin}; class map '{self._map.name}' ({self._map.source})"

    def predict(self, pixels: Pixels) -> Prediction:
        """Read the scene's file.

        Raises
        ------
        Unavailable
            If there is none.
        InputError
            If there are several, one fits two scenes, or it cannot be read.
        """
        path = self._find(pixels.scene)
        data, grid = read_raster(path, bands=[1])
        return Prediction(self._map.decode(data[0], str(path)), grid)

    def _find(self, scene: Scene) -> Path:
        if self._folder is None:
            if self._companion in scene.files:
                return scene.files[self._companion]
            raise Unavailable(
                f"the set brings no '{self._companion}' mask; give a folder: {self._companion}=DIR"
            )
        root = folder_of(self._folder, scene)
        tried = []
        for pattern in (*self._map.files, "{scene}.tif"):
            filled = _fill(pattern, scene)
            if filled is None:
                continue
            found = _fitting(root.glob(filled), root, pattern, scene)
            if not found and not scene.folder:
                found = _fitting(root.rglob(filled), root, pattern, scene)
            if len(found) > 1:
                listed = ", ".join(p.relative_to(self._folder).as_posix() for p in found[:3])
                raise InputError(
                    f"mask '{self.name}': {len(found)} files in {self._folder} fit {scene.name}: {listed}; "
                    "keep one"
                )
            if found:
                return self._once(found[0], scene)
            tried.append(filled)
        others = ", ".join(sorted(_namesakes(scene)))
        raise Unavailable(
            f"no file like {' or '.join(dict.fromkeys(tried))} in {_within(self._folder, root)}"
            + (f", folders of other products of its name ({others}) left out" if others else "")
        )

    def _once(self, path: Path, scene: Scene) -> Path:
        """A file that no other scene has got: the mask of one would be scored on another's ground."""
        other = self._taken.setdefault(path, scene.name)
        if other != scene.name:
            raise InputError(
                f"mask '{self.name}': {path}: expected the mask of one scene, found that it fits {other} and "
                f"{scene.name}; give each its own file, with the scene's whole name in the file's"
            )
        return path


def check_folder(name: str, folder: Path | None) -> None:
    """Refuse a folder of masks that is not there.

    Raises
    ------
    InputError
        Naming mask and folder.
    """
    if folder is not None and not folder.is_dir():
        found = "expected a folder, found a file" if folder.exists() else "no such folder"
        raise InputError(f"mask '{name}': {folder}: {found}; give the folder of its files after '='")


def folder_of(folder: Path, scene: Scene) -> Path:
    """Where a scene's files are: below the scene's own folder, if products of one name lie in several.

    Raises
    ------
    Unavailable
        If that folder is not there, or the one given is named as that of another product of the name.
    """
    if not scene.folder:
        own = folder.absolute().name
        if own in _namesakes(scene):
            raise Unavailable(
                f"{own} is the name of a folder beside the scene's that holds another product of its name; "
                "give the folder of the scene's own masks"
            )
        return folder
    root = folder / scene.folder
    if not root.is_dir():
        raise Unavailable(
            f"the set has several products of this name, so what belongs to it is looked for in "
            f"{_within(folder, root)}, which is not there"
        )
    return root


def _within(folder: Path, root: Path) -> str:
    """How a folder at or below the one given by the user is called in a reason."""
    return (Path(folder.name) / root.relative_to(folder)).as_posix()


def _namesakes(scene: Scene) -> set[str]:
    """Names of folders beside that of a simulated product that hold one of its name, made from another seed.

    Empty where they are scenes of the set too: each then has a folder of masks to itself.
    """
    if scene.folder or scene.kind is not LabelKind.SIMULATED or scene.safe is None:
        return set()
    own = scene.safe.absolute().parent
    truths = own.parent.glob(f"*/{escape(_product(scene))}_truth.tif")
    return {truth.parent.name for truth in truths} - {own.name}


def _product(scene: Scene) -> str:
    """Name of a scene's product without ending."""
    name = re.sub(r"\.SAFE$", "", scene.safe.name if scene.safe is not None else scene.product)
    return name.removesuffix(".zip").removesuffix(".SAFE")


def _fitting(found: Iterable[Path], root: Path, pattern: str, scene: Scene) -> list[Path]:
    """Of the files that a pattern found those of the scene; the clearest where some are clearer than others.

    A pattern with a star also finds ``s10.tif`` for ``s1``, other patches of a product, and the product
    whose time of processing is this one's day; at any depth there may be masks of another seed.
    """
    product, own = _product(scene), _last(scene.name)
    alone = [v for key, v in (("{product}", product), ("{scene}", own)) if key in pattern]
    if scene.safe is None and scene.name != scene.product:  # a part of a product has files of its own
        alone.append(own)
    fitting, namesakes = [], _namesakes(scene)
    for path in sorted(found):
        inside = path.relative_to(root).as_posix()
        labels = path.name.endswith(_LABELS) and not pattern.endswith(_LABELS)
        if labels or not namesakes.isdisjoint(path.relative_to(root).parent.parts):
            continue
        if all(_has(inside, v) for v in alone) and not _of_another(inside, product):
            fitting.append(path)
    time = re.search(r"(\d{8})T(\d{6})", product)
    for clear in (
        lambda p: scene.safe is None and p.stem == own,
        lambda p: _has(p.relative_to(root).as_posix(), product),
        lambda p: time is not None and re.search(f"{time[1]}[T-]{time[2]}", p.name),
    ):
        fitting = [p for p in fitting if clear(p)] or fitting
    return _finest(fitting, root) if "SCL" in pattern else fitting


def _finest(found: list[Path], root: Path) -> list[Path]:
    """Of each scene classification that a product holds at several spacings the finest."""
    spaced: dict[str, list[tuple[int, Path]]] = {}
    for path in found:
        inside = path.relative_to(root).as_posix()
        metres = _METRES.findall(inside)
        spaced.setdefault(_METRES.sub("", inside), []).append((int(metres[-1]) if metres else 0, path))
    return [min(alike)[1] for alike in spaced.values()]


def _has(text: str, name: str) -> bool:
    """Whether a name stands in a text by itself, not as the beginning or end of a longer one."""
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", text) is not None


def _of_another(text: str, product: str) -> bool:
    """Whether a text names products, and none of the tile and sensing time of this one."""
    ours = acquisitions(product)
    theirs = acquisitions(text)
    return bool(ours and theirs) and not set(ours) & set(theirs)


def _last(name: str) -> str:
    """A scene's name without the folders it may lie in."""
    return name.rpartition("/")[2]


def _fill(pattern: str, scene: Scene) -> str | None:
    """A glob pattern for a scene; None where the scene's name lacks what the pattern needs."""
    product = _product(scene)
    tile, date = (
        re.search(r"(?:^|_)T?(\d{2}[A-Z]{3})(?:_|$)", product),
        re.search(r"(\d{8})T?\d{0,6}", product),
    )
    values = {
        "product": product,
        "scene": _last(scene.name),
        "tile": tile.group(1) if tile else "",
        "date": date.group(1) if date else "",
    }
    if any("{" + key + "}" in pattern and not values[key] for key in _FILL):
        return None
    for key, value in values.items():
        pattern = pattern.replace("{" + key + "}", re.sub(r"([\[\]*?])", r"[\1]", value))
    return pattern
