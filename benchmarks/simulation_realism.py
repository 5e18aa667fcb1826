"""Compare simulated clouds and shadows with real ones over the same ground.

    python benchmarks/simulation_realism.py [--pairs ../shared/data/real/pairs] [--seeds 6] [--json FILE]

Each pair is a cloudy and a clear date of one place, 256 x 256 pixels of 10 m. Clouds are simulated over the
clear date, at the same sampling, and both are measured in the same way against the clear date:

- ``cloud``: pixels at least .25 brighter in B02: median ratio of each band to B02, brightness of B02;
- ``shadow``: pixels darker than .8 of the clear date in B8A, and within .06 of it in B02: median ratio of
  cloudy to clear in each band;
- ``fringe``: how far from cloud (a rise of .25) the rise in B02 is still .05: the pixels between, within half
  a kilometre of cloud, over the length of its border, metres; and the same from .15;
- ``texture`` of scenes with at least a tenth of cloud: slopes of the power spectrum of B02 over three ranges
  of scale, quantiles of its gradient.

The real pairs are days to months apart, so that ground changes too: expect agreement to some hundredths.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cloudmask.bands import BAND_NAMES
from cloudmask.simulate.scene import simulate_scene
from cloudmask.simulate.spec import SceneSpec
from cloudmask.simulate.surfaces import ArraySurface

PAIRS = Path(__file__).parents[1] / "../shared/data/real/pairs"
LOW_CLOUD = ("2729", "3968", "4065", "4294", "4433", "4438", "5254", "5278", "6317", "7657")
"""Pairs whose cloudy date has heaps or broken decks; the others are cirrus, overcast or clear."""
SKIES = (("cumulus",), ("stratocumulus",))
SHOWN = ("B01", "B02", "B03", "B04", "B08", "B8A", "B09", "B10", "B11", "B12")
GSD = 10.0

Image = npt.NDArray[np.float32]


def read_pair(path: Path) -> tuple[Image, Image]:
    """Cloudy and clear reflectance, float32 (bands, rows, cols)."""
    with np.load(path) as data:
        cloudy, clear = (data[k].transpose(2, 0, 1) / np.float32(1e4) for k in ("x", "clear"))
    return cloudy, clear


def measure(cloudy: Image, clear: Image) -> dict[str, npt.NDArray[np.float64]]:
    """Statistics of one pair; those that it is too clear for are left out."""
    out: dict[str, npt.NDArray[np.float64]] = {}
    blue, nir = BAND_NAMES.index("B02"), BAND_NAMES.index("B8A")
    rise = cloudy[blue] - clear[blue]
    cloud = rise > 0.25
    shadow = (cloudy[nir] < 0.8 * clear[nir]) & (np.abs(rise) < 0.06)
    if cloud.mean() > 0.02:
        out["cloud ratio to B02"] = np.median(cloudy[:, cloud] / cloudy[blue, cloud], axis=1)
        out["cloud B02 p10 p50 p90 p99"] = np.percentile(cloudy[blue, cloud], [10, 50, 90, 99])
    if shadow.mean() > 0.02:
        out["shadow to clear"] = np.median(cloudy[:, shadow] / np.maximum(clear[:, shadow], 1e-3), axis=1)
        out["fringe from .05, .15, m"] = np.array([fringe(rise, cloud, low) for low in (0.05, 0.15)])
    if cloud.mean() > 0.1:
        out["slope 1280-320 320-100 100-40 m"] = slopes(cloudy[blue])
        steps = np.hypot(*np.gradient(cloudy[blue]))
        out["gradient p50 p90 p99"] = np.percentile(steps, [50, 90, 99])
    return out


def fringe(rise: Image, cloud: npt.NDArray[np.bool_], low: float) -> float:
    """Mean width in metres of the band around clouds in which the rise is above `low`."""
    near = ndimage.distance_transform_edt(~cloud) * GSD < 500
    border = cloud & ~ndimage.binary_erosion(cloud, border_value=1)
    return float((near & ~cloud & (rise > low)).sum() / max(1, border.sum()) * GSD)


def slopes(image: Image) -> npt.NDArray[np.float64]:
    """Exponents of the power spectrum over three ranges of scale."""
    n = min(image.shape)
    window = np.hanning(n)
    power = np.abs(np.fft.fft2((image[:n, :n] - image[:n, :n].mean()) * window[:, None] * window)) ** 2
    k = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n)[None, :])
    out = []
    for low, high in ((1 / 128, 1 / 32), (1 / 32, 1 / 10), (1 / 10, 1 / 4)):
        edges = np.geomspace(low, high, 6)
        mean = [power[(k >= a) & (k < b)].mean() for a, b in itertools.pairwise(edges)]
        out.append(-np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(mean), 1)[0])
    return np.array(out)


def compare(pairs: Path, seeds: int) -> dict[str, dict[str, list[list[float]]]]:
    """Quartiles over pairs (and seeds) of every statistic, real and simulated."""
    real: dict[str, list[npt.NDArray[np.float64]]] = {}
    simulated: dict[str, list[npt.NDArray[np.float64]]] = {}
    for number, name in enumerate(LOW_CLOUD):
        cloudy, clear = read_pair(pairs / f"{name}.npz")
        for key, value in measure(cloudy, clear).items():
            real.setdefault(key, []).append(value)
        ground = ArraySurface(clear, BAND_NAMES, "L1C")
        for seed in range(seeds):
            spec = SceneSpec(100 * number + seed, size=256, gsd=GSD, clouds=SKIES[seed % len(SKIES)])
            made = simulate_scene(spec, ground).reflectance
            for key, value in measure(made, clear).items():
                simulated.setdefault(key, []).append(value)
    return {
        key: {
            label: np.percentile(np.array(values[key]), [25, 50, 75], axis=0).tolist()
            for label, values in (("real", real), ("simulated", simulated))
        }
        for key in real
        if key in simulated
    }


def report(table: dict[str, dict[str, list[list[float]]]]) -> str:
    """Medians with quartiles as text."""
    lines = []
    for key, sides in table.items():
        by_band = len(sides["real"][1]) == len(BAND_NAMES)
        shown = [BAND_NAMES.index(b) for b in SHOWN] if by_band else list(range(len(sides["real"][1])))
        lines.append(key + (": " + " ".join(f"{BAND_NAMES[i]:>13}" for i in shown) if by_band else ""))
        for label in ("real", "simulated"):
            low, middle, high = sides[label]
            cells = (f"{middle[i]:.2f} ({low[i]:.2f}-{high[i]:.2f})" for i in shown)
            lines.append(f"  {label:>10} " + " ".join(cells))
    return "\n".join(lines)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=Path, default=PAIRS)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not arguments.pairs.is_dir():
        parser.error(f"{arguments.pairs}: no such folder of pairs")
    table = compare(arguments.pairs, arguments.seeds)
    print(report(table))
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
