"""Masks that are timed against each other on one array of pixels.

Each sees the pixels as if they had the spacing it works at, so that none resamples and all are
judged by pixels a second; what a product costs follows from how many pixels it has at that spacing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..bands import Level
from ..catalog import choose, load_model
from ..classes import CloudClass
from ..errors import InputError, UsageError
from ..evaluate.labels import LabelKind
from ..evaluate.masks.base import Pixels as MaskPixels
from ..evaluate.masks.base import Unavailable
from ..evaluate.masks.registry import parse_masks
from ..evaluate.scene import Image, Scene
from ..grid import Grid
from ..onnx_model import runtime
from .pixels import Pixels
from .tasks import run_task

OWN = "cloudmask"
_SAME_WEIGHTS = {"ukis-csmask": {"L1C": "dlr-unet-6b-l1c", "L2A": "dlr-unet-6b-l2a"}}
"""Masks of others whose weights the package can run as well, by level."""
_PEER_GSD = {"ukis-csmask": 30.0, "s2cloudless": 60.0}
_PEER_SIZE = {"s2cloudless": 512}
"""Largest side for masks that would take minutes; their throughput does not depend on it."""
_PRODUCT_SIDE = 109800.0  # metres; 10980 pixels of 10 m
_SPACING = re.compile(r"@(\d+(?:\.\d+)?)$")


@dataclass(frozen=True)
class Contender:
    """One mask in one setting.

    Attributes
    ----------
    name : str
        Unique in a run.
    mask : str
        As ``--masks`` of ``cloudmask evaluate`` takes it.
    gsd : float
        Spacing it works at, metres.
    size : int
        Rows and columns it gets.
    device : str
        For our own masks, one of ``options.DEVICES``.
    threads : int
        Processor threads; 0 takes all.
    """

    name: str
    mask: str
    gsd: float
    size: int
    device: str
    threads: int

    @property
    def own(self) -> bool:
        """Whether it is a mask of this package."""
        return self.mask.split(":")[0] == OWN

    @property
    def peer(self) -> str:
        """Name of the package it comes from."""
        return re.split("[:@]", self.mask)[0]

    @property
    def model(self) -> str:
        """Our own model's name or file."""
        return self.mask.partition(":")[2]

    def product_seconds(self, pixels_a_second: float) -> float:
        """Seconds for all pixels of a 10980 px product at this spacing: extrapolated."""
        return (_PRODUCT_SIDE / self.gsd) ** 2 / pixels_a_second


def twin_of(peer: str, level: Level) -> str | None:
    """Our own mask with the weights of a package of others, as ``--masks`` takes it."""
    model = _SAME_WEIGHTS.get(peer, {}).get(level)
    return f"{OWN}:{model}" if model else None


def line_up(
    pixels: Pixels,
    *,
    models: Sequence[str | None],
    against: Sequence[str],
    devices: Sequence[str],
    threads: Sequence[int],
) -> list[Contender]:
    """Every contender of a run, the one the ratios are about first.

    Parameters
    ----------
    pixels : Pixels
        What they will get.
    models : sequence of str or None
        Of our own; None is the default for the pixels' level and bands.
    against : sequence of str
        Masks of others; for one whose weights we can run, ours with the same weights joins in.
    devices, threads : sequence
        Our own run in every combination, the others with the first number of threads.

    Raises
    ------
    UsageError
        For a mask that cannot be run on an array, or is not installed.
    ModelError
        For an unknown model.
    """
    wanted = [m or choose(pixels.level, pixels.bands).card.name for m in models]
    for peer in against:
        twin = twin_of(peer.split("@")[0], pixels.level)
        if twin and twin.partition(":")[2] not in wanted:
            wanted.append(twin.partition(":")[2])
    out = []
    for model in wanted:
        gsd = load_model(model, device="cpu").card.gsd
        for device in devices:
            for count in threads:
                name = f"{OWN}:{model}"
                name += f" on {device}" if len(devices) > 1 else ""
                name += f", {count} threads" if len(threads) > 1 else ""
                out.append(Contender(name, f"{OWN}:{model}", gsd, pixels.size, device, count))
    for peer in against:
        kind = peer.split("@")[0]
        if kind not in _PEER_GSD:
            raise UsageError(
                f"--against: expected {' or '.join(_PEER_GSD)}, perhaps with @METRES, found '{peer}'"
            )
        given = _SPACING.search(peer)
        gsd = float(given[1]) if given else _PEER_GSD[kind]
        size = min(pixels.size, _PEER_SIZE.get(kind, pixels.size))
        out.append(Contender(peer, f"{kind}@{gsd:g}", gsd, size, "cpu", threads[0]))
        parse_masks(out[-1].mask)
    return out


def contend(
    mask: str, gsd: float, size: int, device: str, threads: int, pixels: str, classes: str | None
) -> dict[str, Any]:
    """Time one contender once: from an array in memory to classes, loading of its model included.

    Returns
    -------
    dict
        ``seconds`` on the wall, ``cpu_seconds`` of all threads, ``pixels``; ``setting`` in words.
        The classes go to the file `classes` if that is given.

    Raises
    ------
    InputError
        If the mask cannot do with the pixels.
    """
    given = Pixels.from_json(pixels)
    array = np.ascontiguousarray(given.load()[:, :size, :size])
    grid = Grid(None, 0.0, 0.0, gsd, gsd, size, size)
    labels = np.full((size, size), int(CloudClass.UNDEFINED), np.uint8)
    scene = Scene(
        "benchmark",
        "benchmark",
        LabelKind.SIMULATED,
        labels,
        given.level,
        grid,
        image=lambda: Image(array, given.bands),
    )
    runtime()  # imports are no part of anybody's time
    source = parse_masks(mask, threads, device)[0]
    with MaskPixels(scene) as view:
        view.source  # noqa: B018  (reads the array and checks it; the others get theirs unchecked)
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            found = source.predict(view)
        except Unavailable as error:
            raise InputError(f"{mask}: {error}") from error
        seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    inside = getattr(source, "inside", None)
    if inside is not None:  # a package of others: the way of its pixels there is not its own
        seconds, cpu_seconds = inside.seconds, inside.cpu_seconds
    if classes:
        np.save(classes, found.classes)
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "pixels": found.classes.size,
        "setting": source.setting,
    }


def race(
    contenders: Sequence[Contender],
    pixels: Pixels,
    rounds: int,
    folder: Path,
    say: Callable[[str], None],
) -> dict[str, list[dict[str, Any]]]:
    """Run all in turn, A B C A B C: measurements of each by name, round by round.

    The classes of each are left in `folder`, see :func:`agreement`.
    """
    results: dict[str, list[dict[str, Any]]] = {c.name: [] for c in contenders}
    for turn in range(rounds):
        for i, c in enumerate(contenders):
            say(f"round {turn + 1} of {rounds}: {c.name}")
            results[c.name].append(
                run_task(
                    "contend",
                    threads=c.threads,
                    mask=c.mask,
                    gsd=c.gsd,
                    size=c.size,
                    device=c.device,
                    pixels=pixels.to_json(),
                    classes=str(folder / f"{i}.npy"),
                )
            )
    return results


def agreement(contenders: Sequence[Contender], folder: Path, one: int, other: int) -> float:
    """Share of pixels, 0 to 1, that two contenders (by place) gave the same class."""
    side = min(contenders[one].size, contenders[other].size)
    first, second = (np.load(folder / f"{i}.npy")[:side, :side] for i in (one, other))
    return float((first == second).mean())
