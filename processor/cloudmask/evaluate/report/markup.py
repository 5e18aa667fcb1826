"""HTML pieces that every section uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..numbers import Json
from .svg import Bar
from .words import interval, mask_titles, percent

_CHIPS = {"human": "human", "draft": "draft", "simulated": "simulated", "clear by eye": "clear"}


class Look:
    """How masks are shown: title and colour by name.

    Parameters
    ----------
    document : Json
        Of the evaluation.
    """

    def __init__(self, document: Json) -> None:
        masks = document["masks"]
        self.titles = mask_titles(document)
        self.series = {m["name"]: i % 8 for i, m in enumerate(masks)}

    def cell(self, mask: str, note: str = "") -> str:
        """Cell with a mask's colour and title."""
        small = f"<small>{escape(note)}</small>" if note else ""
        key = f'<span class="key k{self.series[mask]}"></span>'
        return f'<td class="mask">{key}{escape(self.titles[mask])}{small}</td>'

    def bar(self, mask: str, number: Mapping[str, Any] | None) -> Bar:
        """A mask's bar for a score."""
        number = number or {}
        low, high = number.get("low"), number.get("high")
        return Bar(self.titles[mask], number.get("value"), low, high, self.series[mask])


def chip(labels: str) -> str:
    """Mark that says what the labels of a number are worth."""
    return f'<span class="chip {_CHIPS[labels]}">{escape(labels)}</span>'


def cell(content: str, css: str = "") -> str:
    """Cell with HTML in it."""
    return f'<td class="{css}">{content}</td>' if css else f"<td>{content}</td>"


def score_cell(number: Mapping[str, Any] | None, best: bool = False, digits: int = 1) -> str:
    """Cell with a score in percent and its interval beneath."""
    between = interval(number)
    small = f"<small>{between}</small>" if between else ""
    return cell(f"<b>{percent((number or {}).get('value'), digits)}</b>{small}", "best" if best else "")


def table(columns: Sequence[str], rows: Sequence[str], caption: str = "") -> str:
    """A table.

    Parameters
    ----------
    columns : sequence of str
        Heads as HTML; one that begins with ``<`` followed by a space is set flush left.
    rows : sequence of str
        Cells of each row as HTML.
    caption : str
        HTML.
    """
    head = "".join(
        f'<th class="text">{c.removeprefix("< ")}</th>' if c.startswith("< ") else f"<th>{c}</th>"
        for c in columns
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    top = f"<caption>{caption}</caption>" if caption else ""
    return f"<table>{top}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def card(content: str, css: str = "") -> str:
    """Box around a table or chart."""
    return f'<div class="card {css}">{content}</div>' if css else f'<div class="card">{content}</div>'


def figure(content: str, caption: str) -> str:
    """Figure with a caption in HTML."""
    return f"<figure>{content}<figcaption>{caption}</figcaption></figure>"
