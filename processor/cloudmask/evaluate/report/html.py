"""The report as one HTML page with everything inside: no network, no further files."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib import resources
from string import Template

from ..numbers import Json
from ..pictures import Pictures
from .markup import Look, card, cell, chip, table
from .scenes import scene_section
from .tables import (
    border_table,
    breakdown_tables,
    class_table,
    clear_scene_block,
    headline_table,
    matrices,
    scheme_bars,
    shares_table,
)
from .words import (
    DASH,
    GROUP_TITLES,
    SCHEME_TITLES,
    TERMS,
    absent_note,
    class_title,
    count,
    reasons,
    reference_title,
    scenes,
)


def render_html(document: Json, pictures: Mapping[str, Pictures]) -> str:
    """Write the page.

    Parameters
    ----------
    document : Json
        Of :func:`~..document.make_document`.
    pictures : mapping of scene name to Pictures
        Scenes to show.

    Returns
    -------
    str
        HTML.
    """
    look = Look(document)
    body, links = "", []
    for i, group in enumerate(document["groups"]):
        links.append((f"g{i}", GROUP_TITLES[group["labels"]]))
        body += _group(document, group, look, f"g{i}")
    if pictures:
        links.append(("scenes", "Scenes"))
        body += scene_section(document, pictures, look)
    links.append(("how", "How this was made"))
    body += _how(document, look)
    return Template(_asset("page.html")).substitute(
        title=escape(f"Cloud masks on {reference_title(document)}"),
        style=_asset("style.css"),
        script=_asset("script.js"),
        header=_header(document),
        navigation="".join(f'<a href="#{anchor}">{escape(text)}</a>' for anchor, text in links),
        body=body,
        footer=f"Written by cloudmask {escape(document['cloudmask'])}, {escape(document['made'])}.",
    )


def _asset(name: str) -> str:
    return resources.files(__package__ or "").joinpath(name).read_text("utf-8")


def _header(document: Json) -> str:
    reference, protocol, boot = document["reference"], document["protocol"], document["bootstrap"]
    facts = {
        "Scenes": count(reference["scenes"]),
        "Labelled pixels": count(sum(g["labelled_pixels"] for g in document["groups"])),
        "Masks": str(len(document["masks"])),
        "Protocol": escape(protocol["name"]),
        "Labels": " ".join(chip(g["labels"]) for g in document["groups"]),
        "Intervals": f"{100 * boot['level']:.0f} %, {count(boot['draws'])} draws"
        if boot["draws"]
        else "none",
    }
    listed = "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in facts.items())
    names = ", ".join(escape(m["title"]) for m in document["masks"])
    return (
        f"<h1>Cloud masks on {escape(reference_title(document))}</h1>"
        f'<p class="sub">{names}, on the same pixels</p><dl class="facts">{listed}</dl>'
    )


def _group(document: Json, group: Json, look: Look, anchor: str) -> str:
    size = f"{scenes(len(group['scenes']))}, {count(group['labelled_pixels'])} labelled pixels."
    out = (
        f'<h2 id="{anchor}">{escape(GROUP_TITLES[group["labels"]])}</h2>'
        f'<div class="notice {group["labels"].split()[0]}">{chip(group["labels"])} '
        f"{escape(group['note'])} {size}</div>"
    )
    if "common" not in group:
        return out + clear_scene_block(group, look)
    out += f"<p>{escape(document['protocol']['text'])}</p>{_headlines(document, group, look, anchor)}"
    out += _schemes(document, group, look)
    border = border_table(group, look)
    if border:
        out += (
            '<h3>With a tolerance at borders</h3><p class="soft">Beside the scores above, not instead: '
            f"reference pixels within {document['border_tolerance_m']:g} m of a class border left out.</p>"
            f"{border}"
        )
    for title, section in (
        ("By kind of scene", breakdown_tables(group, look)),
        ("False alarms on clear scenes", clear_scene_block(group, look)),
    ):
        out += f"<h3>{title}</h3>{section}" if section else ""
    return out


def _headlines(document: Json, group: Json, look: Look, anchor: str) -> str:
    """Two tables in tabs: on the pixels all masks share, and each mask on all it can read."""
    headlines, shared = document["protocol"]["headlines"], group["common"]
    of = f"{shared['scenes']} of {len(group['scenes'])} scenes"
    captions = (
        f"Percent, on the pixels that every mask shares: {of}.",
        "Percent, each mask on every scene it can read. Rows with other scenes are not comparable.",
    )
    titles = ("Same pixels for all", "Every scene a mask can read")
    first = 0 if shared["scenes"] else 1
    heads, panes = "", ""
    for i, (title, caption, selection) in enumerate(
        zip(titles, captions, (shared, group["own"]), strict=True)
    ):
        mark = " checked" if i == first else ""
        heads += f'<input type="radio" name="{anchor}" id="{anchor}-{i}"{mark}>'
        heads += f'<label for="{anchor}-{i}">{title}</label>'
        shown = headline_table(group, selection, headlines, look, caption)
        panes += f'<div class="pane">{shown}</div>'
    return f'<div class="tabs">{heads}{panes}</div>'


def _schemes(document: Json, group: Json, look: Look) -> str:
    selection = group["common"] if group["common"]["scenes"] else group["own"]
    pooling = document["protocol"]["headlines"][0]["pooling"]
    balanced = "balanced_accuracy" if group["is_accuracy"] else "balanced_agreement"
    metric = balanced if pooling == "median_per_patch" else "dice"
    out = ""
    for name, scheme in selection["schemes"].items():
        if not scheme["masks"]:
            continue
        lacking = [look.titles[m] for m in look.titles if m not in scheme["masks"]]
        note = f" Not judged here, for want of these classes: {', '.join(lacking)}." if lacking else ""
        note += absent_note(scheme)
        out += (
            f'<h3>{SCHEME_TITLES[name]}</h3><p class="soft">{escape(scheme["title"])}.{escape(note)}</p>'
            f"{card(scheme_bars(group, scheme, look, metric, pooling))}{shares_table(scheme, look)}"
            f"{class_table(group, scheme, look)}"
            f"<details><summary>Confusion matrices</summary>{matrices(group, name, scheme, look)}</details>"
        )
    return out


def _how(document: Json, look: Look) -> str:
    reference, protocol, boot = document["reference"], document["protocol"], document["bootstrap"]
    lines = []
    for mask in document["masks"]:
        claimed = ", ".join(class_title(c) for c in mask["claims"])
        texts = [claimed, reasons(mask) or DASH, mask["setting"]]
        claims, absent, setting = (cell(escape(t), "text") for t in texts)
        lines.append(f"{look.cell(mask['name'])}{claims}{cell(str(mask['scenes']))}{absent}{setting}")
    heads = ["Mask", "< Claims", "Scenes", "< Not available", "< Version and settings"]
    source = f" ({escape(reference['source'])})" if reference["source"] else ""
    limit = f", {reference['limit']} scenes asked for" if reference["limit"] else ""
    split = f", {escape(reference['split'])} split" if reference["split"] else ""
    return (
        '<h2 id="how">How this was made</h2>'
        f"<p><b>Reference.</b> {escape(reference['title'])}{source}, "
        f"licence: {escape(reference['licence'])}; "
        f"{escape(reference['name'])}{split}{limit}.</p>"
        f"<p><b>Protocol.</b> {escape(protocol['title'])} ({escape(protocol['source'])}). "
        f"{escape(protocol['text'])}</p>"
        f"<p><b>Intervals.</b> {100 * boot['level']:.0f} % percentile bootstrap over products, "
        f"{count(boot['draws'])} draws, seed {boot['seed']}; none where fewer than {boot['min_units']} "
        "products are left. Numbers pooled over pixels and medians per patch are different things and must "
        f"not be compared.</p>{card(table(heads, lines))}<p>{escape(TERMS)}</p>"
    )
