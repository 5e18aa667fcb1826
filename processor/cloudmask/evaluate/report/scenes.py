"""Scenes of a report: small pictures, and the slider that compares two of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

from ...classes import COLOURS, SURFACE_CLASSES, CloudClass
from ..numbers import Json
from ..pictures import DIFFERENCE_COLOURS, DIFFERENCE_NAMES, Pictures
from .markup import Look, card, chip, figure

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
        images = "".join(_picture(title, png) for title, png in _layers(pictures[name], look))
        strips += (
            f'<div class="scene" data-scene="{escape(name)}"><h4>{escape(name)} {chip(kinds[name])}</h4>'
            f'<div class="strip">{images}</div></div>'
        )
    first = next((look.titles[m] for m in pictures[names[0]].masks), "Reference")
    options = "".join(f"<option>{escape(name)}</option>" for name in names)
    controls = (
        f'<div class="controls"><label>Scene<select id="scene">{options}</select></label>'
        '<label>Left<select id="left" data-first="True colour"></select></label>'
        f'<label>Right<select id="right" data-first="{escape(first)}"></select></label></div>'
    )
    classes = _legend({c.label: COLOURS[c] for c in (*SURFACE_CLASSES, CloudClass.MISSING)})
    differences = _legend({DIFFERENCE_NAMES[k]: rgb for k, rgb in DIFFERENCE_COLOURS.items()})
    return (
        '<h2 id="scenes">Scenes</h2><p class="soft">Move the slider to compare two layers; a click on a '
        "small picture puts it on the right. A mask is not blamed for classes it does not claim.</p>"
        f"{card(controls + _COMPARE + classes + differences)}{strips}"
    )


def _layers(shown: Pictures, look: Look) -> list[tuple[str, bytes]]:
    layers = [] if shown.colour is None else [("True colour", shown.colour)]
    layers.append(("Reference", shown.reference))
    layers += [(look.titles[m], png) for m, png in shown.masks.items()]
    layers += [(f"{look.titles[m]}, difference", png) for m, png in shown.differences.items()]
    return layers


def _picture(title: str, png: bytes) -> str:
    data = base64.b64encode(png).decode("ascii")
    name = escape(title)
    image = f'<img data-layer="{name}" alt="{name}" src="data:image/png;base64,{data}">'
    return figure(image, name)


def _legend(entries: Mapping[str, tuple[int, int, int]]) -> str:
    items = "".join(
        f'<span><i style="background:rgb({r},{g},{b})"></i>{escape(name)}</span>'
        for name, (r, g, b) in entries.items()
    )
    return f'<div class="legend">{items}</div>'
