"""Kinds of cloud: where they float, what they consist of, and one layer drawn of them.

Heights follow the ISCCP classes (Rossow and Schiffer 1999, BAMS 80:2261), particle sizes the MODIS
climatology (King et al. 2013, IEEE TGRS 51:3826).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from . import cloud_fields
from .fields import Array
from .optics import Phase

MAX_DEPTH = 120.0
"""Optical thickness at which columns are cut off; reflectance no longer changes there."""


@dataclass(frozen=True)
class CloudKind:
    """Ranges from which one layer of a kind is drawn.

    Attributes
    ----------
    base : tuple of float
        Height of the base above ground, km.
    depth : tuple of float
        Geometrical depth of the thickest column, km.
    phase : {"water", "ice"}
        Particles.
    radius : tuple of float
        Effective radius, micrometres.
    convective : bool
        Whether columns differ in height so much that their sides and shadows on each other show.
    cover : tuple of float
        Share of the sky that is usual.
    thickness : callable
        ``(rng, shape, pixel in km, cover) -> optical thickness`` float32.
    """

    base: tuple[float, float]
    depth: tuple[float, float]
    phase: Phase
    radius: tuple[float, float]
    convective: bool
    cover: tuple[float, float]
    thickness: Callable[[np.random.Generator, tuple[int, int], float, float], Array]


@dataclass(frozen=True)
class CloudLayer:
    """One layer of cloud over a domain that is larger than the scene.

    Attributes
    ----------
    kind : str
        As for :func:`cloud_kind`.
    phase : {"water", "ice"}
        Particles.
    radius : float
        Effective radius, micrometres.
    base, depth : float
        Height of the base above ground and depth of the thickest column, km.
    thickness : numpy.ndarray
        float32 (rows, cols) vertical optical thickness at .55 um, 0 or more.
    """

    kind: str
    phase: Phase
    radius: float
    base: float
    depth: float
    thickness: Array

    @property
    def middle(self) -> float:
        """Height in km at which the layer is seen."""
        return self.base + 0.6 * self.depth


DIFFUSION = 0.0045
"""Standard deviation in km of the sideways walk of light that shows at the edges of droplet clouds; steeper
edges than this gives (about .065 reflectance in 10 m) are not seen in Sentinel-2 scenes of heaps."""


def _wander(thickness: Array, sigma: float) -> Array:
    """Smooth a field in the measure in which reflectance is linear, a = tau / (tau + 7)."""
    share = ndimage.gaussian_filter(thickness / (thickness + np.float32(7)), sigma, mode="wrap", truncate=2.5)
    result: Array = np.float32(7) * share / (1 - share)
    return result


CLOUD_KINDS: Mapping[str, CloudKind] = MappingProxyType(
    {
        "cumulus": CloudKind(
            (0.5, 2.6), (0.3, 2.2), "water", (7, 14), True, (0.05, 0.7), cloud_fields.cumulus
        ),
        "cloud_streets": CloudKind(
            (0.6, 2.2), (0.3, 1.5), "water", (7, 14), True, (0.1, 0.5), cloud_fields.cloud_streets
        ),
        "stratocumulus": CloudKind(
            (0.4, 1.8), (0.2, 0.6), "water", (8, 15), True, (0.5, 1.0), cloud_fields.stratocumulus
        ),
        "stratus": CloudKind(
            (0.2, 1.2), (0.2, 0.7), "water", (7, 12), False, (0.4, 1.0), cloud_fields.stratus
        ),
        "fog": CloudKind((0.0, 0.02), (0.05, 0.3), "water", (6, 12), False, (0.1, 0.8), cloud_fields.fog),
        "altocumulus": CloudKind(
            (2.5, 5.5), (0.1, 0.5), "water", (7, 12), False, (0.2, 0.8), cloud_fields.altocumulus
        ),
        "altostratus": CloudKind(
            (2.5, 5.5), (0.3, 1.5), "water", (8, 14), False, (0.3, 1.0), cloud_fields.altostratus
        ),
        "cirrus": CloudKind(
            (6.5, 11.5), (0.3, 2.0), "ice", (15, 40), False, (0.15, 0.9), cloud_fields.cirrus
        ),
        "cirrostratus": CloudKind(
            (7.0, 11.0), (0.5, 2.0), "ice", (20, 40), False, (0.4, 1.0), cloud_fields.cirrostratus
        ),
        "cirrocumulus": CloudKind(
            (6.0, 9.5), (0.1, 0.4), "ice", (12, 30), False, (0.2, 0.8), cloud_fields.cirrocumulus
        ),
        "contrails": CloudKind(
            (8.5, 11.5), (0.1, 0.5), "ice", (8, 20), False, (0.05, 0.4), cloud_fields.contrails
        ),
    }
)
"""All kinds by name."""

_AT = "@"


def cloud_kind(name: str) -> CloudKind:
    """A kind by its name, or a cross of two.

    Parameters
    ----------
    name : str
        Key of :data:`CLOUD_KINDS`, or two of them as ``SHAPE@PLACE``: fields, cover and growth of the first
        at the heights and of the particles of the second. Nature knows more kinds than have a name; a net
        that is to recognise those as well has to see some.

    Raises
    ------
    KeyError
        If it is neither.
    """
    shape, _, place = name.partition(_AT)
    if not place:
        return CLOUD_KINDS[name]
    given = CLOUD_KINDS[shape]
    return replace(
        CLOUD_KINDS[place], convective=given.convective, cover=given.cover, thickness=given.thickness
    )


def is_cloud_kind(name: str) -> bool:
    """Whether :func:`cloud_kind` knows a name."""
    return all(part in CLOUD_KINDS for part in name.split(_AT, 1))


def draw_layer(
    rng: np.random.Generator,
    kind: str,
    shape: tuple[int, int],
    gsd: float,
    base: float,
    depth: float,
    cover: float,
) -> CloudLayer:
    """Draw particles and the field of one layer whose heights are already known.

    Parameters
    ----------
    rng : numpy.random.Generator
        The layer's own stream.
    kind : str
        As for :func:`cloud_kind`.
    shape : tuple of int
        Rows and columns of the domain.
    gsd : float
        Metres.
    base, depth : float
        km.
    cover : float
        Share of the domain under cloud, 0 to 1.
    """
    recipe = cloud_kind(kind)
    radius = float(rng.uniform(*recipe.radius))
    thickness = recipe.thickness(rng, shape, gsd / 1000, cover)
    np.clip(thickness, 0, MAX_DEPTH, out=thickness)
    if recipe.phase == "water":
        thickness = _wander(thickness, DIFFUSION * 1000 / gsd)
    return CloudLayer(kind, recipe.phase, radius, base, depth, thickness)
