"""The ``cloudmask`` command: one module per sub-command, loaded when it is called.

Exit codes: 0 done, 2 usage, 3 bad input, 4 model or device, 5 output.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

import click

from .. import __version__
from ..errors import CloudMaskError

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module with a click command named "command", line for --help)
    "run": ("run", "Mask Sentinel-2 products."),
    "models": ("models", "List the models, with level, bands, resolution, licence, hash and citation."),
    "doctor": ("doctor", "Print versions and devices, and what is missing and how to get it."),
    "train": ("train", "Train a model by a recipe and export it with its card."),
    "evaluate": ("evaluate", "Score masks against a reference set and write a report."),
    "snap": ("snap", "Install and check the plug-in for ESA SNAP."),
    "simulate": ("simulate", "Write a synthetic SAFE product with clouds, shadows and its truth."),
    "bench": ("bench", "Measure speed and memory, against other masks and the machine's limits."),
}


class LazyGroup(click.Group):
    """A group whose sub-commands are imported on use, so that none pays for another's imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which a user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one sub-command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f".{COMMANDS[cmd_name][0]}", __package__)
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List sub-commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cloudmask")
def cli() -> None:
    """AI cloud mask for Sentinel-2 L1C and L2A.

    Exit codes: 0 done, 2 usage, 3 bad input, 4 model or device, 5 output.
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; errors meant for the user are one line on stderr."""
    _stop_on_sigterm()
    try:
        result: Any = cli.main(
            args=list(sys.argv[1:] if argv is None else argv), prog_name="cloudmask", standalone_mode=False
        )
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.Abort:
        return say_error("interrupted", 130)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CloudMaskError as error:
        return say_error(str(error), error.exit_code)
    except KeyboardInterrupt:
        return say_error("interrupted", 130)
    except BrokenPipeError:
        # The reader of our output went away (``| head``); keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return say_error("out of memory; close other programs, use a smaller --tile-size or an --aoi", 1)
    return result if isinstance(result, int) else 0


def say_error(text: str, code: int) -> int:
    """Print an error for the user on stderr, one line; returns its exit code."""
    click.echo(f"cloudmask: error: {text}", err=True)
    return code


def _stop_on_sigterm() -> None:
    """Turn SIGTERM into an exception, so that temporary files are removed on the way out."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    signal.signal(signal.SIGTERM, stop)
