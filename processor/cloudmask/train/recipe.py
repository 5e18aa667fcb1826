"""The recipe of a training run, as frozen dataclasses; :mod:`.recipe_file` reads them from TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..bands import Level

SOURCE_KINDS = ("simulation", "arrays", "reference")
LABEL_KINDS = ("file", "clear", "difference", "none")


@dataclass(frozen=True)
class SourceSpec:
    """One source of patches.

    Attributes
    ----------
    kind : str
        ``simulation``, ``arrays`` (``.npz`` files) or ``reference`` (KappaSet, CloudSEN12, ...).
    weight : float
        Share of this source in a batch, relative to the others'.
    path : str
        Folder of arrays or of the reference set; of clear scenes to use as surfaces for a simulation.
    files : tuple of str
        Names inside `path`, ``name.npz`` or ``name.npz:key`` where the array is not called ``x``.
    labels : str
        For arrays: ``file`` (array ``y``), ``clear`` (every valid pixel), ``difference`` (from the clear
        date in ``clear``), ``none`` (only the teachers' soft labels).
    format : str
        For a reference set: the name of its reader.
    count : int
        Number of patches of a simulation, of crops of a reference set.
    seed : int
        First seed of a simulation; patch `i` has seed ``seed + i``.
    teach : bool
        Whether teachers are asked about these arrays.
    options : mapping
        Passed to the simulator as they are.
    """

    kind: str
    weight: float = 1.0
    path: str = ""
    files: tuple[str, ...] = ()
    labels: str = "file"
    format: str = ""
    count: int = 0
    seed: int = 0
    teach: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TeacherSpec:
    """A model whose predictions are soft labels, only at resolutions at which it is right."""

    model: str
    gsd: float
    weight: float = 0.3


@dataclass(frozen=True)
class ModelSpec:
    """The net: see :class:`cloudmask.train.net.UNet`; `smooth` names bands."""

    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    bottom: int = 0
    features: tuple[str, ...] = ()
    transform: str = "sqrt"
    smooth: tuple[str, ...] = ()


@dataclass(frozen=True)
class AugmentSpec:
    """Ranges of the random changes to a training patch; 0 switches one off."""

    gain: float = 0.15
    band_gain: float = 0.03
    noise: float = 0.003
    scale: float = 0.3
    sharpness: float = 0.0
    turn: bool = True
    missing: float = 0.1
    flood: float = 0.0
    haze: float = 0.0
    veil: float = 0.0
    relight: float = 0.0
    band_sets: tuple[tuple[str, ...], ...] = ()
    drop: float = 0.0


@dataclass(frozen=True)
class ScheduleSpec:
    """Length and pace of a run, and which weights are exported.

    `optimiser` is ``adamw``, or ``muon`` for the kernels inside the net and AdamW for the rest.
    `select` is the epoch: ``best`` by the selection score, or the ``last``. With `anchor`, a share of the
    weights that the run started from (``--init``) is mixed in, which keeps what they knew and the run's data
    do not show (Wortsman et al. 2022, CVPR, "Robust fine-tuning of zero-shot models"). `simulated` is the
    share of the patches of each simulation to learn from that is made: short runs do not see all of them.
    """

    epochs: int = 30
    steps: int = 200
    batch: int = 16
    crop: int = 192
    optimiser: str = "adamw"
    rate: float = 2e-3
    weight_decay: float = 1e-2
    warmup: int = 100
    average: float = 0.998
    patience: int = 0
    freeze_encoder: bool = False
    encoder_rate: float = 1.0
    select: str = "best"
    anchor: float = 0.0
    simulated: float = 1.0


@dataclass(frozen=True)
class LossSpec:
    """Weights of the loss: per class in the order clear, shadow, semi-transparent, cloud.

    With `consistency`, half as many patches make a batch, each twice: as it is and as another resampler might
    have left it; differences in what the net says of the two count with this weight.
    """

    class_weights: tuple[float, ...] = (1.0, 2.0, 1.5, 1.0)
    dice: float = 0.5
    smoothing: float = 0.02
    consistency: float = 0.0


@dataclass(frozen=True)
class ExportSpec:
    """One model to write at the end.

    Attributes
    ----------
    name : str
        Name of the file and in the card.
    title : str
        Title in the card.
    bands : tuple of str
        Bands it takes; none means all of the recipe's.
    optional : tuple of str
        Of these, bands that a product may lack; ``augment.band_sets`` should have taught it to do without.
    rank : int
        Rank in the card: among models that fit a product, the highest is the default.
    int8 : bool
        Whether to write ``NAME-int8.onnx`` too.
    offsets : tuple of float
        Added to the logits of clear, shadow, semi-transparent cloud, cloud: the operating point, chosen
        on development scenes. None means zero.
    limits : tuple of str
        What the model is known not to do well, for the card.
    """

    name: str
    title: str = ""
    bands: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    rank: int = 0
    int8: bool = False
    offsets: tuple[float, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on.

    Attributes
    ----------
    name, version : str
        Name and version of the model that comes out.
    level : "L1C" or "L2A"
        Level of all imagery.
    bands : tuple of str
        Input bands in order.
    gsd : float
        Ground sampling distance of the patches, metres.
    patch : int
        Edge of a pooled patch, pixels, a multiple of 32.
    seed : int
        Seed of everything random.
    train, validation, scenes : tuple of SourceSpec
        Sources to learn from; frozen patches scored after each epoch; whole real development scenes.
    exports : tuple of ExportSpec
        Models to write; by default one, with the recipe's name and bands.
    """

    name: str
    level: Level
    bands: tuple[str, ...]
    gsd: float = 20.0
    patch: int = 256
    seed: int = 0
    version: str = "1.0.0"
    title: str = ""
    licence: str = "Apache-2.0"
    citation: str = ""
    training_data: str = ""
    model: ModelSpec = field(default_factory=ModelSpec)
    augment: AugmentSpec = field(default_factory=AugmentSpec)
    schedule: ScheduleSpec = field(default_factory=ScheduleSpec)
    loss: LossSpec = field(default_factory=LossSpec)
    train: tuple[SourceSpec, ...] = ()
    validation: tuple[SourceSpec, ...] = ()
    scenes: tuple[SourceSpec, ...] = ()
    teachers: tuple[TeacherSpec, ...] = ()
    exports: tuple[ExportSpec, ...] = ()
