"""``cloudmask models``: what is there to choose from."""

from __future__ import annotations

import json
from typing import Any

import click

from ..catalog import PATH_VARIABLE, Entry, catalog


@click.command("models", short_help="List the models.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List the models, best first: level, bands, resolution, classes, licence, hash, citation.

    Folders named in the environment variable CLOUDMASK_MODEL_PATH are searched as well.
    """
    entries = catalog()
    if as_json:
        click.echo(json.dumps([_facts(e) for e in entries], indent=2))
        return
    for entry in entries:
        facts = _facts(entry)
        click.echo(click.style(facts["name"], bold=True) + f"  {facts['title']}, version {facts['version']}")
        click.echo(
            f"  level {facts['level']}   bands {' '.join(facts['bands'])}   {facts['gsd']:g} m   "
            f"classes {', '.join(facts['classes'])}"
        )
        click.echo(f"  licence {facts['licence']}   SHA-256 {facts['sha256'] or 'not given'}")
        if facts["citation"]:
            click.echo(f"  cite as {facts['citation']}")
        click.echo(f"  {facts['path'] or 'not installed: ' + entry.missing}")
    click.echo(f"\nThe first that fits a product is its default. More folders: {PATH_VARIABLE}.", err=True)


def _facts(entry: Entry) -> dict[str, Any]:
    card = entry.card
    return {
        "name": card.name,
        "title": card.title,
        "version": card.version,
        "level": card.level,
        "bands": list(card.bands),
        "gsd": card.gsd,
        "classes": [c.key for c in card.classes],
        "licence": card.licence,
        "sha256": card.sha256,
        "citation": card.citation,
        "path": str(entry.path) if entry.path else None,
    }
