"""One call from a reference set to a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..atomic import AtomicOutputs, check_targets
from ..cpu import thread_count
from ..errors import OutputError
from .bootstrap import BootstrapSettings
from .document import make_document, to_json
from .masks.registry import parse_masks
from .numbers import Json
from .pictures import Pictures
from .protocols import find_protocol
from .references.registry import REFERENCES, Selection, open_reference, readable
from .report.figures import write_figures
from .report.html import render_html
from .report.markdown import render_markdown
from .run import Progress, run_masks

REPORT, RESULTS, TEXT, FIGURES = "report.html", "results.json", "report.md", "figures"


@dataclass(frozen=True)
class Request:
    """What to evaluate.

    Attributes
    ----------
    path : Path
        The reference set.
    kind : str
        Which one it is, of :data:`~.references.registry.REFERENCES`.
    masks : str
        As :func:`~.masks.registry.parse_masks` reads it.
    protocol : str or None
        Name; by default the one usual for the kind.
    selection : Selection
        What to read of the set.
    bootstrap : BootstrapSettings
        How intervals are made.
    tolerance : float
        Half-width of the band along borders, metres.
    pictures : int
        Scenes shown in the report, at most.
    threads : int
        For inference and decoding; 0 takes all.
    device : str
        Where our own models run, one of ``options.DEVICES``.
    """

    path: Path
    kind: str
    masks: str
    protocol: str | None = None
    selection: Selection = field(default_factory=Selection)
    bootstrap: BootstrapSettings = field(default_factory=BootstrapSettings)
    tolerance: float = 20.0
    pictures: int = 12
    threads: int = 0
    device: str = "auto"


def evaluate(request: Request, progress: Progress | None = None) -> tuple[Json, dict[str, Pictures]]:
    """Score masks on a reference set.

    Returns
    -------
    document, pictures
        All numbers (:func:`~.document.make_document`), and pictures by scene.

    Raises
    ------
    CloudMaskError
        UsageError, InputError, ModelError; each says what to do.
    """
    with readable(request.path):  # as well as the folders of masks and of products
        masks = parse_masks(request.masks, request.threads, request.device)
        scenes = open_reference(request.path, request.kind, request.selection)
        protocol = find_protocol(request.protocol or REFERENCES[request.kind].protocol)
        results = run_masks(
            scenes,
            masks,
            tolerance=request.tolerance,
            pictures=request.pictures,
            threads=thread_count(request.threads),
            progress=progress,
        )
    document = make_document(
        results,
        masks,
        protocol,
        request.bootstrap,
        kind=request.kind,
        path=request.path.absolute(),
        selection=request.selection,
        tolerance=request.tolerance,
    )
    return document, {r.name: r.pictures for r in results if r.pictures is not None}


def targets(folder: Path) -> list[Path]:
    """List what :func:`write_report` makes in a folder."""
    return [folder / name for name in (REPORT, RESULTS, TEXT, FIGURES)]


def check_folder(folder: Path, overwrite: bool) -> None:
    """Make the output folder and refuse to replace reports, before any work is done.

    Raises
    ------
    OutputError
        If a report is there already, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error
    check_targets(targets(folder), overwrite)


def write_report(
    document: Json, pictures: dict[str, Pictures], folder: Path, *, overwrite: bool = False
) -> list[Path]:
    """Write the page, JSON, Markdown and figures; all of them or none.

    Returns
    -------
    list of Path
        The files and the folder of figures.
    """
    with AtomicOutputs(targets(folder), overwrite=overwrite) as outputs:
        page, results, text, figures = (outputs.path(t) for t in targets(folder))
        page.write_text(render_html(document, pictures), encoding="utf-8")
        results.write_text(to_json(document), encoding="utf-8")
        text.write_text(render_markdown(document), encoding="utf-8")
        write_figures(document, pictures, figures)
    return targets(folder)
