"""Tables and charts of one group of scenes as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ..numbers import Json
from .markup import Look, card, cell, chip, figure, score_cell, table
from .svg import bars, matrix
from .words import (
    DASH,
    METRIC_TITLES,
    POOLING_TITLES,
    SCHEME_TITLES,
    class_title,
    count,
    headline_metric,
    percent,
    pick,
    scenes,
)


def headline_table(group: Json, selection: Json, headlines: Sequence[Json], look: Look, caption: str) -> str:
    """Make the first table: a row a mask, the protocol's columns."""
    heads, columns = [], []
    for headline in headlines:
        key, title = headline_metric(headline, group["is_accuracy"])
        rows = selection["schemes"][headline["scheme"]]["masks"]
        numbers = {m: pick(r, headline, key) for m, r in rows.items()}
        shown = {m: n["value"] for m, n in numbers.items() if n and n["value"] is not None}
        if shown:
            top = round(max(shown.values()), 3) if len(shown) > 1 else None
            heads.append(f"{escape(title)}<br><i>{POOLING_TITLES[headline['pooling']]}</i>")
            columns.append((numbers, {m for m, v in shown.items() if round(v, 3) == top}))
    lines = []
    for mask in look.titles:
        scores = next((s["masks"][mask] for s in selection["schemes"].values() if mask in s["masks"]), None)
        if scores is not None:
            lead = look.cell(mask, f"{scenes(scores['scenes'])}, {count(scores['pixels'])} px")
            cells = "".join(score_cell(numbers.get(mask), mask in best) for numbers, best in columns)
            lines.append(f"{lead}{cell(chip(group['labels']))}{cells}")
    if not lines:
        return '<p class="soft">There are no pixels that every mask shares.</p>'
    return card(table(["Mask", "Labels", *heads], lines, caption))


def scheme_bars(group: Json, scheme: Json, look: Look, metric: str, pooling: str) -> str:
    """Draw bars of one class metric, a block a class."""
    wanted = [c for c in scheme["classes"] if not scheme["target"] or c == scheme["target"]]
    groups = []
    for name in wanted:
        rows = [look.bar(m, s[pooling]["classes"][name].get(metric)) for m, s in scheme["masks"].items()]
        if any(r.value is not None for r in rows):
            groups.append((class_title(name), rows))
    if not groups:
        return ""
    title = f"{METRIC_TITLES[metric]}, {POOLING_TITLES[pooling]}"
    ranges = any(bar.low is not None for _, rows in groups for bar in rows)
    said = " with intervals over products" if ranges else "; too few products for intervals"
    return figure(bars(groups, title), f"{escape(title)}, percent{said}. Labels: {chip(group['labels'])}")


def class_table(group: Json, scheme: Json, look: Look) -> str:
    """List every score of every class, pooled and per patch."""
    every = [c for m in scheme["masks"].values() for c in m["pooled"]["classes"].values()]
    metrics = [k for k in METRIC_TITLES if any(k in c for c in every)]
    out = ""
    for pooling, title in POOLING_TITLES.items():
        lines = []
        for name in scheme["classes"]:
            for i, (mask, scores) in enumerate(scheme["masks"].items()):
                numbers = scores[pooling]["classes"][name]
                lead = cell(escape(class_title(name)) if i == 0 else "")
                cells = "".join(score_cell(numbers.get(m)) for m in metrics)
                lines.append(f"{lead}{look.cell(mask)}{cell(chip(group['labels']))}{cells}")
        heads = ["Class", "< Mask", "Labels", *(METRIC_TITLES[m] for m in metrics)]
        out += table(heads, lines, f"{title[0].upper()}{title[1:]}, percent")
    return f"<details><summary>All scores by class</summary>{card(out)}</details>"


def matrices(group: Json, name: str, scheme: Json, look: Look) -> str:
    """Draw confusion matrices side by side."""
    names = [class_title(c) for c in scheme["classes"]]
    figures = ""
    for mask, scores in scheme["masks"].items():
        title = look.titles[mask]
        drawn = matrix(scores["matrix"], names, f"Confusion matrix of {title}")
        silent = group["own"]["schemes"][name]["masks"][mask]["unobserved_pixels"]
        note = f"{count(scores['pixels'])} pixels"
        if silent:
            note += f"; on {count(silent)} labelled pixels in all its scenes the mask says nothing"
        figures += figure(f"<h4>{escape(title)} {chip(group['labels'])}</h4>{drawn}", note)
    return card(figures, "two")


def border_table(group: Json, look: Look) -> str:
    """Set scores with and without the band along class borders side by side."""
    lines = []
    for name, scheme in group["common"]["schemes"].items():
        for i, (mask, scores) in enumerate(scheme["masks"].items()):
            inner = group["away_from_borders"]["schemes"][name]["masks"].get(mask)
            if inner is None or not inner["pixels"] or inner["pixels"] == scores["pixels"]:
                continue
            a, b = scores["pooled"]["mean_dice"], inner["pooled"]["mean_dice"]
            known = a["value"] is not None and b["value"] is not None
            gain = f"{100 * (b['value'] - a['value']):+.1f}" if known else DASH
            lead = cell(SCHEME_TITLES[name] if i == 0 else "") + look.cell(mask)
            left = percent(inner["pixels"] / scores["pixels"])
            lines.append(
                f"{lead}{cell(chip(group['labels']))}{score_cell(a)}{score_cell(b)}{cell(gain)}{cell(left)}"
            )
    heads = [
        "Comparison",
        "< Mask",
        "Labels",
        "Mean Dice<br><i>all pixels</i>",
        "Mean Dice<br><i>away from borders</i>",
        "Difference",
        "Pixels left, %",
    ]
    return card(table(heads, lines)) if lines else ""


def breakdown_tables(group: Json, look: Look) -> str:
    """Make a table for each of surface, season, cloud type, sun, ..."""
    out = ""
    key, name = "overall_accuracy", "accuracy"
    if not group["is_accuracy"]:
        key, name = "overall_agreement", "agreement"
    for title, values in group["breakdown"].items():
        masks = [m for m in look.titles if any(m in v for v in values.values())]
        lines = []
        for value, rows in sorted(values.items(), key=lambda kv: -max(r["pixels"] for r in kv[1].values())):
            some = next(iter(rows.values()))
            lead = [escape(value), chip(group["labels"]), count(some["pixels"]), str(some["scenes"])]
            scores = "".join(score_cell(rows[m][key]) if m in rows else cell(DASH) for m in masks)
            lines.append("".join(cell(text) for text in lead) + scores)
        schemes = sorted({SCHEME_TITLES[rows[m]["scheme"]].lower() for rows in values.values() for m in rows})
        caption = f"Overall {name} by {escape(title)}, percent of labelled pixels; {', '.join(schemes)}"
        heads = [
            escape(title.capitalize()),
            "Labels",
            "Pixels",
            "Scenes",
            *(escape(look.titles[m]) for m in masks),
        ]
        out += card(table(heads, lines, caption))
    return out


def shares_table(scheme: Json, look: Look) -> str:
    """List shares of patches with low, middle and high scores, where the protocol has them."""
    lines = []
    for mask, scores in scheme["masks"].items():
        for metric, share in scores.get("patch_shares", {}).items():
            lead = look.cell(mask) + cell(chip(scores["labels"])) + cell(METRIC_TITLES[metric])
            parts = [str(share["patches"]), *(percent(share[k]) for k in ("low", "middle", "high"))]
            lines.append(lead + "".join(cell(p) for p in parts))
    heads = ["Mask", "Labels", "Score", "Patches", "Below 10", "10 to 90", "Above 90"]
    return card(table(heads, lines, "Share of patches by score, percent")) if lines else ""


def clear_scene_block(group: Json, look: Look) -> str:
    """Show false alarms on clear scenes: bars, and a table with the worst scene."""
    rates: Mapping[str, Json] = group["clear_scenes"]
    if not rates:
        return ""
    rows = [look.bar(mask, r["flagged"]) for mask, r in rates.items()]
    most = max(r.high or r.value or 0.0 for r in rows)
    top = next((t for t in (0.01, 0.02, 0.04, 0.1, 0.2, 0.4) if t >= most), 1.0)
    said = (
        f"Clear pixels called cloud or shadow, percent, pooled over pixels. Labels: {chip(group['labels'])}"
    )
    chart = card(figure(bars([("", rows)], "False alarms on clear scenes", top, digits=2), said))
    lines = []
    for mask, r in rates.items():
        worst = (
            f"{percent(r['worst_scene']['flagged'])}<small>{escape(r['worst_scene']['name'][:44])}</small>"
        )
        numbers = [r["flagged"], r["flagged_cloud"], r["flagged_shadow"], r["median_scene"]]
        lead = [chip(r["labels"]), str(r["scenes"]), count(r["pixels"])]
        shown = [*lead, *(percent(n["value"], 2) for n in numbers), worst]
        lines.append(look.cell(mask) + "".join(cell(text) for text in shown))
    heads = ["Mask", "Labels", "Scenes", "Pixels", "Flagged, %", "as cloud", "as shadow", "Median scene"]
    return chart + card(table([*heads, "Worst scene"], lines))
