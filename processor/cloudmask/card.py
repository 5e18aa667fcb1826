"""Model cards: all that the pipeline needs to know to run a network it has never seen.

A card is a JSON object beside the ONNX file (same stem, ``.json``) or in the ONNX metadata under
the key ``cloudmask_card``. The pipeline knows no model by name; whatever has a valid card runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from .bands import LEVEL_BANDS, Level, parse_bands, parse_level
from .classes import SURFACE_CLASSES, CloudClass, parse_class
from .errors import InputError, ModelError
from .grid import ROWS, FloatArray
from .json_reader import LARGEST, JsonReader

METADATA_KEY = "cloudmask_card"
Transform = Literal["none", "sqrt"]
Activation = Literal["none", "softmax"]

_MAX_TILE = 4096


@dataclass(frozen=True)
class InputSpec:
    """How reflectance becomes the network's input: ``(transform(scale * reflectance) - mean) / std``.

    Attributes
    ----------
    scale : float
        1 for networks on reflectance, 10000 for networks on digital numbers without offset.
    transform : {"none", "sqrt"}
        Applied after scaling; ``sqrt`` clips negative values at 0 first.
    mean, std : tuple of float
        One a band.
    """

    scale: float
    transform: Transform
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def normalise(
        self, reflectance: FloatArray, out: FloatArray | None = None, *, complete: bool = False
    ) -> FloatArray:
        """Network input for reflectance; NaN becomes 0, the mean's value.

        Parameters
        ----------
        reflectance : float32 (bands, rows, cols)
            NaN where missing.
        out : float32 (bands, rows, cols), optional
            Where to put the result; may be `reflectance` itself.
        complete : bool
            Whether no value is known to be missing; saves the look at each.

        Returns
        -------
        float32 (bands, rows, cols)
        """
        out = np.empty_like(reflectance) if out is None else out
        for source, target, mean, std in zip(reflectance, out, self.mean, self.std, strict=True):
            for start in range(0, len(source), ROWS):
                part, values = target[start : start + ROWS], source[start : start + ROWS]
                if self.scale != 1:
                    values = np.multiply(values, np.float32(self.scale), out=part)
                if self.transform == "sqrt":
                    values = np.sqrt(np.maximum(values, 0, out=part), out=part)
                np.subtract(values, np.float32(mean), out=part)
                part *= np.float32(1 / std)
                if complete:
                    continue
                finite = np.isfinite(part)
                if not finite.all():
                    np.copyto(part, 0, where=~finite)  # several times as fast as nan_to_num
        return out


@dataclass(frozen=True)
class TileSpec:
    """What tiles the network accepts.

    Attributes
    ----------
    size : int
        Largest side, pixels; by default.
    margin : int
        Pixels at an edge that are not to be trusted alone.
    blind : int
        Of these, pixels that are not to be trusted at all, next to the edge.
    multiple : int
        Sides must be a multiple of this; if it is `size`, the network takes that size only.
    fixed : bool
        Whether the user cannot choose another `size`, because the answer depends on it.
    """

    size: int
    margin: int
    multiple: int
    fixed: bool
    blind: int = 0


@dataclass(frozen=True)
class ModelCard:
    """A validated card; see :func:`parse_card` for the JSON.

    Attributes
    ----------
    name : str
        Short name for ``--model``.
    level : {"L1C", "L2A"}
        Processing level it was trained on.
    bands : tuple of str
        Input bands in the order of its channels.
    gsd : float
        Ground sampling distance it works at, metres.
    classes : tuple of CloudClass
        Output planes in order.
    rank : int
        Among models that fit a product the highest rank is taken by default.
    sha256 : str
        Of the ONNX file; empty if the card leaves it out.
    optional : tuple of str
        Bands that it can do without; the graph then has a second input that says which are absent.
    location : mapping
        Where the file is when it is not beside the card: ``module`` and ``path`` inside an
        installed package, and ``distribution``, the name to install it by.
    """

    name: str
    title: str
    version: str
    level: Level
    bands: tuple[str, ...]
    gsd: float
    input: InputSpec
    activation: Activation
    classes: tuple[CloudClass, ...]
    tile: TileSpec
    opset: int
    licence: str
    training_data: str
    source: str
    citation: str
    sha256: str
    rank: int = 0
    optional: tuple[str, ...] = ()
    location: Mapping[str, str] = field(default_factory=dict)

    @property
    def required(self) -> tuple[str, ...]:
        """Bands without which it cannot run."""
        return tuple(b for b in self.bands if b not in self.optional)

    def restricted(self, bands: Sequence[str]) -> ModelCard:
        """The card of the same network where only some bands are at hand.

        Parameters
        ----------
        bands : sequence of str
            Bands at hand. Required ones stay on the card whether they are among them or not.
        """
        keep = [i for i, b in enumerate(self.bands) if b in bands or b not in self.optional]
        spec = self.input
        return replace(
            self,
            bands=tuple(self.bands[i] for i in keep),
            input=replace(spec, mean=tuple(spec.mean[i] for i in keep), std=tuple(spec.std[i] for i in keep)),
            optional=tuple(b for b in self.optional if b in bands),
        )

    def probabilities(self, output: FloatArray) -> FloatArray:
        """Class probabilities (n, classes, rows, cols) from a network's raw output, which is overwritten."""
        if self.activation == "none":
            return output
        for start in range(0, output.shape[2], ROWS):
            part = output[:, :, start : start + ROWS]
            part -= part.max(axis=1, keepdims=True)
            np.exp(part, out=part)
            part /= part.sum(axis=1, keepdims=True)
        return output

    def planes(self) -> list[tuple[int, int]]:
        """Pairs of (output plane, plane in the order of ``SURFACE_CLASSES``)."""
        return [(i, SURFACE_CLASSES.index(c)) for i, c in enumerate(self.classes)]


def parse_card(data: object, origin: str) -> ModelCard:
    """Build a card from decoded JSON.

    Parameters
    ----------
    data : object
        ``{"name", "title", "version", "level", "bands", "gsd", "input": {"scale", "transform",
        "mean", "std"}, "output": {"activation", "classes"}, "tile": {"size", "margin",
        "multiple", "fixed"}, "opset", "licence", "training_data", "source", "citation",
        "sha256", "rank", "optional", "file"}``; the last seven may be left out.
    origin : str
        File name for error messages.

    Raises
    ------
    ModelError
        Naming the file, the key, what was expected and what was found.
    """
    card = JsonReader(data, origin, "card")
    name = card.text("name")
    level_name, band_names = card.text("level"), card.texts("bands")
    try:
        level, bands = parse_level(level_name), parse_bands(band_names)
    except InputError as error:
        raise ModelError(f"{origin}: {error}") from error
    absent = [b for b in bands if b not in LEVEL_BANDS[level]]
    if absent:
        raise ModelError(f"{origin}: bands {', '.join(absent)} do not exist at level {level}")
    count = len(bands)
    gsd = float(card.whole("gsd", 5, 500))

    section = card.section("input")
    transform = section.choice("transform", ("none", "sqrt"), default="none")
    spec = InputSpec(
        scale=section.number("scale", 1e-6, 1e6, default=1.0),
        transform=transform,  # type: ignore[arg-type]
        mean=section.numbers("mean", count, default=0.0),
        std=section.numbers("std", count, default=1.0),
    )
    if min(spec.std) < 1 / LARGEST:
        raise ModelError(f"{origin}: key 'input.std': expected positive numbers, found {min(spec.std):g}")

    section = card.section("output")
    activation = section.choice("activation", ("none", "softmax"))
    class_names = section.texts("classes")
    try:
        classes = tuple(parse_class(c) for c in class_names)
    except InputError as error:
        raise ModelError(f"{origin}: key 'output.classes': {error}") from error
    if len(set(classes)) != len(classes) or not set(classes) <= set(SURFACE_CLASSES):
        allowed = ", ".join(c.key for c in SURFACE_CLASSES)
        raise ModelError(f"{origin}: key 'output.classes': expected each of {allowed} at most once")
    if CloudClass.CLEAR not in classes:
        raise ModelError(f"{origin}: key 'output.classes': expected 'clear' among them")

    return ModelCard(
        name=name,
        title=card.text("title", default=name),
        version=card.text("version"),
        level=level,
        bands=bands,
        gsd=gsd,
        input=spec,
        activation=activation,  # type: ignore[arg-type]
        classes=classes,
        tile=_tile(card.section("tile"), origin),
        opset=card.whole("opset", 7, 99),
        licence=card.text("licence"),
        training_data=card.text("training_data"),
        source=card.text("source", default=""),
        citation=card.text("citation", default=""),
        sha256=card.text("sha256", default="").lower(),
        rank=card.whole("rank", -1000, 1000, default=0),
        optional=_optional(card, bands, origin),
        location=_location(card),
    )


def load_card_text(text: str, origin: str) -> ModelCard:
    """Parse a card's JSON text; see :func:`parse_card`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{origin}: expected a model card in JSON, found: {error}") from error
    return parse_card(data, origin)


def load_card(path: Path) -> ModelCard:
    """Read a card's JSON file; see :func:`parse_card`."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read as a model card: {error}") from error
    return load_card_text(text, str(path))


def _optional(card: JsonReader, bands: Sequence[str], origin: str) -> tuple[str, ...]:
    if not card.has("optional"):
        return ()
    names = card.texts("optional")
    strange = [n for n in names if n not in bands]
    if strange or len(names) >= len(bands):
        raise ModelError(
            f"{origin}: key 'optional': expected some, but not all, of the card's bands {', '.join(bands)}, "
            f"found {', '.join(names)}"
        )
    return tuple(b for b in bands if b in names)


def _tile(section: JsonReader, origin: str) -> TileSpec:
    size, fixed = section.whole("size", 16, _MAX_TILE), section.flag("fixed", default=False)
    tile = TileSpec(
        size=size,
        margin=section.whole("margin", 0, _MAX_TILE // 2),
        multiple=section.whole("multiple", 1, _MAX_TILE, default=size if fixed else 1),
        fixed=fixed,
        blind=section.whole("blind", 0, _MAX_TILE // 2, default=0),
    )
    if tile.size % tile.multiple:
        raise ModelError(
            f"{origin}: key 'tile.size': expected a multiple of {tile.multiple}, found {tile.size}"
        )
    if tile.blind > tile.margin:
        raise ModelError(
            f"{origin}: key 'tile.blind': expected at most tile.margin, {tile.margin}, found {tile.blind}"
        )
    if tile.size <= 2 * tile.margin:
        raise ModelError(
            f"{origin}: key 'tile.margin': expected less than half of tile.size, found {tile.margin}"
        )
    return tile


def _location(card: JsonReader) -> Mapping[str, str]:
    if not card.has("file"):
        return {}
    section = card.section("file")
    location = {key: section.text(key) for key in ("module", "path", "distribution")}
    if not location["module"].isidentifier():  # looking for a sub-module would run its package's code
        raise ModelError(
            f"{card.origin}: key 'file.module': expected the name of a top-level package, "
            f"found {location['module']!r}"
        )
    return location
