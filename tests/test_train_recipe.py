"""Recipes: what they mean, and that every mistake is named."""

from pathlib import Path

import pytest

from cloudmask.errors import UsageError
from cloudmask.train.recipe import load_recipe, recipe_from_dict, recipe_to_dict

GOOD = """
name = "tiny"
level = "l1c"
bands = ["b2", "B03", "B04", "B8"]
patch = 64
[schedule]
crop = 32
[[train]]
kind = "simulation"
count = 4
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, "utf-8")
    return path


def test_names_become_canonical_and_defaults_fill(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD))
    assert (recipe.level, recipe.bands) == ("L1C", ("B02", "B03", "B04", "B08"))
    assert recipe.train[0].weight == 1.0
    assert recipe_from_dict(recipe_to_dict(recipe)) == recipe


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('name = "tiny"', "", "'name' is missing"),
        ("patch = 64", "pitch = 64", "unknown key 'pitch'"),
        ("patch = 64", "patch = 65", "multiple of 32"),
        ("patch = 64", 'patch = "64"', "expected int"),
        ("crop = 32", "crop = 128", "multiple of 32 <= patch"),
        ('"B8"]', '"B10"]\ngsd = 20.0', None),
        ('level = "l1c"', 'level = "L2A"', None),
        ('level = "l1c"', 'level = "L3"', "unknown processing level"),
        ('kind = "simulation"', 'kind = "magic"', "simulation or arrays or reference"),
        ('[[train]]\nkind = "simulation"\ncount = 4', "", r"no \[\[train\]\] source"),
        ("[schedule]", "[schedule", "not a TOML file"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, named: str | None) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    if named is None:
        load_recipe(path)
        return
    with pytest.raises(UsageError, match=named):
        load_recipe(path)


def test_a_recipe_may_differ_from_another(tmp_path: Path) -> None:
    base = load_recipe(write(tmp_path, GOOD))
    other = tmp_path / "other.toml"
    other.write_text(
        'base = "recipe.toml"\nname = "other"\n[schedule]\nbatch = 3\n[[train]]\nkind = "arrays"\n', "utf-8"
    )
    found = load_recipe(other)
    assert (found.name, found.bands, found.schedule.batch) == ("other", base.bands, 3)
    assert found.schedule.crop == base.schedule.crop
    assert [s.kind for s in found.train] == ["arrays"]


@pytest.mark.parametrize("base", ['"none.toml"', "3", '"recipe.toml"'])
def test_a_base_that_is_none(tmp_path: Path, base: str) -> None:
    path = write(tmp_path, f"base = {base}\n" + GOOD)
    with pytest.raises(UsageError, match=r"none\.toml: cannot read|key 'base': expected the file"):
        load_recipe(path)


def test_l2a_has_no_cirrus_band(tmp_path: Path) -> None:
    text = GOOD.replace('"l1c"', '"L2A"').replace('"B8"', '"B10"')
    with pytest.raises(UsageError, match="L2A has no band B10"):
        load_recipe(write(tmp_path, text))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the recipe"):
        load_recipe(tmp_path / "none.toml")


def test_shipped_recipes_are_valid() -> None:
    folder = Path(__file__).parent.parent / "recipes"
    recipes = [load_recipe(p) for p in sorted(folder.rglob("*.toml"))]
    assert {r.name for r in recipes} >= {"smoke", "cloudmask-l1c"}
    records = list((folder.parent / "docs" / "records").rglob("recipe.toml"))
    assert {load_recipe(p).level for p in records} == {"L1C", "L2A"}
