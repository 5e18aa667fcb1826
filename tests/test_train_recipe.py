"""Recipes: what they mean, and that every mistake is named."""

import dataclasses
import typing
from pathlib import Path

import pytest

from cloudmask.errors import UsageError
from cloudmask.train.recipe import Recipe
from cloudmask.train.recipe_checks import RANGES
from cloudmask.train.recipe_file import load_recipe, recipe_copies, recipe_from_dict, recipe_to_dict

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


@pytest.mark.parametrize("key", ["veil", "relight"])
def test_changes_at_the_top_of_the_atmosphere_need_l1c(tmp_path: Path, key: str) -> None:
    text = GOOD.replace('level = "l1c"', 'level = "l2a"') + f"[augment]\n{key} = 0.5\n"
    with pytest.raises(UsageError, match=rf"augment\.{key}: expected 0 at L2A, found 0\.5"):
        load_recipe(write(tmp_path, text))


EXTRA = """
[model]
widths = [8, 8]
[augment]
gain = 0.1
[loss]
dice = 0.5
[[teachers]]
model = "m"
gsd = 20.0
[[exports]]
name = "a"
"""


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("crop = 32", "crop = 32\nbatch = 0", r"schedule\.batch: expected a number from 1 to 4096, found 0"),
        ("crop = 32", "crop = 32\nepochs = 0", r"schedule\.epochs: .*found 0"),
        ("crop = 32", "crop = 32\nsteps = -1", r"schedule\.steps: .*found -1"),
        ("crop = 32", "crop = 32\nrate = nan", r"schedule\.rate: expected a number above 0, to 1, f"),
        ("crop = 32", "crop = 32\nrate = inf", r"schedule\.rate: .*found inf"),
        ("crop = 32", "crop = 32\nrate = 0", r"schedule\.rate: .*found 0"),
        ("crop = 32", "crop = 32\naverage = 2", r"schedule\.average: expected a number from 0 to 1, found 2"),
        ("crop = 32", "crop = 32\nanchor = 1", r"schedule\.anchor: .*from 0 to below 1, found 1"),
        ("crop = 32", "crop = 32\nbatch = 1", None),
        ("patch = 64", "patch = 64\nseed = -1", r"seed: .*found -1"),
        ("patch = 64", "patch = 64\nseed = 0xffffffffffffffffff", "at most 64 bits, found one of 72"),
        ("patch = 64", "patch = 64\ngsd = -5", r"gsd: expected a number from 5 to 500, found -5"),
        ("patch = 64", "patch = 64\ngsd = 22.5", r"gsd: expected whole metres, found 22\.5"),
        ("patch = 64", "patch = 64\ngsd = 200", r"gsd: expected up to 120 to simulate, found 200"),
        ("patch = 64", 'patch = 64\nversion = " "', "version: expected a text"),
        ('level = "l1c"', "level = 3", "level: expected text, found 3"),
        ("[8, 8]", "[0, 8, 8]", r"model\.widths: expected a number from 1 to 4096, found 0"),
        ("[8, 8]", "[]", r"model\.widths: expected 2 to 5 numbers, found \[\]"),
        ("[8, 8]", "[8, 8, 8, 8, 8]\n[schedule]\nbatch = 1", "schedule.batch: expected 2 or more with 5"),
        ("gain = 0.1", "gain = -0.1", r"augment\.gain: .*found -0\.1"),
        ("gain = 0.1", "veil = 1.5", r"augment\.veil: .*found 1\.5"),
        ("gain = 0.1", "drop = 1.5", r"augment\.drop: .*found 1\.5"),
        ("dice = 0.5", "class_weights = [1, 1, nan, 1]", r"loss\.class_weights: .*found nan"),
        ("dice = 0.5", "consistency = -1", r"loss\.consistency: .*found -1"),
        ("gsd = 20.0\n[[ex", "gsd = 0\n[[ex", r"\[\[teachers\]\] 1: gsd: .*found 0"),
        ('name = "a"', 'name = "../x y"', r"exports\.name: expected 1 to 64 letters, .*found '\.\./x y'"),
        ('name = "tiny"', 'name = "/tmp/x"', r"name: expected 1 to 64 letters, .*found '/tmp/x'"),
        ('name = "a"', 'name = "Metrics"', "none of recipe, versions, metrics, found 'Metrics'"),
        ('name = "a"', 'name = "a"\n[[exports]]\nname = "A"', "a name of its own for each model"),
        ('name = "a"', 'name = "a"\noffsets = [0, inf, 0, 0]', r"\[\[exports\]\] 1: offsets: .*found inf"),
        ('name = "a"', 'name = "a"\nrank = 5000', r"\[\[exports\]\] 1: rank: .*found 5000"),
        ("count = 4", "count = 0", r"\[\[train\]\] 1: count: expected 1 patch or more, found 0"),
        ("count = 4", "count = 4\nweight = nan", r"\[\[train\]\] 1: weight: .*found nan"),
        ("count = 4", "count = 4\nweight = 0", "more than 0 for one source at least"),
        (
            "count = 4",
            'count = 4\n[[validation]]\nkind = "simulation"',
            r"\[\[validation\]\] 1: count: expected 1 patch or more, found 0",
        ),
        ("count = 4", "count = 4\noptions = {procedural = 2}", r"options\.procedural: .*found 2"),
        ("count = 4", "count = 4\noptions = {cover = true}", r"options\.cover: .*found True"),
        ("count = 4", "count = 4\noptions = {x = 2020-01-01}", r"options: expected texts, numbers"),
    ],
)
def test_numbers_and_names_have_ranges(tmp_path: Path, old: str, new: str, named: str | None) -> None:
    text = GOOD + EXTRA
    assert text.count(old) == 1
    if "[schedule]" in new:  # a table is written once
        new, more = new.split("\n[schedule]")
        text = text.replace("[schedule]", f"[schedule]{more}")
    path = write(tmp_path, text.replace(old, new))
    if named is None:
        load_recipe(path)
        return
    with pytest.raises(UsageError, match=named) as error:
        load_recipe(path)
    assert str(path) in str(error.value)


def test_every_number_has_a_range() -> None:
    """So that a new key cannot be forgotten."""

    def look(kind: type) -> None:
        for name, hint in typing.get_type_hints(kind).items():
            inner = typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else hint
            if dataclasses.is_dataclass(inner):
                look(typing.cast(type, inner))
            else:
                assert (inner in (int, float)) == (name in RANGES[kind]), f"{kind.__name__}.{name}"

    look(Recipe)


def test_an_int8_copy_needs_real_pixels(tmp_path: Path) -> None:
    text = GOOD + '[[exports]]\nname = "a"\nint8 = true\n'
    wanted = r"exports\.int8 of a: needs real pixels .*found 0 and 0; add them, or leave int8 out"
    with pytest.raises(UsageError, match=wanted):
        load_recipe(write(tmp_path, text))
    text += '[[train]]\nkind = "arrays"\n'
    with pytest.raises(UsageError, match="found 1 and 0"):
        load_recipe(write(tmp_path, text))
    assert load_recipe(write(tmp_path, text + '[[scenes]]\nkind = "arrays"\n')).exports[0].int8


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


@pytest.mark.parametrize(
    "line",
    [
        'base = "in/middle.toml"  # ours',
        "  'base'='in/middle.toml'",
        'title = """\nbase = 3\n"""\nbase = """in/middle.toml"""',
    ],
)
def test_copies_of_a_recipe_and_its_bases_are_the_recipe(tmp_path: Path, line: str) -> None:
    first, copied = tmp_path / "first.toml", tmp_path / "copied"
    for folder in (tmp_path / "in", copied):
        folder.mkdir()
    first.write_text(f"# why\n{line}\n[schedule]\nbatch = 3\n", "utf-8")
    (tmp_path / "in" / "middle.toml").write_text('base = "../recipe.toml"\nseed = 7\n', "utf-8")
    write(tmp_path, GOOD)
    wanted = load_recipe(first)
    texts = recipe_copies(first)
    assert list(texts) == ["recipe.toml", "recipe-base-1.toml", "recipe-base-2.toml"]
    assert texts["recipe.toml"].startswith("# why\n")
    assert texts["recipe-base-2.toml"] == GOOD
    for name, text in texts.items():
        (copied / name).write_text(text, "utf-8")
    first.unlink()
    (tmp_path / "in" / "middle.toml").unlink()
    assert load_recipe(copied / "recipe.toml") == wanted
    assert recipe_copies(copied / "recipe.toml") == texts, "copies of copies are no others"


def test_a_recipe_without_a_base_is_copied_as_it_is(tmp_path: Path) -> None:
    assert recipe_copies(write(tmp_path, GOOD)) == {"recipe.toml": GOOD}


def test_a_base_that_cannot_be_named_anew(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    path = tmp_path / "first.toml"
    path.write_text('base = """\\\n  recipe.toml"""\n', "utf-8")
    assert load_recipe(path).name == "tiny"
    with pytest.raises(UsageError, match=r"first\.toml: key 'base': expected a line of its own"):
        recipe_copies(path)


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
