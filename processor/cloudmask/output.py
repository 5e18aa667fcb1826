"""From a result to files: which ones, under which names, all at once or none."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from . import __version__
from .atomic import AtomicOutputs
from .classes import CloudClass
from .errors import OutputError, UsageError
from .geotiff import PROBABILITY_TYPES, auxiliary_path, write_classes, write_probabilities
from .result import Mask

FORMATS: dict[str, str] = {"geotiff": ".tif", "dimap": ".dim"}
SUFFIX = "_cloudmask"


def output_path(path: Path, name: str, format: str) -> Path:  # noqa: A002
    """The main file for what a user gave as output: a folder gets ``<name>_cloudmask.<extension>``.

    Raises
    ------
    UsageError
        If the format is unknown or the extension is another format's.
    """
    if format not in FORMATS:
        raise UsageError(f"format: expected one of {', '.join(FORMATS)}, found '{format}'")
    extension = FORMATS[format]
    if path.is_dir():
        return path / f"{name}{SUFFIX}{extension}"
    allowed = (".tif", ".tiff") if format == "geotiff" else (".dim",)
    if path.suffix.lower() not in allowed:
        raise UsageError(
            f"{path}: expected a folder or a name that ends in {extension} for format {format}; "
            "a new folder has to be made first"
        )
    return path


def output_files(
    main: Path,
    format: str,  # noqa: A002
    probabilities: bool,
    quicklook: bool,
) -> dict[str, Path]:
    """Every file a run will write, by role; the record comes last, so that it tells of a whole set."""
    files = {"mask": main}
    if format == "geotiff":
        files["names"] = auxiliary_path(main)
        if probabilities:
            files["probabilities"] = main.with_name(f"{main.stem}_probabilities.tif")
    else:
        files["data"] = main.with_suffix(".data")
    if quicklook:
        files["quicklook"] = main.with_suffix(".png")
    files["record"] = main.with_suffix(".json")
    return files


def record(mask: Mask) -> dict[str, Any]:
    """What was done and what came out, as the JSON beside a mask holds it."""
    grid = mask.grid
    return {
        "product": mask.name,
        "level": mask.level,
        **({"aoi": mask.aoi} if mask.aoi else {}),
        "software": {"name": "cloudmask", "version": __version__},
        "model": {
            "name": mask.model.name,
            "version": mask.model.version,
            "sha256": mask.model.sha256,
            "licence": mask.model.licence,
            "bands": list(mask.model.bands),
            "gsd": mask.model.gsd,
        },
        "device": mask.device,
        "options": mask.options.to_dict(),
        "statistics": mask.statistics,
        "classes": {str(int(c)): c.key for c in CloudClass},
        "grid": {
            "crs": grid.crs,
            "transform": list(grid.transform),
            "rows": grid.rows,
            "cols": grid.cols,
            "resolution": grid.gsd,
        },
        "seconds": dict(mask.timing),
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def save_mask(
    mask: Mask,
    path: Path,
    *,
    format: str = "geotiff",  # noqa: A002
    overwrite: bool = False,
    quicklook: bool = False,
    probability_type: str = "uint8",
) -> list[Path]:
    """Write a mask with all that belongs to it.

    Parameters
    ----------
    mask : Mask
        The result; probabilities are written if it holds them.
    path : Path
        A folder, or a file name with the format's extension.
    format : {"geotiff", "dimap"}
        A Cloud-Optimised GeoTIFF, or a BEAM-DIMAP product for SNAP.
    overwrite : bool
        Whether existing files may be replaced.
    quicklook : bool
        Also write a PNG.
    probability_type : {"uint8", "float32"}
        How a GeoTIFF holds probabilities.

    Returns
    -------
    list of Path
        The files written, the mask first.

    Raises
    ------
    UsageError
        If format, type or extension are unknown.
    OutputError
        If a file exists or cannot be written; nothing is left behind.
    """
    if probability_type not in PROBABILITY_TYPES:
        raise UsageError(
            f"probability type: expected {' or '.join(PROBABILITY_TYPES)}, found '{probability_type}'"
        )
    main = output_path(path, mask.name, format)
    files = output_files(main, format, mask.probabilities is not None, quicklook)
    tags = {
        "CLOUDMASK_VERSION": __version__,
        "CLOUDMASK_MODEL": f"{mask.model.name} {mask.model.version}",
        "CLOUDMASK_MODEL_SHA256": mask.model.sha256,
        "PRODUCT": mask.name,
    }
    with AtomicOutputs(list(files.values()), overwrite=overwrite) as outputs:
        if format == "geotiff":
            write_classes(outputs.path(files["mask"]), mask.classes, mask.grid, tags)
            if mask.probabilities is not None:
                write_probabilities(
                    outputs.path(files["probabilities"]),
                    mask.probabilities,
                    mask.grid,
                    probability_type,
                    tags,
                )
        else:
            from .dimap import write_dimap  # only SNAP users pay for it

            write_dimap(outputs.path(files["mask"]), mask, record(mask))
        if quicklook:
            from .quicklook import write_quicklook

            write_quicklook(outputs.path(files["quicklook"]), mask, mask.preview)
        text = json.dumps(record(mask), indent=2, allow_nan=False)
        outputs.path(files["record"]).write_text(text + "\n", encoding="utf-8")
        for made in files.values():
            if not outputs.path(made).exists():
                raise OutputError(f"{made}: was not written")
    return list(files.values())
