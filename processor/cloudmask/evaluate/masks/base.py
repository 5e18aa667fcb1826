"""What a mask is to the scorer, and the pixels it is given."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from ...array_source import ArraySource
from ...bands import Level
from ...classes import CloudClass
from ...errors import InputError
from ...grid import Grid
from ...safe import SafeProduct, open_product
from ...source import PlaneSource
from ..scene import Image, Prediction, Scene


class Unavailable(Exception):  # noqa: N818  (not an error: the reason is reported, the run goes on)
    """A mask has nothing to say about a scene: a band is not there, or no file."""


class MaskSource(Protocol):
    """One mask to score.

    Attributes
    ----------
    name : str
        Unique in a run; as given on the command line.
    title : str
        For people.
    claims : frozenset of CloudClass
        What it sets out to tell apart; a :class:`Prediction` may say otherwise for its scene.
    setting : str
        Version and settings, for the record.
    """

    @property
    def name(self) -> str:
        """Unique name."""
        ...

    @property
    def title(self) -> str:
        """Name for people."""
        ...

    @property
    def claims(self) -> frozenset[CloudClass]:
        """Classes it tells apart."""
        ...

    @property
    def setting(self) -> str:
        """Version and settings."""
        ...

    def predict(self, pixels: Pixels) -> Prediction:
        """Classes of a scene.

        Raises
        ------
        Unavailable
            If the mask cannot be had for this scene; the reason is reported.
        """
        ...


class Pixels:
    """A scene's reflectance, opened when first asked for.

    Use as a context manager.

    Parameters
    ----------
    scene : Scene
        Where it is read from: its image, or its product.
    threads : int
        For decoding products.
    """

    def __init__(self, scene: Scene, threads: int = 1) -> None:
        self.scene = scene
        self._threads = threads
        self._source: PlaneSource | None = None
        self._product: SafeProduct | None = None

    def __enter__(self) -> Pixels:
        return self

    def __exit__(self, *_: object) -> None:
        if self._product is not None:
            self._product.close()

    @property
    def level(self) -> Level:
        """Level of the image."""
        return self.scene.level

    @property
    def source(self) -> PlaneSource:
        """The scene as the pipeline reads it.

        Raises
        ------
        Unavailable
            If there are labels but neither image nor product.
        """
        if self._source is None:
            self._source = self._open()
        return self._source

    def _open(self) -> PlaneSource:
        scene = self.scene
        if scene.image is not None:
            image: Image = scene.image()
            if image.values.shape[1:] != scene.grid.shape:
                raise InputError(
                    f"{scene.name}: labels of {scene.grid.shape} do not fit an image of "
                    f"{image.values.shape[1:]}"
                )
            return ArraySource(
                image.values,
                image.bands,
                gsd=scene.grid.gsd,
                level=scene.level,
                name=scene.name,
                grid=scene.grid,
            )
        if scene.safe is None:
            raise Unavailable("the set has labels only; give the products with --products")
        self._product = open_product(scene.safe, threads=self._threads)
        return self._product

    def read(self, bands: tuple[str, ...], gsd: float) -> tuple[npt.NDArray[np.float32], Grid]:
        """Reflectance (bands, rows, cols) at a spacing, NaN where missing, and its grid.

        Raises
        ------
        Unavailable
            If the scene lacks a band.
        """
        source = self.source
        absent = [b for b in bands if b not in source.bands]
        if absent:
            raise Unavailable(f"the scene lacks {', '.join(absent)}")
        grid = source.grid.at(gsd)
        return source.read(bands, gsd, (0, grid.rows), gsd).values, grid
