"""``cloudmask train``: from a recipe to a model."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import click

from ..errors import UsageError

_NEEDED = ("torch", "onnx", "matplotlib", *(("tomli",) if sys.version_info < (3, 11) else ()))
"""What of the extra ``train`` is imported; Python reads TOML by itself from 3.11 on."""


@click.command("train")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Run folder.")
@click.option(
    "--init",
    type=click.Path(path_type=Path),
    help="Checkpoint (.pt) or exported model (.onnx) whose weights to start from.",
)
@click.option("--resume", is_flag=True, help="Go on from the folder's last checkpoint.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where PyTorch computes: auto takes CUDA if PyTorch finds it, else the CPU.",
)
@click.option(
    "--threads", type=click.IntRange(0), default=0, help="Threads of PyTorch; 0 leaves its default."
)
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes that simulate."
)
@click.option(
    "--cache", type=click.Path(path_type=Path), help="Folder for simulated patches, to share between runs."
)
@click.option("-q", "--quiet", is_flag=True, help="Print the model's path only.")
def command(
    recipe: Path,
    output: Path,
    init: Path | None,
    resume: bool,
    device: str,
    threads: int,
    workers: int,
    cache: Path | None,
    quiet: bool,
) -> None:
    """Train a model by RECIPE (TOML) and export it as ONNX with its card.

    The run folder holds everything to reproduce the run. docs/training.md explains recipes.
    """
    absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        raise UsageError(f"training needs {', '.join(absent)}: pip install '.[train,cpu]'")
    if init is not None and resume:
        raise UsageError("--init and --resume exclude each other: a resumed run has its own weights")
    from ..train.run import Settings, train

    def say(line: str) -> None:
        if not quiet:
            click.echo(line, err=True)

    settings = Settings(cache=cache, workers=workers, threads=threads, device=device)
    click.echo(str(train(recipe, output, settings, say, init=init, resume=resume)))
