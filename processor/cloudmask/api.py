"""The Python interface: a product or an array in, a :class:`Mask` out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .array_source import ArraySource
from .bands import parse_bands, parse_level
from .catalog import load_model
from .classes import CloudClass
from .errors import UsageError
from .model import Model
from .options import Options, make_options
from .pipeline import Progress, predict
from .result import Mask
from .source import PlaneSource

if TYPE_CHECKING:
    from .aoi import Area

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
        GeoJSON (WGS 84) with polygons: only their bounding box is masked, and pixels outside
        them are MISSING.
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
) -> Mask:
    """Mask a product with options that are made already; see :func:`mask`."""
    # Only products need GDAL: whoever brings arrays should not have to install it.
    from .onnx_model import thread_count
    from .safe import open_product

    threads = thread_count(options.threads)
    with open_product(
        path, threads=threads, offset=options.radiometric_offset, downsampling=options.downsampling
    ) as product:
        model = load_model(
            options.model,
            level=product.level,
            bands=product.bands,
            device=options.device,
            threads=options.threads,
        )
        source: PlaneSource = product
        area: Area | None = None
        if aoi is not None:
            from .aoi import read_area

            area = read_area(aoi, product.grid.crs)
            step = math.lcm(_COARSEST, int(model.card.gsd)) // int(product.grid.gsd)
            source = product.subset(*area.window(product.grid, step))
        result = predict(source, model, options, progress=progress)
        if area is not None:
            outside = area.outside(result.grid)
            result.classes[outside] = int(CloudClass.MISSING)
            if result.probabilities is not None:
                result.probabilities[:, outside] = np.nan
        if preview:
            from .quicklook import read_preview

            result = dataclasses.replace(result, preview=read_preview(source, options.resolution))
        return result


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
        Fields of :class:`Options` but ``resolution``, ``radiometric_offset`` and ``downsampling``.
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
