"""Charts as inline SVG: they scale, print, follow the page's colours and need no script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from .words import DASH, count

_WIDTH, _LABEL, _VALUE = 980, 190, 150
_ROW, _BAR, _GAP, _AXIS = 22, 12, 16, 24


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes
    ----------
    label : str
        What it is of.
    value : float or None
        0 to 1; None where undefined.
    low, high : float or None
        Interval.
    series : int
        Colour.
    """

    label: str
    value: float | None
    low: float | None
    high: float | None
    series: int


def bars(groups: Sequence[tuple[str, Sequence[Bar]]], title: str, top: float = 1.0, digits: int = 1) -> str:
    """Horizontal bars with interval whiskers, in groups with a heading each.

    Parameters
    ----------
    groups : sequence of (heading, bars)
        An empty heading takes no room.
    title : str
        Said to screen readers.
    top : float
        Value at the right end of the axis.
    digits : int
        Decimals of the numbers, which are percent.
    """
    parts: list[str] = []
    y = 4.0
    left, right = float(_LABEL), float(_WIDTH - _VALUE)

    def x(value: float) -> float:
        return left + (right - left) * min(max(value / top, 0.0), 1.0)

    for heading, rows in groups:
        if heading:
            parts.append(f'<text class="g" x="0" y="{y + 13:.0f}">{escape(heading)}</text>')
            y += _ROW
        for bar in rows:
            parts.append(_bar(bar, y, x, digits))
            y += _ROW
        y += _GAP
    y -= _GAP
    grid = "".join(
        f'<line class="grid" x1="{x(t):.1f}" x2="{x(t):.1f}" y1="0" y2="{y:.0f}"/>'
        f'<text class="tick" x="{x(t):.1f}" y="{y + 15:.0f}" text-anchor="middle">{100 * t:g}</text>'
        for t in (top * i / 4 for i in range(5))
    )
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {y + _AXIS:.0f}" role="img" aria-label="{escape(title)}">'
        f"{grid}{''.join(parts)}</svg>"
    )


def _bar(bar: Bar, y: float, x: Callable[[float], float], digits: int) -> str:
    middle = y + _ROW / 2
    out = (
        f'<text class="l" x="{_LABEL - 10}" y="{middle + 4:.1f}" text-anchor="end">{escape(bar.label)}</text>'
    )
    if bar.value is None:
        return out + f'<text class="v" x="{_LABEL + 4}" y="{middle + 4:.1f}">not defined</text>'
    out += (
        f'<rect class="bar s{bar.series}" x="{x(0):.1f}" y="{middle - _BAR / 2:.1f}" rx="2" '
        f'width="{max(x(bar.value) - x(0), 0.6):.1f}" height="{_BAR}"/>'
    )
    text = f"{100 * bar.value:.{digits}f}"
    if bar.low is not None and bar.high is not None:
        a, b = x(bar.low), x(bar.high)
        ends = "".join(f"M{end:.1f} {middle - 4:.1f}v8" for end in (a, b))
        out += f'<path class="w" d="M{a:.1f} {middle:.1f}H{b:.1f}{ends}"/>'
        between = f"{100 * bar.low:.{digits}f} to {100 * bar.high:.{digits}f}"
        text += f'<tspan class="i" dx="8">{between}</tspan>'
    return out + f'<text class="v" x="{_WIDTH - _VALUE + 10}" y="{middle + 4:.1f}">{text}</text>'


def matrix(counts: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> str:
    """Draw a confusion matrix; shading and the upper number are shares of the reference class."""
    n, wide, high, left, top = len(classes), 84, 52, 124, 44
    width, height = left + n * wide + 2, top + n * high + 8
    out = [
        f'<text class="tick" x="{left + n * wide / 2:.0f}" y="12" text-anchor="middle">mask says</text>',
        f'<text class="tick" x="0" y="{top - 8}">reference</text>',
    ]
    for j, name in enumerate(classes):
        at = f'x="{left + (j + 0.5) * wide:.0f}" y="{top - 8}"'
        out.append(f'<text class="l" {at} text-anchor="middle">{escape(_short(name))}</text>')
    for i, name in enumerate(classes):
        at = f'x="{left - 10}" y="{top + i * high + 30}"'
        out.append(f'<text class="l" {at} text-anchor="end">{escape(_short(name))}</text>')
        for j in range(n):
            box = (left + j * wide + 1, top + i * high + 1, wide - 2, high - 2)
            out.append(_cell(counts[i][j], sum(counts[i]), box, "hit" if i == j else "miss"))
    return (
        f'<svg class="matrix" viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img" '
        f'aria-label="{escape(title)}">{"".join(out)}</svg>'
    )


def _cell(value: int, total: int, box: tuple[int, int, int, int], kind: str) -> str:
    x, y, wide, high = box
    share = value / total if total else 0.0
    where = f'x="{x}" y="{y}" width="{wide}" height="{high}" rx="3"'
    on = " on" if share > 0.55 else ""
    middle = f'x="{x + wide / 2:.0f}" text-anchor="middle"'
    return (
        f'<rect class="cell" {where}/><rect class="{kind}" {where} style="opacity:{share:.3f}"/>'
        f'<text class="n{on}" {middle} y="{y + 23}">{f"{100 * share:.1f} %" if total else DASH}</text>'
        f'<text class="c{on}" {middle} y="{y + 40}">{count(value)}</text>'
    )


def _short(name: str) -> str:
    return {"semi-transparent cloud": "semi-transp.", "cloud shadow": "shadow"}.get(name, name)
