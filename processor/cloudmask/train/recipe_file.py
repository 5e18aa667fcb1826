"""Recipes as TOML files and as plain values."""

from __future__ import annotations

import dataclasses
import re
import sys
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .recipe import Recipe
from .recipe_checks import check_int8, check_recipe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    A recipe with the key ``base``, another recipe's file name relative to its own, differs from that one
    in what it says: its tables are laid over the base's, its values and lists of tables take their place.

    Raises
    ------
    UsageError
        If the file is not TOML, or a key or value is not what a recipe has; the message names it.
    """
    recipe = check_recipe(_build(Recipe, _read(path), str(path)), str(path))
    check_int8(recipe, str(path))
    return recipe


def recipe_copies(path: Path) -> dict[str, str]:
    """Texts by which a recipe can be run again without the files it is based on, by file name.

    ``recipe.toml`` is the recipe as it was written, and ``recipe-base-1.toml`` and so on are its bases; each
    that has one names the next by its new name, with the old line behind it.

    Raises
    ------
    UsageError
        If a file cannot be read, or ``base`` is not on a line of its own.
    """
    chain = _chain(path)
    names = ["recipe.toml", *(f"recipe-base-{number}.toml" for number in range(1, len(chain)))]
    out = {}
    for place, (file, text, raw) in enumerate(chain):
        if "base" in raw:
            text = _with_base(file, text, raw, names[place + 1])
        out[names[place]] = text
    return out


_MOST_BASES = 8
_BASE_LINE = re.compile(r"""^[ \t]*(?:base|"base"|'base')[ \t]*=.*$""", re.M)


def _read(path: Path) -> dict[str, Any]:
    """The recipe's keys and values, laid over those of its bases."""
    out: dict[str, Any] = {}
    for _, _, raw in reversed(_chain(path)):
        out = _overlay(out, {key: value for key, value in raw.items() if key != "base"})
    return out


def _chain(path: Path) -> list[tuple[Path, str, dict[str, Any]]]:
    """The recipe, its base, the base of that and so on: file, text, and the text's keys and values."""
    out: list[tuple[Path, str, dict[str, Any]]] = []
    while True:
        try:
            text = path.read_text("utf-8")
            raw = tomllib.loads(text)
        except OSError as error:
            raise UsageError(f"{path}: cannot read the recipe: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}: not a TOML file: {error}") from error
        out.append((path, text, raw))
        if "base" not in raw:
            return out
        base = raw["base"]
        if not isinstance(base, str) or len(out) > _MOST_BASES:
            raise UsageError(f"{path}: key 'base': expected the file of another recipe, found {base!r}")
        path = path.parent / base


def _with_base(path: Path, text: str, raw: Mapping[str, Any], name: str) -> str:
    """The text of a recipe with another file as its base."""
    if raw["base"] == name:
        return text
    # A line that looks like it may be part of a longer text: what is read afterwards tells.
    for line in _BASE_LINE.finditer(text):
        new = f'{text[: line.start()]}base = "{name}"  # {line[0].strip()}{text[line.end() :]}'
        try:
            if tomllib.loads(new) == {**raw, "base": name}:
                return new
        except ValueError:
            continue
    raise UsageError(f"{path}: key 'base': expected a line of its own, base = \"FILE\"; write it so")


def _overlay(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _overlay(out[key], value) if both else value
    return out


def recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain values, for JSON and checkpoints."""
    plain: dict[str, Any] = dataclasses.asdict(recipe)
    return plain


def recipe_from_dict(raw: Mapping[str, Any]) -> Recipe:
    """Undo :func:`recipe_to_dict`."""
    return check_recipe(_build(Recipe, raw, "stored recipe"), "stored recipe")


def _build(kind: Any, raw: Any, where: str) -> Any:
    if not isinstance(raw, Mapping):
        raise UsageError(f"{where}: expected a table, found {raw!r}")
    hints = typing.get_type_hints(kind)
    known = {f.name: f for f in dataclasses.fields(kind)}
    strange = sorted(set(raw) - set(known))
    if strange:
        raise UsageError(f"{where}: unknown key '{strange[0]}'; known are {', '.join(known)}")
    missing = [
        n
        for n, f in known.items()
        if n not in raw and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UsageError(f"{where}: key '{missing[0]}' is missing")
    return kind(**{k: _value(hints[k], v, f"{where}: {k}") for k, v in raw.items()})


def _value(hint: Any, raw: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(hint, raw, where)
    origin = typing.get_origin(hint)
    if origin is tuple:
        if isinstance(raw, (str, Mapping)) or not isinstance(raw, (list, tuple)):
            raise UsageError(f"{where}: expected a list, found {raw!r}")
        item = typing.get_args(hint)[0]
        return tuple(_value(item, v, where) for v in raw)
    if origin is typing.Literal and not isinstance(raw, str):
        raise UsageError(f"{where}: expected text, found {raw!r}")
    if origin in (typing.Literal, types.UnionType):
        return raw  # checked with the other values
    if isinstance(raw, int) and abs(raw) >= 2**63:  # Python's numbers go on where TOML's end
        raise UsageError(f"{where}: expected a number of at most 64 bits, found one of {raw.bit_length()}")
    if hint is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if hint in (int, float, str, bool) and type(raw) is not hint:
        raise UsageError(f"{where}: expected {hint.__name__}, found {raw!r}")
    if origin is not None and not isinstance(raw, Mapping):
        raise UsageError(f"{where}: expected a table, found {raw!r}")
    return raw
