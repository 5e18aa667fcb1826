"""The report as Markdown, for repositories and papers."""

from __future__ import annotations

from collections.abc import Sequence

from ..numbers import Json
from .words import (
    DASH,
    GROUP_TITLES,
    METRIC_TITLES,
    POOLING_TITLES,
    SCHEME_TITLES,
    TERMS,
    absent_note,
    class_title,
    count,
    headline_metric,
    interval,
    mask_titles,
    percent,
    pick,
    reasons,
    reference_title,
    scenes,
)


def render_markdown(document: Json) -> str:
    """Write the report; numbers are percent, intervals in parentheses, the label kind on every row."""
    reference, protocol, boot = document["reference"], document["protocol"], document["bootstrap"]
    source = f" <{reference['source']}>" if reference["source"] else ""
    split = f"{reference['split']} split, " if reference["split"] else ""
    out = [
        f"# Cloud masks on {reference_title(document)}",
        f"Reference: {reference['title']}{source}, licence {reference['licence']}, "
        f"{split}{scenes(reference['scenes'])}. "
        f"Protocol: {protocol['title']} ({protocol['source']}). "
        f"Intervals: {100 * boot['level']:.0f} % over products, {boot['draws']} draws, seed {boot['seed']}. "
        f"cloudmask {document['cloudmask']}, {document['made']}.",
        protocol["text"],
    ]
    for group in document["groups"]:
        out += _group(document, group)
    heads = ["Mask", "Claims", "Scenes", "Not available", "Version and settings"]
    out += ["## Masks", _table(heads, _masks(document)), TERMS]
    return "\n\n".join(out) + "\n"


def render_summary(document: Json) -> str:
    """Write the first table of each group, and the masks that were left out of scenes, for a terminal."""
    out, titles = [], mask_titles(document)
    for group in document["groups"]:
        out.append(f"{GROUP_TITLES[group['labels']]} (labels: {group['labels']})")
        if "common" in group:
            selection = "common" if group["common"]["scenes"] else "own"
            columns, rows = headline_rows(document, group, selection)
            out.append(_table(columns, rows))
        elif group["clear_scenes"]:
            out.append(_false_alarms(document, group))
    gone = [
        f"{titles[m['name']]}: not available for {reasons(m)}" for m in document["masks"] if m["unavailable"]
    ]
    return "\n\n".join([*out, "\n".join(gone)] if gone else out)


def headline_rows(document: Json, group: Json, selection: str) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of a group's first table; also what README tables are made of."""
    schemes = group[selection]["schemes"]
    columns, shown = [], []
    for headline in document["protocol"]["headlines"]:
        key, title = headline_metric(headline, group["is_accuracy"])
        if schemes[headline["scheme"]]["masks"]:
            columns.append(f"{title} ({headline['pooling'].replace('_', ' ')})")
            shown.append((headline, key))
    rows, titles = [], mask_titles(document)
    for mask in document["masks"]:
        scores = [s["masks"][mask["name"]] for s in schemes.values() if mask["name"] in s["masks"]]
        if not scores:
            continue
        row = [titles[mask["name"]], group["labels"], str(scores[0]["scenes"]), count(scores[0]["pixels"])]
        for headline, key in shown:
            found = schemes[headline["scheme"]]["masks"].get(mask["name"])
            row.append(_score(pick(found, headline, key) if found else None))
        rows.append(row)
    return ["Mask", "Labels", "Scenes", "Pixels", *columns], rows


def _score(number: object) -> str:
    if not isinstance(number, dict) or number.get("value") is None:
        return DASH
    between = interval(number)
    return percent(number["value"]) + (f" ({between})" if between else "")


def _group(document: Json, group: Json) -> list[str]:
    out = [f"## {GROUP_TITLES[group['labels']]}", f"**Labels: {group['labels']}.** {group['note']}"]
    if "common" in group:
        shared = f"{group['common']['scenes']} of {len(group['scenes'])} scenes"
        for selection, title in (
            ("common", f"Pixels that every mask shares ({shared})"),
            ("own", "Each mask on every scene it can read; rows with other scenes are not comparable"),
            (
                "away_from_borders",
                f"Beside it: {document['border_tolerance_m']:g} m along class borders left out",
            ),
        ):
            columns, rows = headline_rows(document, group, selection)
            out += [f"### {title}", _table(columns, rows) if rows else "No such pixels."]
        out += _classes(group)
        out += _breakdown(group)
    if group["clear_scenes"]:
        out += [
            "### False alarms on clear scenes (percent of clear pixels, pooled)",
            _false_alarms(document, group),
        ]
    return out


def _classes(group: Json) -> list[str]:
    selection = group["common"] if group["common"]["scenes"] else group["own"]
    out = []
    for name, scheme in selection["schemes"].items():
        for pooling, title in POOLING_TITLES.items():
            rows, metrics = [], []
            for group_class in scheme["classes"]:
                for mask, scores in scheme["masks"].items():
                    numbers = scores[pooling]["classes"][group_class]
                    metrics = [m for m in METRIC_TITLES if m in numbers]
                    cells = [_score(numbers[m]) for m in metrics]
                    rows.append([class_title(group_class), mask, group["labels"], *cells])
            if rows:
                head = ["Class", "Mask", "Labels", *(METRIC_TITLES[m] for m in metrics)]
                out += [f"### {SCHEME_TITLES[name]}, {title}", f"{scheme['title']}.{absent_note(scheme)}"]
                out.append(_table(head, rows))
    return out


def _breakdown(group: Json) -> list[str]:
    key = "overall_accuracy" if group["is_accuracy"] else "overall_agreement"
    out = []
    for title, values in group["breakdown"].items():
        rows = [
            [value, mask, group["labels"], SCHEME_TITLES[r["scheme"]], count(r["pixels"]), _score(r[key])]
            for value, masks in values.items()
            for mask, r in masks.items()
        ]
        head = [title.capitalize(), "Mask", "Labels", "Comparison", "Pixels", METRIC_TITLES[key]]
        out += [f"### By {title}", _table(head, rows)]
    return out


def _false_alarms(document: Json, group: Json) -> str:
    titles = mask_titles(document)
    rows = [
        [
            titles[mask],
            r["labels"],
            str(r["scenes"]),
            count(r["pixels"]),
            _score(r["flagged"]),
            percent(r["flagged_cloud"]["value"], 2),
            percent(r["flagged_shadow"]["value"], 2),
            f"{percent(r['worst_scene']['flagged'])} ({r['worst_scene']['name']})",
        ]
        for mask, r in group["clear_scenes"].items()
    ]
    return _table(
        ["Mask", "Labels", "Scenes", "Pixels", "Flagged", "as cloud", "as shadow", "Worst scene"], rows
    )


def _masks(document: Json) -> list[list[str]]:
    titles = mask_titles(document)
    return [
        [
            titles[m["name"]],
            ", ".join(class_title(c) for c in m["claims"]),
            str(m["scenes"]),
            reasons(m) or DASH,
            m["setting"],
        ]
        for m in document["masks"]
    ]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines)
