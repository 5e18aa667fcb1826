"""A picture for people: true colour beside the mask."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from .classes import COLOURS, SURFACE_CLASSES, CloudClass
from .result import Mask
from .source import Source

_SIDE = 1000  # pixels of the longer side of one panel, at most
_TRUE_COLOUR = ("B04", "B03", "B02")
_WHITE = 0.35  # reflectance shown as white: fields keep contrast, clouds saturate
_GAMMA = 1.8
_GAP = 8


def read_preview(source: Source, out_gsd: float) -> npt.NDArray[np.uint8] | None:
    """A small true-colour picture of a scene.

    Parameters
    ----------
    source : Source
        The scene.
    out_gsd : float
        Spacing of the mask, metres; the picture is no finer.

    Returns
    -------
    uint8 (rows, cols, 3) or None
        None if the scene lacks one of B04, B03, B02.
    """
    if not set(_TRUE_COLOUR) <= set(source.bands):
        return None
    longest = max(source.grid.at(out_gsd).shape)
    gsd = out_gsd * max(1, math.ceil(longest / _SIDE))
    grid = source.grid.at(gsd)
    values = source.read(_TRUE_COLOUR, gsd, (0, grid.rows), gsd).values
    shown = np.clip(np.nan_to_num(values, nan=0.0) / _WHITE, 0, 1) ** (1 / _GAMMA)
    picture: npt.NDArray[np.uint8] = np.moveaxis((shown * 255).astype(np.uint8), 0, -1)
    return picture


def write_quicklook(path: Path, mask: Mask, preview: npt.NDArray[np.uint8] | None) -> None:
    """Write a PNG with the picture (if there is one) on the left, the mask on the right, a legend below."""
    step = max(1, math.ceil(max(mask.classes.shape) / _SIDE))
    table = np.zeros((256, 3), np.uint8)
    for member, colour in COLOURS.items():
        table[int(member)] = colour
    first_row, first_col = (min(step // 2, side - 1) for side in mask.classes.shape)
    panel = Image.fromarray(table[mask.classes[first_row::step, first_col::step]])
    panels = [panel]
    if preview is not None:
        panels.insert(0, Image.fromarray(preview).resize(panel.size, Image.Resampling.BILINEAR))
    font = ImageFont.load_default(14)
    line = 24
    width = sum(p.width for p in panels) + _GAP * (len(panels) + 1)
    entries = [(COLOURS[c], _caption(mask, c)) for c in (*SURFACE_CLASSES, CloudClass.MISSING)]
    per_row = max(1, (width - _GAP) // 250)
    legend_rows = math.ceil(len(entries) / per_row)
    sheet = Image.new("RGB", (width, panel.height + 2 * _GAP + legend_rows * line + _GAP), (24, 24, 28))
    left = _GAP
    for picture in panels:
        sheet.paste(picture, (left, _GAP))
        left += picture.width + _GAP
    draw = ImageDraw.Draw(sheet)
    for i, (colour, text) in enumerate(entries):
        x = _GAP + (i % per_row) * 250
        y = panel.height + 2 * _GAP + (i // per_row) * line
        draw.rectangle((x, y + 2, x + 16, y + 16), fill=colour, outline=(200, 200, 200))
        draw.text((x + 24, y), text, fill=(235, 235, 235), font=font)
    sheet.save(path, format="PNG", optimize=True)


def _caption(mask: Mask, member: CloudClass) -> str:
    statistics = mask.statistics
    if member is CloudClass.MISSING:
        return f"{member.label} ({100 - statistics['valid_percent']:.1f} % of all)"
    share = statistics["percent"][member.key]
    return member.label if share is None else f"{member.label} {share:.1f} %"
