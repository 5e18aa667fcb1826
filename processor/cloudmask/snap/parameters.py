"""Parameters of the operator: the fields of ``Options`` that make sense in SNAP, in Java's terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints

from ..options import Options, OptionSpec, make_options, option_specs

# Objects where nothing may be set, primitives where the default is a value.
_JAVA_TYPES: dict[tuple[type, bool], str] = {
    (bool, False): "boolean",
    (int, False): "int",
    (int, True): "java.lang.Integer",
    (float, False): "double",
    (float, True): "java.lang.Double",
    (str, False): "java.lang.String",
    (str, True): "java.lang.String",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of the operator.

    Attributes
    ----------
    name : str
        As graphs and ``gpt -P`` spell it, ``"cloudBuffer"``.
    option : str
        Field of ``Options``, ``"cloud_buffer"``; empty for those of SNAP alone.
    java_type : str
        As the descriptor's ``dataType`` wants it.
    default : object
        None if it has none.
    spec : OptionSpec
        Label, text, unit, range.
    """

    name: str
    option: str
    java_type: str
    default: Any
    spec: OptionSpec


COPY_SOURCE_BANDS = Parameter(
    name="copySourceBands",
    option="",
    java_type="boolean",
    default=True,
    spec=OptionSpec(
        "Copy source bands",
        "Pass all bands, masks and tie points of the source through, so that the next operator finds them.",
    ),
)


def camel_case(option: str) -> str:
    """``"cloud_buffer"`` to ``"cloudBuffer"``."""
    first, *rest = option.split("_")
    return first + "".join(word.capitalize() for word in rest)


def parameters() -> tuple[Parameter, ...]:
    """All parameters in the order of the form in SNAP Desktop."""
    hints = get_type_hints(Options)
    defaults = {f.name: f.default for f in fields(Options)}
    found = []
    for option, spec in option_specs().items():
        if not spec.snap:
            continue
        kinds = [t for t in get_args(hints[option]) or (hints[option],) if t is not type(None)]
        optional = defaults[option] is None
        java = _JAVA_TYPES[kinds[0], optional]
        found.append(Parameter(camel_case(option), option, java, defaults[option], spec))
    return (*found, COPY_SOURCE_BANDS)


def read_parameters(get: Callable[[str], Any], resolution: int) -> tuple[Options, bool]:
    """Options of one run, and whether source bands are copied.

    Parameters
    ----------
    get : callable
        ``context.getParameter``.
    resolution : int
        Pixel size of the source, metres: it takes the place of the option of that name.

    Raises
    ------
    UsageError
        If a value is outside its range.
    """
    values: dict[str, Any] = {"resolution": resolution}
    copy = bool(COPY_SOURCE_BANDS.default)
    for parameter in parameters():
        value = get(parameter.name)
        # Graphs write an empty element for "nothing"; the Python side may leave a parameter out.
        if value is None or value == "":
            value = parameter.default
        if parameter is COPY_SOURCE_BANDS:
            copy = bool(value)
        else:
            values[parameter.option] = value
    return make_options(**values), copy
