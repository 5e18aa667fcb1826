"""The one definition of every processing option: name, default, range and text.

The command line, the Python API and the SNAP operator are generated from, or tested against,
the fields of :class:`Options`; nothing else states a default.
"""

from __future__ import annotations

import numbers
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from .bands import RESOLUTIONS, parse_bands
from .classes import CloudClass
from .errors import InputError, UsageError

DEVICES: tuple[str, ...] = ("auto", "cpu", "cuda", "openvino")
DOWNSAMPLINGS: tuple[str, ...] = ("wavelet", "mean")


@dataclass(frozen=True)
class OptionSpec:
    """What an interface needs to present one option.

    Attributes
    ----------
    label : str
        Two or three words for a form.
    help : str
        One sentence for ``--help`` and tooltips.
    unit : str
        Unit symbol, empty if there is none.
    interval : tuple of (float, float) or None
        Closed range of valid values.
    choices : tuple or None
        All valid values where they can be listed.
    snap : bool
        Whether the SNAP operator has it: a resampled source already fixes grid and radiometry.
    """

    label: str
    help: str
    unit: str = ""
    interval: tuple[float, float] | None = None
    choices: tuple[Any, ...] | None = None
    snap: bool = True


def _option(default: Any, label: str, help: str, **spec: Any) -> Any:  # noqa: A002
    return field(default=default, metadata={"spec": OptionSpec(label, help, **spec)})


_ACCEPTED: Mapping[type, tuple[tuple[type, ...], str]] = MappingProxyType(
    {
        bool: ((bool,), "true or false"),
        int: ((numbers.Integral,), "a whole number"),
        float: ((numbers.Real,), "a number"),
        str: ((str, os.PathLike), "text"),
    }
)
"""What is taken for a field of each type, and how to say so."""

_BUFFER_MAX = 5000.0  # metres; beyond it a buffer says nothing about clouds
_AREA_MAX = 1e8  # square metres, 100 km2


@dataclass(frozen=True)
class Options:
    """Processing options; distances in metres, areas in square metres, probabilities 0 to 1.

    Raises
    ------
    UsageError
        On construction, if a value is outside its documented range.
    """

    resolution: int = _option(
        20,
        "Resolution",
        "Ground sampling distance of the mask.",
        unit="m",
        choices=RESOLUTIONS,
        snap=False,
    )
    model: str | None = _option(
        None,
        "Model",
        "Name of a model that 'cloudmask models' lists, or an ONNX file with its card; "
        "by default the best one for the product's level and bands.",
    )
    bands: str | None = _option(
        None,
        "Bands",
        "Use these bands of the product only, as in B02,B03,B04,B08,B8A,B09,B11; by default all that the "
        "network takes. Fewer bands are decoded sooner, and mask worse.",
        snap=False,
    )
    device: str = _option(
        "auto",
        "Device",
        "Where the network runs: auto takes CUDA or OpenVINO if their runtime is installed, else the CPU.",
        choices=DEVICES,
    )
    tile_size: int | None = _option(
        None,
        "Tile size",
        "Side of an inference tile in model pixels, by default the model's own; "
        "a model that is tied to one size keeps it.",
        unit="px",
        interval=(64, 4096),
    )
    threads: int = _option(
        0,
        "Threads",
        "Processor threads for reading and inference; 0 takes all.",
        interval=(0, 1024),
    )
    cloud_threshold: float | None = _option(
        None,
        "Cloud threshold",
        "Call a pixel cloud where its probability reaches this; by default the most probable class wins.",
        interval=(0.0, 1.0),
    )
    semi_transparent_cloud_threshold: float | None = _option(
        None,
        "Semi-transparent cloud threshold",
        "Call a pixel semi-transparent cloud where its probability reaches this; "
        "by default the most probable class wins.",
        interval=(0.0, 1.0),
    )
    cloud_shadow_threshold: float | None = _option(
        None,
        "Cloud shadow threshold",
        "Call a pixel cloud shadow where its probability reaches this; "
        "by default the most probable class wins.",
        interval=(0.0, 1.0),
    )
    cloud_buffer: float = _option(
        0.0,
        "Cloud buffer",
        "Clear pixels within this distance of cloud or semi-transparent cloud take its class.",
        unit="m",
        interval=(0.0, _BUFFER_MAX),
    )
    shadow_buffer: float = _option(
        0.0,
        "Shadow buffer",
        "Clear pixels within this distance of cloud shadow become cloud shadow.",
        unit="m",
        interval=(0.0, _BUFFER_MAX),
    )
    min_area: float = _option(
        0.0,
        "Minimum area",
        "Connected cloud (both kinds together) or shadow smaller than this becomes clear.",
        unit="m2",
        interval=(0.0, _AREA_MAX),
    )
    probabilities: bool = _option(
        False,
        "Probabilities",
        "Also give the probability of each class.",
    )
    radiometric_offset: float | None = _option(
        None,
        "Radiometric offset",
        "Offset added to the digital numbers of every band, in place of the product's own; "
        "0 for data that were harmonised already.",
        unit="DN",
        interval=(-20000.0, 20000.0),
        snap=False,
    )
    downsampling: str = _option(
        "wavelet",
        "Downsampling",
        "How 10 m bands are brought to a coarser network: wavelet reads a level of their JPEG 2000 images; "
        "mean decodes them in full and averages, which takes longer and is what SNAP's S2Resampling does.",
        choices=DOWNSAMPLINGS,
        snap=False,
    )
    verify: bool = _option(
        False,
        "Verify",
        "Hold the product's files against the checksums of its manifest.safe before they are used.",
        snap=False,
    )

    def __post_init__(self) -> None:
        given: Any = self.bands  # a list of names is what a program has at hand
        if isinstance(given, (list, tuple)) and all(isinstance(b, str) for b in given):
            object.__setattr__(self, "bands", ",".join(given))
        for name, spec in option_specs().items():
            value = self._typed(name)
            if value is None:
                continue
            if spec.choices is not None and value not in spec.choices:
                raise _wrong(name, "one of " + ", ".join(str(c) for c in spec.choices), value)
            if spec.interval is not None and not spec.interval[0] <= value <= spec.interval[1]:
                low, high = spec.interval
                raise _wrong(name, f"{low:g} to {high:g}{' ' * bool(spec.unit)}{spec.unit}", value)
        if self.bands is not None:
            try:
                object.__setattr__(self, "bands", ",".join(parse_bands(self.bands.split(","))))
            except InputError as error:
                raise UsageError(f"option bands: {error}") from error

    def _typed(self, name: str) -> Any:
        """The value as a plain Python one; numpy's scalars and paths are taken too."""
        value = getattr(self, name)
        kind, optional = option_types()[name]
        if value is None and optional:
            return None
        accepted, text = _ACCEPTED[kind]
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            raise _wrong(name, text, value)
        plain = os.fspath(value) if isinstance(value, os.PathLike) else kind(value)
        object.__setattr__(self, name, plain)
        return plain

    def band_names(self) -> tuple[str, ...]:
        """Bands to be used; none named means all."""
        return tuple(self.bands.split(",")) if self.bands else ()

    def thresholds(self) -> Mapping[CloudClass, float]:
        """Probability thresholds of the classes that have one."""
        given = {
            CloudClass.CLOUD: self.cloud_threshold,
            CloudClass.SEMI_TRANSPARENT_CLOUD: self.semi_transparent_cloud_threshold,
            CloudClass.CLOUD_SHADOW: self.cloud_shadow_threshold,
        }
        return {k: v for k, v in given.items() if v is not None}

    def to_dict(self) -> dict[str, Any]:
        """All options as plain values, for records."""
        return asdict(self)


def _wrong(name: str, expected: str, found: object) -> UsageError:
    return UsageError(f"option {name.replace('_', '-')}: expected {expected}, found {found!r}")


@cache
def option_types() -> Mapping[str, tuple[type, bool]]:
    """Type of every option (bool, int, float or str), and whether it may be None."""
    out = {}
    for name, hint in get_type_hints(Options).items():
        kinds = get_args(hint) or (hint,)
        out[name] = (kinds[0], type(None) in kinds)
    return MappingProxyType(out)


def option_specs() -> Mapping[str, OptionSpec]:
    """Presentation of every option, by field name, in order."""
    return {f.name: f.metadata["spec"] for f in fields(Options)}


def make_options(**values: Any) -> Options:
    """Options from keyword arguments, with an error that names an unknown one.

    Raises
    ------
    UsageError
        For a name that is no option or a value out of range.
    """
    known = option_specs()
    for name in values:
        if name not in known:
            raise UsageError(f"unknown option '{name}'; expected one of {', '.join(known)}")
    return Options(**values)
