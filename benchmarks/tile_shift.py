"""How much a network's answer depends on where its tiles lie, and how large they are.

    python benchmarks/tile_shift.py [--model NAME] [--sizes 256,512,768] [--size 2048] [IMAGE.npz ...]

For each image and each largest tile side: the share of pixels whose class changes when the image, and
with it the lattice of tiles, begins 56 or 100 pixels later (a rim of 32 pixels, which loses what it saw
beyond, is left out), the share that has the class it has with the first size, and the mean Dice over the
classes the network has, against the truth or the labels. Images are the benchmark's simulated scene and
files as ``cloudmask evaluate --kind pairs`` reads them (``x``, reflectance or, as whole numbers, 10000 times
as much, ``bands`` and perhaps ``y``), at their own spacing.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import zipfile
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
from cloudmask.errors import CloudMaskError
from cloudmask.onnx_model import OnnxModel
from cloudmask.options import Options
from cloudmask.pipeline import predict

SHIFTS = (56, 100)
RIM = 32
LEAST = max(SHIFTS) + RIM + 1
"""Pixels a side of an image of which something is left to compare."""
LABELS = (CloudClass.CLEAR, CloudClass.CLOUD_SHADOW, CloudClass.SEMI_TRANSPARENT_CLOUD, CloudClass.CLOUD)
UNKNOWN = 255
Image = npt.NDArray[np.float32]
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


def read(path: Path, card: ModelCard) -> Iterator[tuple[str, Image, Codes | None]]:
    """Images of a file: name, the network's bands, and labels in the project's codes (0 where unknown)."""
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in ("x", "bands", "y") if name in file}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise SystemExit(f"{path}: cannot be read as .npz: {error}") from error
    if "x" not in held or "bands" not in held:
        raise SystemExit(f"{path}: expected arrays x and bands, found {', '.join(held) or 'neither'}")
    names = [str(b) for b in held["bands"]]
    absent = [b for b in card.bands if b not in names]
    if absent:
        raise SystemExit(f"{path}: model {card.name} needs {', '.join(absent)}, found {', '.join(names)}")
    x, y = held["x"], held.get("y")
    if x.ndim not in (3, 4) or x.shape[-1] != len(names) or min(x.shape[-3:-1]) < LEAST:
        raise SystemExit(
            f"{path}: expected x of ([n,] rows, cols, {len(names)} bands), {LEAST} rows and columns or more, "
            f"found {x.shape}"
        )
    if y is not None and (y.shape != x.shape[:-1] or not np.isin(y, (*range(len(LABELS)), UNKNOWN)).all()):
        raise SystemExit(
            f"{path}: expected y of {x.shape[:-1]} with 0 to {len(LABELS) - 1}, or {UNKNOWN} where nothing "
            f"is known, found {y.shape} with {', '.join(str(v) for v in np.unique(y)[:9])}"
        )
    codes = np.zeros(UNKNOWN + 1, np.uint8)
    codes[: len(LABELS)] = [int(c) for c in LABELS]
    for i, part in enumerate(x if x.ndim == 4 else x[None]):
        image = np.stack([part[..., names.index(b)] for b in card.bands]).astype(np.float32)
        if x.dtype.kind in "iu":
            image /= np.float32(10000)
        labels = None if y is None else codes[(y if y.ndim == 3 else y[None])[i].astype(np.uint8)]
        yield (f"{path.stem}[{i}]" if x.ndim == 4 else path.stem), image, labels


def measure(name: str, image: Image, truth: Codes | None, nets: list[Tiled]) -> None:
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
    for path in args.images:
        for name, image, labels in read(path, net.card):
            measure(name, image, labels, nets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
