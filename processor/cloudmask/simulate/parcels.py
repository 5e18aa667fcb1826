"""Man-made geometry: fields, blocks of houses and industrial sheds as numbered cells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .fields import Array

Cells = npt.NDArray[np.int64]


def scatter(*numbers: Cells | int) -> Cells:
    """Mix integers into one that looks random, 0 to 2^31 - 1 (multiplicative hash, Knuth 6.4)."""
    total = np.zeros((), np.int64)
    for i, number in enumerate(numbers):
        total = (total + number) * np.int64(2654435761 + 2 * i)
        total = (total ^ (total >> np.int64(15))) & np.int64(0x7FFFFFFF)
    return total


def cells(
    rng: np.random.Generator,
    shape: tuple[int, int],
    pixel: float,
    length: float,
    width: float,
    warp: Array | None = None,
) -> tuple[Cells, npt.NDArray[np.bool_]]:
    """Divide the plane into rows of unequal rectangles.

    Parameters
    ----------
    rng : numpy.random.Generator
        Direction and numbering.
    shape : tuple of int
        Rows and columns.
    pixel : float
        km a pixel.
    length, width : float
        Typical sides of a rectangle, km.
    warp : numpy.ndarray, optional
        Displacement in km that bends the lines, float32 (rows, cols).

    Returns
    -------
    number : numpy.ndarray
        int64 (rows, cols), one number for each rectangle, random and large.
    border : numpy.ndarray
        bool (rows, cols), pixels on the line between rows of rectangles (tracks, roads).
    """
    angle, salt = float(rng.uniform(0, np.pi)), int(rng.integers(1, 2**31))
    y = np.arange(shape[0], dtype=np.float32)[:, None] * np.float32(pixel)
    x = np.arange(shape[1], dtype=np.float32)[None, :] * np.float32(pixel)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along, across = c * x + s * y + np.float32(500), c * y - s * x + np.float32(500)
    if warp is not None:
        across = across + warp
    row_at = across / np.float32(width)
    row = np.floor(row_at).astype(np.int64)
    # Unequal rows: every third or so joins its neighbour; each row has its own beginning and length.
    numbers = np.arange(int(row.min()), int(row.max()) + 2, dtype=np.int64)
    joined = numbers - (scatter(numbers, salt) % 3 == 0)
    start = (scatter(joined, salt + 1) % 1000).astype(np.float32) / 1000
    stretch = 0.5 + (scatter(joined, salt + 2) % 1000).astype(np.float32) / 700
    place = row - numbers[0]
    column = np.floor(along / (np.float32(length) * stretch[place]) + start[place]).astype(np.int64)
    border = (row_at - np.floor(row_at)) < np.float32(min(0.5, pixel / width))
    border &= joined[place] == row
    return scatter(joined[place], column, salt + 3), border
