"""How much a network's answer depends on where its tiles lie, and how large they are.

    python benchmarks/tile_shift.py [--model NAME] [--sizes 256,512,768] [--size 2048] [IMAGE.npz ...]

For each image and each largest tile side: the share of pixels whose class changes when the image, and
with it the lattice of tiles, begins 56 or 100 pixels later (a rim of 32 pixels, which loses what it saw
beyond, is left out), the share that has the class it has with the first size, and the mean Dice over the
classes the network has, against the truth or the labels. Images are the benchmark's simulated scene and
files as ``cloudmask evaluate --kind pairs`` reads them (``x``, ``bands`` and perhaps ``y``), at their own
spacing.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
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
from cloudmask.onnx_model import OnnxModel
from cloudmask.options import Options
from cloudmask.pipeline import predict

SHIFTS = (56, 100)
RIM = 32
LABELS = (CloudClass.CLEAR, CloudClass.CLOUD_SHADOW, CloudClass.SEMI_TRANSPARENT_CLOUD, CloudClass.CLOUD)


@dataclass
class Tiled:
    """A network with another largest tile."""

    net: OnnxModel
    card: ModelCard
    device: str
    batch_size: int

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
    return float(np.mean([dice[c] for c in present]))


def read(path: Path, card: ModelCard) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8] | None]:
    """Bands of the network, and labels in the project's codes (0 where there are none)."""
    with np.load(path) as file:
        names = [str(b) for b in file["bands"]]
        absent = [b for b in card.bands if b not in names]
        if absent:
            raise SystemExit(f"{path}: model {card.name} needs {', '.join(absent)}, found {', '.join(names)}")
        if file["x"].ndim != 3:
            raise SystemExit(f"{path}: expected one image (rows, cols, bands), found {file['x'].shape}")
        image = np.stack([file["x"][..., names.index(b)] for b in card.bands]).astype(np.float32)
        if "y" not in file:
            return image, None
        codes = np.zeros(256, np.uint8)
        codes[: len(LABELS)] = [int(c) for c in LABELS]
        return image, codes[file["y"]]


def measure(
    name: str, image: npt.NDArray[np.float32], truth: npt.NDArray[np.uint8] | None, nets: list[Tiled]
) -> None:
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


def main() -> int:
    """Measure all images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("images", type=Path, nargs="*")
    parser.add_argument("--model", default="dlr-unet-6b-l1c")
    parser.add_argument("--sizes", default="256,512,768")
    parser.add_argument("--size", type=int, default=2048, help="of the simulated scene; 0 leaves it out")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    net = load_model(args.model, device="cpu", threads=args.threads)
    nets = [tiled(net, int(size)) for size in args.sizes.split(",")]
    shifts = " | ".join(f"changed by a shift of {s} px" for s in SHIFTS)
    print(f"| image | largest tile | {shifts} | as with the first size | mean Dice |")
    print("|---|---|---|---|---|---|")
    if args.size:
        scene = benchmark_scene(args.size)
        planes = [scene.bands.index(b) for b in net.card.bands]
        measure("simulated", scene.reflectance[planes], scene.classes, nets)
        del scene
    for path in args.images:
        measure(path.stem, *read(path, net.card), nets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
