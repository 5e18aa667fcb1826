"""Small pictures of scenes for the report: true colour, reference, masks and differences."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PilImage

from ..classes import COLOURS, SURFACE_CLASSES, CloudClass
from ..quicklook import read_preview
from .masks.base import Pixels, Unavailable
from .scene import SILENT, ClassArray, Prediction, Scene

Rgb = npt.NDArray[np.uint8]

SIDE = 512  # pixels of the longer side, at most
AGREE, MISSED, FALSE_ALARM, CONFUSED, UNSCORED = range(5)
DIFFERENCE_COLOURS: Mapping[int, tuple[int, int, int]] = {
    AGREE: (214, 222, 220),
    MISSED: (204, 80, 62),
    FALSE_ALARM: (58, 110, 165),
    CONFUSED: (226, 170, 60),
    UNSCORED: (120, 120, 124),
}
"""Agreement; cloud or shadow called clear; clear called cloud or shadow; one called another."""
DIFFERENCE_NAMES: Mapping[int, str] = {
    AGREE: "agrees",
    MISSED: "missed (called clear)",
    FALSE_ALARM: "false alarm (clear called cloud or shadow)",
    CONFUSED: "another class of cloud or shadow",
    UNSCORED: "not scored",
}


@dataclass(frozen=True)
class Pictures:
    """PNG files, all of one size.

    Attributes
    ----------
    colour : bytes or None
        True colour; None where the scene lacks a band.
    reference : bytes
        Labels; for sets of single pixels, dots on true colour.
    masks, differences : mapping of mask name to bytes
        Classes, and how they differ from the reference; no differences for single pixels.
    """

    colour: bytes | None
    reference: bytes
    masks: Mapping[str, bytes]
    differences: Mapping[str, bytes]


def draw_scene(
    pixels: Pixels,
    predicted: Mapping[str, ClassArray],
    drawn: Mapping[str, bytes],
    claims: Mapping[str, frozenset[CloudClass]],
) -> Pictures:
    """Draw a scene; masks are drawn already."""
    scene = pixels.scene
    colour = _true_colour(pixels)
    if scene.points is not None:
        return Pictures(_png(colour) if colour is not None else None, _dots(scene, colour), drawn, {})
    step = _step(scene)
    differences = {
        name: _png(
            _paint(difference(scene.labels, classes, claims[name])[::step, ::step], DIFFERENCE_COLOURS)
        )
        for name, classes in predicted.items()
    }
    reference = _png(_paint(scene.labels[::step, ::step], _class_colours()))
    return Pictures(_png(colour) if colour is not None else None, reference, drawn, differences)


def draw_mask(prediction: Prediction, scene: Scene) -> bytes:
    """Draw a mask's classes as PNG, on the ground and at the size of the scene's pictures."""
    rows, cols = _size(scene)
    step = _step(scene)
    at_row = np.minimum(
        np.arange(rows) * step * prediction.grid.rows // scene.grid.rows, prediction.grid.rows - 1
    )
    at_col = np.minimum(
        np.arange(cols) * step * prediction.grid.cols // scene.grid.cols, prediction.grid.cols - 1
    )
    return _png(_paint(prediction.classes[np.ix_(at_row, at_col)], _class_colours()))


def difference(reference: ClassArray, predicted: ClassArray, claims: frozenset[CloudClass]) -> ClassArray:
    """How a mask differs from the reference, pixel by pixel: codes of ``DIFFERENCE_COLOURS``.

    A mask without shadows is not blamed for shadows it calls clear, nor one with one kind of cloud
    for the kind.
    """
    clear, cloud = int(CloudClass.CLEAR), int(CloudClass.CLOUD)
    semi, shadow = int(CloudClass.SEMI_TRANSPARENT_CLOUD), int(CloudClass.CLOUD_SHADOW)
    reference, predicted = reference.copy(), predicted.copy()
    if CloudClass.SEMI_TRANSPARENT_CLOUD not in claims:
        reference[reference == semi] = cloud
        predicted[predicted == semi] = cloud
    if CloudClass.CLOUD_SHADOW not in claims:
        reference[reference == shadow] = clear
    out = np.full(reference.shape, CONFUSED, np.uint8)
    out[(reference != clear) & (predicted == clear)] = MISSED
    out[(reference == clear) & (predicted != clear)] = FALSE_ALARM
    out[reference == predicted] = AGREE
    out[np.isin(reference, SILENT) | np.isin(predicted, SILENT)] = UNSCORED
    return out


def _class_colours() -> dict[int, tuple[int, int, int]]:
    return {int(c): rgb for c, rgb in COLOURS.items()}


def _step(scene: Scene) -> int:
    return max(1, math.ceil(max(scene.grid.shape) / SIDE))


def _size(scene: Scene) -> tuple[int, int]:
    step = _step(scene)
    return -(-scene.grid.rows // step), -(-scene.grid.cols // step)


def _true_colour(pixels: Pixels) -> Rgb | None:
    try:
        picture = read_preview(pixels.source, pixels.scene.grid.gsd * _step(pixels.scene))
    except Unavailable:
        return None
    if picture is None:
        return None
    rows, cols = _size(pixels.scene)
    image = PilImage.fromarray(picture).resize((cols, rows), PilImage.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.uint8)


def _dots(scene: Scene, colour: Rgb | None) -> bytes:
    assert scene.points is not None
    rows, cols = _size(scene)
    canvas = np.full((rows, cols, 3), 40, np.uint8) if colour is None else (colour // 2).copy()
    step = _step(scene)
    for member in SURFACE_CLASSES:
        at = scene.labels == int(member)
        for dr, dc in ((0, 0), (0, 1), (1, 0), (1, 1)):
            r = np.minimum(scene.points.rows[at] // step + dr, rows - 1)
            c = np.minimum(scene.points.cols[at] // step + dc, cols - 1)
            canvas[r, c] = COLOURS[member]
    return _png(canvas)


def _paint(codes: ClassArray, colours: Mapping[int, tuple[int, int, int]]) -> Rgb:
    table = np.zeros((256, 3), np.uint8)
    for code, rgb in colours.items():
        table[code] = rgb
    return table[codes]


def _png(picture: Rgb) -> bytes:
    stream = io.BytesIO()
    image = PilImage.fromarray(picture)
    colours = image.getcolors(64)
    if colours is not None:  # class pictures have a handful: a palette makes the page a third of the size
        image = image.quantize(len(colours), dither=PilImage.Dither.NONE)
    image.save(stream, format="PNG", optimize=True)
    return stream.getvalue()
