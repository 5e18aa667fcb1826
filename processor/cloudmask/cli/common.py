"""Pieces that sub-commands share: options generated from ``Options``, logging, progress."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from ..classes import CloudClass, parse_class
from ..errors import CloudMaskError, UsageError
from ..options import Options, option_specs, option_types
from ..pipeline import Progress

F = TypeVar("F", bound=Callable[..., Any])

_METAVARS = {"model": "NAME|FILE", "bands": "B02,B03,..."}

_THRESHOLDS = {
    CloudClass.CLOUD: "cloud_threshold",
    CloudClass.SEMI_TRANSPARENT_CLOUD: "semi_transparent_cloud_threshold",
    CloudClass.CLOUD_SHADOW: "cloud_shadow_threshold",
}


def processing_options(function: F) -> F:
    """Add one click option for every field of ``Options``, with its text, range and default."""
    defaults = Options()
    for name, spec in reversed(list(option_specs().items())):
        if name in _THRESHOLDS.values():
            continue  # given together, as --threshold CLASS=P
        default = getattr(defaults, name)
        text = spec.help
        flag = "--" + name.replace("_", "-")
        settings: dict[str, Any] = {"default": default, "help": text, "show_default": default is not None}
        if isinstance(default, bool):
            settings |= {"is_flag": True, "show_default": False}
        elif spec.choices is not None:
            numbers = isinstance(spec.choices[0], int)
            settings["type"] = _Number(spec.choices) if numbers else click.Choice(spec.choices)
        elif spec.interval is not None:
            settings["type"] = option_types()[name][0]
            settings["metavar"] = spec.unit.upper() or "N"
        else:
            settings["metavar"] = _METAVARS.get(name, "TEXT")
        function = click.option(flag, name, **settings)(function)
    threshold = click.option(
        "--threshold",
        "threshold",
        multiple=True,
        metavar="CLASS=P",
        help="Call a pixel CLASS (cloud, semi_transparent_cloud or thin, cloud_shadow or shadow) where "
        "its probability reaches P, 0 to 1; may be given for each class. By default the most "
        "probable class wins.",
    )
    return threshold(function)


class _Number(click.Choice):  # type: ignore[type-arg]
    """A choice among whole numbers that arrives as a number."""

    def __init__(self, choices: tuple[int, ...]) -> None:
        super().__init__([str(c) for c in choices])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return int(super().convert(str(value), param, ctx))


def collect_options(values: dict[str, Any], thresholds: tuple[str, ...]) -> Options:
    """``Options`` from parsed option values and ``CLASS=P`` texts; other keys are left alone.

    Raises
    ------
    UsageError
        For a threshold that is not understood or a value out of range.
    """
    chosen = {name: values[name] for name in option_specs() if name in values}
    for text in thresholds:
        name, sign, number = text.partition("=")
        try:
            member = parse_class(name)
            value = float(number)
        except (CloudMaskError, ValueError) as error:
            raise UsageError(f"--threshold {text}: expected CLASS=P, such as cloud=0.4") from error
        if not sign or member not in _THRESHOLDS:
            allowed = ", ".join(c.key for c in _THRESHOLDS)
            raise UsageError(f"--threshold {text}: expected one of {allowed} with =P")
        chosen[_THRESHOLDS[member]] = value
    return Options(**chosen)


def verbosity_options(function: F) -> F:
    """Add ``-v`` and ``-q``."""
    quiet = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
    verbose = click.option("-v", "--verbose", is_flag=True, help="Say what is being done.")
    return verbose(quiet(function))


def set_up_logging(verbose: bool, quiet: bool) -> None:
    """Send the package's log to stderr as plain lines."""
    level = logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("cloudmask: %(message)s"))
    logger = logging.getLogger("cloudmask")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False


@contextmanager
def progress_bar(quiet: bool, label: str) -> Iterator[Progress | None]:
    """A bar on stderr where that is a terminal; nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm  # only a terminal needs it

    with tqdm(desc=label, unit="tile", leave=False, dynamic_ncols=True) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield advance
