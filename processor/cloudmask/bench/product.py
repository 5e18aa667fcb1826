"""A whole product, read to written, and what of that is unavoidable."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..api import mask_product
from ..catalog import load_model
from ..options import make_options
from ..output import save_mask
from ..safe import open_product
from .statistics import Spread, ratios
from .tasks import run_task


def total(
    product: str, model: str | None, resolution: int, device: str, threads: int, tile_size: int | None
) -> dict[str, Any]:
    """Mask a product into a GeoTIFF as ``cloudmask run`` does; seconds of each stage."""
    options = make_options(
        model=model, resolution=resolution, device=device, threads=threads, tile_size=tile_size
    )
    cpu = time.process_time()
    with tempfile.TemporaryDirectory(prefix="cloudmask-bench-") as folder:
        mask = mask_product(product, options)
        begun = time.perf_counter()
        save_mask(mask, Path(folder))
        write = time.perf_counter() - begun
    return {
        "stages": {**mask.timing, "write": write},
        "cpu_seconds": time.process_time() - cpu,
        "device": mask.device,
        "model": mask.model.name,
        "pixels": mask.classes.size,
    }


@dataclass
class ProductTimes:
    """Rounds of the three measurements of a product, one list each: dictionaries of the tasks."""

    name: str
    model: str
    shape: tuple[int, int]
    rounds: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"total": [], "decode": [], "infer": []}
    )

    def seconds(self, part: str) -> list[float]:
        """Seconds on the wall; of the whole process for ``total``, as a user waits for that."""
        key = "wall_seconds" if part == "total" else "seconds"
        return [r[key] for r in self.rounds[part]]

    def cpu_seconds(self, part: str) -> list[float]:
        """Seconds of all threads together."""
        return [r["cpu_seconds"] for r in self.rounds[part]]

    def stage(self, name: str) -> Spread:
        """Seconds of one stage of the whole."""
        return Spread.of([r["stages"][name] for r in self.rounds["total"]])

    def over(self, combine: Callable[[tuple[float, float]], float], *, cpu: bool = False) -> Spread:
        """The whole over decoding and inference alone, combined by ``max`` or ``sum``, round by round."""
        get = self.cpu_seconds if cpu else self.seconds
        alone = [combine(pair) for pair in zip(get("decode"), get("infer"), strict=True)]
        return ratios(get("total"), alone)

    @property
    def peak_mib(self) -> float:
        """Peak memory of the whole, MiB."""
        return max(r["peak_mib"] or 0.0 for r in self.rounds["total"])


def measure_product(
    product: Path,
    *,
    model: str | None,
    resolution: int,
    device: str,
    threads: int,
    rounds: int,
    tile_size: int | None = None,
) -> ProductTimes:
    """Measure the whole, decoding alone and inference alone, in turn, so many times.

    Raises
    ------
    CloudMaskError
        If the product cannot be read, no model fits, or a task fails.
    """
    with open_product(product) as source:
        card = load_model(model, level=source.level, bands=source.bands, device="cpu").card
        work = source.grid.at(card.gsd)
        times = ProductTimes(source.name, card.name, work.shape)
    name = model or card.name
    for _ in range(rounds):
        shared: dict[str, Any] = {"threads": threads, "model": name}
        times.rounds["total"].append(
            run_task(
                "total",
                **shared,
                product=str(product),
                resolution=resolution,
                device=device,
                tile_size=tile_size,
            )
        )
        times.rounds["decode"].append(run_task("decode", **shared, product=str(product)))
        times.rounds["infer"].append(
            run_task(
                "infer",
                **shared,
                rows=work.rows,
                cols=work.cols,
                tile_size=tile_size,
                device=device,
                most=None,
            )
        )
    return times
