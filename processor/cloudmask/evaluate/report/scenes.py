"""Scenes of a report: small pictures, and the slider that compares two of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

from ...classes import COLOURS, SURFACE_CLASSES, CloudClass
from ..numbers import Json
from ..pictures import DIFFERENCE_COLOURS, DIFFERENCE_NAMES, Pictures
from .markup import Look, card, chip

_COMPARE = (
    '<div class="compare" id="compare"><img class="under" alt="" src="data:,">'
    '<img class="over" alt="" src="data:,">'
    '<input type="range" min="0" max="1000" value="500" aria-label="Where the left layer ends">'
    '<div class="bar"></div><span class="tag left"></span><span class="tag right"></span></div>'
)


def scene_section(document: Json, pictures: Mapping[str, Pictures], look: Look) -> str:
    """Write the section; scenes with more than clear labels come first."""
    kinds = {name: g["labels"] for g in document["groups"] for name in g["scenes"]}
    order = [g["labels"] for g in document["groups"]]
    names = sorted(pictures, key=lambda n: (order.index(kinds[n]), -len(pictures[n].reference), n))
    strips = ""
    for name in names:
        strips += (
            f'<div class="scene" data-scene="{escape(name)}"><h4>{escape(name)} {chip(kinds[name])}</h4>'
            f"{_strip(pictures[name], look)}</div>"
        )
    first = next((look.titles[m] for m in pictures[names[0]].masks), "Reference")
    options = "".join(f"<option>{escape(name)}</option>" for name in names)
    controls = (
        f'<div class="controls"><label>Scene<select id="scene">{options}</select></label>'
        '<label>Left<select id="left" data-first="True colour"></select></label>'
        f'<label>Right<select id="right" data-first="{escape(first)}"></select></label></div>'
    )
    shown = {c.label: COLOURS[c] for c in (*SURFACE_CLASSES, CloudClass.MISSING)}
    classes = _legend({**shown, "not labelled": COLOURS[CloudClass.UNDEFINED]})
    differences = _legend({DIFFERENCE_NAMES[k]: rgb for k, rgb in DIFFERENCE_COLOURS.items()})
    return (
        '<h2 id="scenes">Scenes</h2><p class="soft">Move the slider to compare two layers; a click on a '
        "small picture puts it on the right. A mask is not blamed for classes it does not claim.</p>"
        f"{card(controls + _COMPARE + classes + differences)}{strips}"
    )


def _strip(shown: Pictures, look: Look) -> str:
    """All pictures of a scene, differences below their masks."""
    lead = [] if shown.colour is None else [("True colour", shown.colour)]
    lead.append(("Reference", shown.reference))
    images = [_picture(title, png, i + 1) for i, (title, png) in enumerate(lead)]
    for i, (mask, png) in enumerate(shown.masks.items()):
        images.append(_picture(look.titles[mask], png, len(lead) + i + 1))
        if mask in shown.differences:
            title = f"{look.titles[mask]}, difference"
            images.append(_picture(title, shown.differences[mask], len(lead) + i + 1, 2))
    wide = f"grid-template-columns:repeat({max(5, len(lead) + len(shown.masks))},minmax(110px,1fr))"
    return f'<div class="strip" style="{wide}">{"".join(images)}</div>'


def _picture(title: str, png: bytes, column: int, row: int = 1) -> str:
    data = base64.b64encode(png).decode("ascii")
    name = escape(title)
    image = f'<img data-layer="{name}" alt="{name}" src="data:image/png;base64,{data}">'
    return f'<figure style="grid-area:{row}/{column}">{image}<figcaption>{name}</figcaption></figure>'


def _legend(entries: Mapping[str, tuple[int, int, int]]) -> str:
    items = "".join(
        f'<span><i style="background:rgb({r},{g},{b})"></i>{escape(name)}</span>'
        for name, (r, g, b) in entries.items()
    )
    return f'<div class="legend">{items}</div>'
