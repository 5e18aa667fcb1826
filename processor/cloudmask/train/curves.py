"""Curves of a run as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..atomic import AtomicOutputs
from ..classes import COLOURS, SURFACE_CLASSES, CloudClass


def draw_curves(history: Sequence[dict[str, Any]], path: Path) -> None:
    """Loss, Dice by class and false alarms by epoch, written as PNG.

    Parameters
    ----------
    history : sequence of dict
        Rows of ``metrics.json``.
    path : Path
        Where to.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    loss, scores, false = figure.subplots(1, 3)
    epochs = [row["epoch"] + 1 for row in history]
    loss.plot(epochs, [row["loss"] for row in history], color="black")
    loss.set_title("training loss")
    for member in SURFACE_CLASSES:
        rgb = tuple(v / 255 for v in COLOURS[member]) if member is not CloudClass.CLOUD else (0.5, 0.5, 0.5)
        scores.plot(
            epochs, [row["validation"].get(member.key) for row in history], color=rgb, label=member.label
        )
    scores.set_title("Dice, validation")
    scores.set_ylim(0, 1)
    scores.legend(fontsize="small")
    for i, scene in enumerate(history[-1]["scenes"]):
        if "false" in scene:
            values = [row["scenes"][i]["false"] * 100 for row in history]
            false.plot(epochs, values, label=scene["name"][:28], linewidth=1)
    false.set_title("called cloud or shadow on clear ground, %")
    if false.has_data():
        false.legend(fontsize="xx-small")
    for axis in (loss, scores, false):
        axis.set_xlabel("epoch")
        axis.grid(alpha=0.3)
    with AtomicOutputs([path], overwrite=True) as outputs:
        figure.savefig(outputs.path(path), format="png", dpi=100)
