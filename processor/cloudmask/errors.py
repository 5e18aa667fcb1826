"""Errors a user may meet. Each carries the exit code that the command returns for it."""

from __future__ import annotations


class CloudMaskError(Exception):
    """Root of all errors raised on purpose; its text is one line for the user.

    The text names the file, what was expected, what was found and what to do.
    """

    exit_code = 1


class UsageError(CloudMaskError, ValueError):
    """An option or argument has a value that cannot be used (exit code 2)."""

    exit_code = 2


class InputError(CloudMaskError, ValueError):
    """A product, image or area of interest cannot be read as expected (exit code 3)."""

    exit_code = 3


class ModelError(CloudMaskError, RuntimeError):
    """A model file or its card is unusable, or no model fits the input (exit code 4)."""

    exit_code = 4


class DeviceError(ModelError):
    """The device or runtime asked for is not there (exit code 4)."""


class OutputError(CloudMaskError, OSError):
    """An output cannot be written (exit code 5)."""

    exit_code = 5
