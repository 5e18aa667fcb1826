"""How much a network's answer depends on where its tiles lie, and how large they are.

    python benchmarks/tile_shift.py [--model NAME] [--sizes 256,512,768] [--size 2048] [IMAGE.npz ...]

For each image and each largest tile side: the share of pixels whose class changes when the image, and
with it the lattice of tiles, begins 56 or 100 pixels later (a rim of 32 pixels, which loses what it saw
beyond, is left out), the share that has the class it has with the first size, and the mean Dice over the
classes the network has, against the truth or the labels. Images are the benchmark's simulated scene and
files as ``cloudmask evaluate --kind pairs`` reads them, at their own spacing; those without labels are
measured without Dice. A labelled file that says its level, itself or in ``MANIFEST.json``, has to be of the
network's.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cloudmask import metrics
from cloudmask.array_source import ArraySource
from cloudmask.bench.pixels import benchmark_scene
from cloudmask.card import ModelCard
from cloudmask.catalog import load_model
from cloudmask.classes import CloudClass
from cloudmask.errors import CloudMaskError, InputError
from cloudmask.evaluate.labels import LabelKind
from cloudmask.evaluate.references import pairs
from cloudmask.evaluate.references.registry import Selection
from cloudmask.evaluate.scene import Image
from cloudmask.onnx_model import OnnxModel
from cloudmask.options import Options
from cloudmask.pipeline import predict

SHIFTS = (56, 100)
RIM = 32
LEAST = max(SHIFTS) + RIM + 1
"""Pixels a side of an image of which something is left to compare."""
Planes = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]


@dataclass
class Tiled:
    """A network with another largest tile."""

    net: OnnxModel
    card: ModelCard
    device: str
    batch_size: int

    def shared(self, callers: int) -> Tiled:
        """The same network for so many threads at a time."""
        return dataclasses.replace(self, net=self.net.shared(callers))

    def predict(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Class probabilities of tiles."""
        return self.net.predict(batch)


def tiled(net: OnnxModel, size: int) -> Tiled:
    """The network, cutting scenes into tiles of at most `size`."""
    tile = dataclasses.replace(net.card.tile, size=size)
    return Tiled(net, dataclasses.replace(net.card, tile=tile), net.device, net.batch_size)


def classes(net: Tiled, image: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Mask of an image whose planes are the network's bands."""
    source = ArraySource(image, net.card.bands, gsd=net.card.gsd, level=net.card.level)
    return predict(source, net, Options(), out_gsd=net.card.gsd).classes


def mean_dice(found: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8], card: ModelCard) -> float:
    """Mean Dice over the network's classes; semi-transparent is cloud if it has no such class."""
    if CloudClass.SEMI_TRANSPARENT_CLOUD not in card.classes:
        truth = np.where(truth == CloudClass.SEMI_TRANSPARENT_CLOUD, CloudClass.CLOUD, truth).astype(np.uint8)
    matrix = metrics.confusion(truth, found, "tiles")
    matrix[[int(CloudClass.UNDEFINED), int(CloudClass.MISSING)]] = 0  # not labelled, not scored
    dice = metrics.dice(matrix)
    present = [int(c) for c in card.classes if (truth == c).any()]
    return float(np.mean([dice[c] for c in present])) if present else float("nan")


def read(path: Path, card: ModelCard) -> Iterator[tuple[str, Planes, Codes | None]]:
    """Images of a file: name, the network's bands, and labels in the project's codes (0 where unknown).

    Raises
    ------
    InputError
        Naming the file: if it cannot be read as pairs, is of another level, lacks a band that the network
        needs, or has images of which a shift leaves nothing.
    """
    # What labels are worth changes nothing here: those that do not say it may as well be drafts.
    scenes = list(pairs.read(path, Selection(level=card.level, labels=LabelKind.DRAFT)))
    labelled = ((s.name, s.image(), s.labels) for s in scenes if s.image is not None)
    for name, image, labels in labelled if scenes else _unlabelled(path, card):
        absent = [b for b in card.bands if b not in image.bands]
        if absent:
            raise InputError(
                f"{path}: model {card.name} needs {', '.join(absent)}, found {', '.join(image.bands)}"
            )
        rows, cols = image.values.shape[1:]
        if min(rows, cols) < LEAST:
            raise InputError(f"{path}: expected {LEAST} rows and columns or more, found {rows} and {cols}")
        yield name, image.values[[image.bands.index(b) for b in card.bands]], labels


def _unlabelled(path: Path, card: ModelCard) -> Iterator[tuple[str, Image, None]]:
    """Images of a file without labels, which a reference set leaves out."""
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: None if name == "y" else file[name] for name in ("x", "bands", "y") if name in file}
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as .npz: {error}") from error
    if "y" in held:
        raise InputError(
            f"{path}: model {card.name} is for {card.level}, found another level; give --model one for that"
        )
    if len(held) < 2:
        raise InputError(f"{path}: expected arrays x and bands, found {', '.join(held) or 'neither'}")
    x, bands = held["x"], tuple(str(b) for b in held["bands"])
    if x.ndim not in (3, 4) or x.shape[-1] != len(bands):
        raise InputError(f"{path}: expected x of ([n,] rows, cols, {len(bands)} bands), found {x.shape}")
    scale = np.float32(10000 if x.dtype.kind in "iu" else 1)
    for i, part in enumerate(x if x.ndim == 4 else x[None]):
        values = np.moveaxis(part, -1, 0).astype(np.float32) / scale
        yield f"{path.stem}[{i}]" if x.ndim == 4 else path.stem, Image(values, bands), None


def measure(name: str, image: Planes, truth: Codes | None, nets: list[Tiled]) -> None:
    """Print a line for each size."""
    first = None
    for net in nets:
        whole = classes(net, image)
        first = whole if first is None else first
        changed = []
        for shift in SHIFTS:
            later = classes(net, np.ascontiguousarray(image[:, shift:, shift:]))
            changed.append((whole[shift:, shift:] != later)[RIM:, RIM:].mean())
        cells = [name, str(net.card.tile.size), *(f"{100 * c:.2f} %" for c in changed)]
        cells.append(f"{100 * (whole == first).mean():.2f} %")
        cells.append("" if truth is None else f"{100 * mean_dice(whole, truth, net.card):.1f}")
        print(f"| {' | '.join(cells)} |", flush=True)


def parse_sizes(text: str, card: ModelCard) -> list[int]:
    """Largest sides of tiles, pixels, that the network can be given; raises ValueError."""
    sizes = [int(size) for size in text.split(",")]
    tile = card.tile
    for size in sizes:
        if size % tile.multiple or size <= 2 * tile.margin:
            raise ValueError(f"multiples of {tile.multiple} above {2 * tile.margin}, found {size}")
    return sizes


def main() -> int:
    """Measure all images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("images", type=Path, nargs="*")
    parser.add_argument("--model", default="dlr-unet-6b-l1c")
    parser.add_argument("--sizes", default="256,512,768")
    parser.add_argument("--size", type=int, default=2048, help="of the simulated scene; 0 leaves it out")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    if args.size and args.size < LEAST:
        parser.error(f"--size: expected 0, or {LEAST} pixels or more, found {args.size}")
    try:
        net = load_model(args.model, device="cpu", threads=Options(threads=args.threads).threads)
        sizes = parse_sizes(args.sizes, net.card)
    except CloudMaskError as error:
        parser.error(str(error))
    except ValueError as error:
        parser.error(f"--sizes: expected whole numbers, as in 256,512: {error}")
    nets = [tiled(net, size) for size in sizes]
    shifts = " | ".join(f"changed by a shift of {s} px" for s in SHIFTS)
    print(f"| image | largest tile | {shifts} | as with the first size | mean Dice |")
    print("|---|---|---|---|---|---|")
    if args.size:
        scene = benchmark_scene(args.size)
        planes = [scene.bands.index(b) for b in net.card.bands]
        measure("simulated", scene.reflectance[planes], scene.classes, nets)
        del scene
    try:
        for path in args.images:
            for name, image, labels in read(path, net.card):
                measure(name, image, labels, nets)
    except CloudMaskError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
