"""Pictures for a paper: charts and confusion matrices as PNG, and the scenes' panels."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..numbers import Json
from ..pictures import Pictures
from .words import POOLING_TITLES, SCHEME_TITLES, class_title

_COLOURS = ("#2d6a8f", "#c27a2c", "#4f8a63", "#8a5a94", "#b04a4a", "#64757f", "#2f8f8a", "#937a3b")
_DPI = 200


def write_figures(document: Json, pictures: Mapping[str, Pictures], folder: Path) -> list[Path]:
    """Write all pictures into a folder.

    Needs matplotlib for charts; without it there are only the scenes' panels.

    Returns
    -------
    list of Path
        The files, by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, figure in _charts(document):
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=_DPI, facecolor="white", bbox_inches="tight")
        made.append(path)
    for scene, shown in pictures.items():
        path = folder / f"scene_{_safe(scene)}.png"
        path.write_bytes(_panel(document, shown))
        made.append(path)
    return sorted(made)


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_")


def _charts(document: Json) -> Iterator[tuple[str, Any]]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    for group in document["groups"]:
        if "common" not in group:
            continue
        kind = _safe(group["labels"])
        selection = group["common"] if group["common"]["scenes"] else group["own"]
        for name, scheme in selection["schemes"].items():
            if scheme["masks"]:
                yield f"{kind}_{name}_dice", _bars(Figure, document, group, name, scheme)
                yield f"{kind}_{name}_confusion", _matrices(Figure, document, group, name, scheme)


def _titles(document: Json) -> dict[str, str]:
    return {m["name"]: m["title"] for m in document["masks"]}


def _bars(figure_class: Any, document: Json, group: Json, name: str, scheme: Json) -> Any:
    pooling = document["protocol"]["headlines"][0]["pooling"]
    titles, masks = _titles(document), list(scheme["masks"])
    order = list(titles)
    classes = [c for c in scheme["classes"] if not scheme["target"] or c == scheme["target"]]
    figure = figure_class(figsize=(6.2, 0.5 + 0.26 * len(masks) * len(classes) + 0.25 * len(classes)))
    axes = figure.subplots()
    ticks = []
    for i, group_class in enumerate(classes):
        for j, mask in enumerate(masks):
            number = scheme["masks"][mask][pooling]["classes"][group_class]["dice"]
            if number["value"] is None:
                continue
            y, value = i * (len(masks) + 1) + j, 100 * number["value"]
            label = titles[mask] if i == 0 else None
            axes.barh(y, value, 0.82, color=_COLOURS[order.index(mask) % len(_COLOURS)], label=label)
            if number.get("low") is not None:
                spread = [[value - 100 * number["low"]], [100 * number["high"] - value]]
                axes.errorbar(value, y, xerr=spread, color="#222", lw=0.9, capsize=2.5)
        ticks.append(i * (len(masks) + 1) + (len(masks) - 1) / 2)
    axes.set_yticks(ticks, [class_title(c) for c in classes])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel(f"Dice, %, {POOLING_TITLES[pooling]}; labels: {group['labels']}", fontsize=9)
    axes.set_title(SCHEME_TITLES[name], loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, length=2)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=8)
    return figure


def _matrices(figure_class: Any, document: Json, group: Json, name: str, scheme: Json) -> Any:
    titles, n = _titles(document), len(scheme["masks"])
    figure = figure_class(figsize=(2.6 * n + 0.6, 2.9), layout="constrained")
    names = [class_title(c).replace("semi-transparent cloud", "semi-tr.") for c in scheme["classes"]]
    for axes, (mask, scores) in zip(
        figure.subplots(1, n, squeeze=False)[0], scheme["masks"].items(), strict=True
    ):
        counts = np.array(scores["matrix"], float)
        total = counts.sum(1, keepdims=True)
        share = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
        axes.imshow(share, cmap="Greens", vmin=0, vmax=1)
        for (i, j), value in np.ndenumerate(share):
            if not np.isnan(value):
                colour = "white" if value > 0.6 else "#222"
                axes.text(j, i, f"{100 * value:.1f}", ha="center", va="center", fontsize=8, color=colour)
        axes.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set_title(titles[mask], fontsize=9)
    figure.suptitle(
        f"{SCHEME_TITLES[name]}: share of each reference class, %; labels: {group['labels']}", fontsize=9
    )
    return figure


def _panel(document: Json, shown: Pictures) -> bytes:
    """All layers of a scene side by side with their names above, differences below their masks."""
    from PIL import Image, ImageDraw, ImageFont

    titles = _titles(document)
    top = [("True colour", shown.colour)] if shown.colour is not None else []
    top += [("Reference", shown.reference), *((titles[m], png) for m, png in shown.masks.items())]
    skip = len(top) - len(shown.masks)
    below = [(f"{titles[m]}: difference", png) for m, png in shown.differences.items()]
    tiles = [
        [(t, Image.open(io.BytesIO(png)).convert("RGB")) for t, png in row] for row in (top, below) if row
    ]
    wide, high = tiles[0][0][1].size
    scale = max(1, round(320 / max(wide, high)))
    wide, high, head, gap = wide * scale, high * scale, 26, 10
    size = (len(top) * (wide + gap) + gap, len(tiles) * (high + head + gap) + gap)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for r, row in enumerate(tiles):
        for c, (title, image) in enumerate(row):
            x, y = gap + (c + (skip if r else 0)) * (wide + gap), gap + r * (high + head + gap)
            draw.text((x, y + 2), title, fill="black", font=font)
            sheet.paste(image.resize((wide, high), Image.Resampling.NEAREST), (x, y + head))
    stream = io.BytesIO()
    sheet.save(stream, format="PNG", optimize=True)
    return stream.getvalue()
