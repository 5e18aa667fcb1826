"""The Python interface: a product or an array in, a :class:`Mask` out."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from .array_source import ArraySource
from .bands import LEVEL_BANDS, parse_bands, parse_level
from .card import ModelCard
from .catalog import load_model
from .errors import InputError, UsageError
from .model import Model
from .options import Options, make_options
from .pipeline import Progress, predict
from .result import Mask
from .source import PlaneSource

if TYPE_CHECKING:
    from .aoi import Area

log = logging.getLogger(__name__)

_COARSEST = 60  # metres; windows on its pixels are windows on all pixels of a product


def mask(
    path: str | Path,
    *,
    aoi: str | Path | None = None,
    preview: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Mask:
    """Mask a Sentinel-2 product.

    Parameters
    ----------
    path : str or Path
        A ``.SAFE`` folder, a zip of one, or its ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml``.
    aoi : str or Path, optional
        GeoJSON (WGS 84) with polygons: the mask covers their bounding box, pixels outside them are
        MISSING, and statistics are of those inside. Around it as much is read as the network, buffers
        and the smallest object need, so that pixels have the class that they have in the whole product.
    preview : bool
        Keep a small true-colour picture for a quicklook.
    progress : callable, optional
        Called with tiles done and tiles in all.
    **options
        Fields of :class:`Options`. Probabilities are kept unless ``probabilities=False``.

    Returns
    -------
    Mask
        Classes, probabilities, grid, statistics, and ``save()``.

    Raises
    ------
    CloudMaskError
        InputError, ModelError, DeviceError or UsageError, each with one line that says what to do.
    """
    options.setdefault("probabilities", True)
    return mask_product(path, make_options(**options), aoi=aoi, preview=preview, progress=progress)


def mask_product(
    path: str | Path,
    options: Options,
    *,
    aoi: str | Path | None = None,
    preview: bool = False,
    progress: Progress | None = None,
    load: Callable[..., Model] = load_model,
) -> Mask:
    """Mask a product with options that are made already; see :func:`mask`.

    `load` takes the place of :func:`cloudmask.catalog.load_model`: one that remembers serves many products.
    """
    # Only products need GDAL: whoever brings arrays should not have to install it.
    from .cpu import thread_count
    from .safe import open_product

    threads = thread_count(options.threads)
    with open_product(
        path,
        threads=threads,
        offset=options.radiometric_offset,
        downsampling=options.downsampling,
        verify=options.verify,
    ) as product:
        bands = _bands_to_use(product, options)
        model = load(
            options.model,
            level=product.level,
            bands=bands,
            device=options.device,
            threads=options.threads,
        )
        needed = [b for b in model.card.required if b not in bands]
        if needed and options.bands:
            raise UsageError(
                f"option bands: model {model.card.name} cannot do without {', '.join(needed)}; name it too, "
                "or leave --model out to get one that fits"
            )
        absent = [b for b in LEVEL_BANDS[product.level] if b not in product.bands]
        if absent and not set(absent) & set(model.card.required):
            log.warning(
                "%s: expected all bands of %s, found none of %s; %s does without, but masks worse: is the "
                "product complete?",
                product.name,
                product.level,
                ", ".join(absent),
                model.card.name,
            )
        source: PlaneSource = product
        area: Area | None = None
        if aoi is not None:
            from .aoi import read_area

            area = read_area(aoi, product.grid.crs)
            # On the lattice that the network's strides have over the whole product.
            stride = int(model.card.gsd) * model.card.tile.multiple
            step = math.lcm(_COARSEST, stride) // int(product.grid.gsd)
            around = area.window(product.grid, step, context(model.card, options))
            source = product.subset(*around)
        result = predict(source, model, options, progress=progress)
        if area is not None:
            step = math.lcm(_COARSEST, int(model.card.gsd)) // int(product.grid.gsd)
            window = area.window(product.grid, step)
            source = product.subset(*window)
            factor = options.resolution / product.grid.gsd
            row, col = (round((a - b) / factor) for a, b in zip(window[:2], around[:2], strict=True))
            grid = source.grid.at(float(options.resolution))
            outside = area.outside(grid)
            result = result.within((row, col, grid.rows, grid.cols), outside, area.file)
        if preview:
            from .quicklook import read_preview

            result = dataclasses.replace(result, preview=read_preview(source, options.resolution))
        return result


def _bands_to_use(product: PlaneSource, options: Options) -> tuple[str, ...]:
    """Bands of the product among which a model may choose."""
    wanted = options.band_names()
    absent = [b for b in wanted if b not in product.bands]
    if absent:
        raise InputError(
            f"{product.name}: option bands names {', '.join(absent)}, found {', '.join(product.bands)}"
        )
    return tuple(b for b in product.bands if not wanted or b in wanted)


def context(card: ModelCard, options: Options) -> float:
    """Ground around a pixel on which its class may depend, metres."""
    # An object that is cut off must still be as large as the smallest one that is kept.
    objects = 2 * math.sqrt(options.min_area)
    return card.tile.margin * card.gsd + max(options.cloud_buffer, options.shadow_buffer) + objects


def mask_array(
    image: npt.ArrayLike,
    bands: Sequence[str],
    *,
    gsd: float,
    level: str,
    model: str | Path | Model | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Mask:
    """Mask pixels that are in memory already; no file is read but the model, and GDAL is not needed.

    Parameters
    ----------
    image : float (bands, rows, cols)
        Reflectance, about 0 to 1, NaN where missing. From digital numbers:
        ``(dn + offset) / 10000``, NaN where ``dn == 0``.
    bands : sequence of str
        Names of the planes in order, ``"B02"``.
    gsd : float
        Ground sampling distance of the image, metres; the mask has the same.
    level : str
        ``"L1C"`` (top of atmosphere) or ``"L2A"`` (bottom of atmosphere).
    model : str, Path or Model, optional
        A name, an ONNX file, or a loaded model to use again; by default the best one that does
        with the bands.
    progress : callable, optional
        Called with tiles done and tiles in all.
    **options
        Fields of :class:`Options` but ``resolution``, ``bands``, ``radiometric_offset`` and ``downsampling``.
        Probabilities are kept unless ``probabilities=False``.

    Returns
    -------
    Mask
        ``classes`` uint8 (rows, cols), ``probabilities`` float32 (4, rows, cols), ``statistics``.

    Raises
    ------
    CloudMaskError
        InputError if the image is not what is expected, ModelError if no model does with the
        bands (the message names those that would do), DeviceError, UsageError.
    """
    for fixed in ("resolution", "radiometric_offset", "downsampling"):
        if fixed in options:
            raise UsageError(f"mask_array takes no '{fixed}': the image is reflectance on its own grid")
    options.setdefault("probabilities", True)
    chosen = make_options(**options)
    source = ArraySource(image, parse_bands(bands), gsd=gsd, level=parse_level(level))
    if model is None or isinstance(model, (str, Path)):
        loaded: Model = load_model(
            model,
            level=source.level,
            bands=source.bands,
            device=chosen.device,
            threads=chosen.threads,
        )
    else:
        loaded = model
    return predict(source, loaded, chosen, progress=progress, out_gsd=gsd)
