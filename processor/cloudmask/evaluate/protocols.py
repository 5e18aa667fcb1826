"""Scoring protocols by name: what is compared, how it is pooled, and where that is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ..errors import UsageError
from .schemes import SCHEMES, Scheme

Pooling = Literal["pooled", "median_per_patch"]


@dataclass(frozen=True)
class Headline:
    """One column of the first table.

    Attributes
    ----------
    title : str
        Column head.
    scheme : str
        Which comparison.
    pooling : {"pooled", "median_per_patch"}
        Over all pixels together, or the median of one value a patch.
    metric : str
        Of :data:`cloudmask.metrics.CLASS_METRICS` with `group`, else of ``OVERALL_METRICS``.
    group : str
        Class the metric is of; empty for an overall metric.
    """

    title: str
    scheme: str
    pooling: Pooling
    metric: str
    group: str = ""


@dataclass(frozen=True)
class Protocol:
    """A way of scoring.

    Attributes
    ----------
    name, title, source, text : str
        For people.
    schemes : tuple of str
        Comparisons, the main one first.
    headlines : tuple of Headline
        Columns of the first table.
    partial : bool
        Whether a mask that lacks a class of a scheme is scored on those it claims, as in
        KappaMask's paper, and not left out.
    bands : bool
        Whether the share of patches with low (below 0.1), middle and high (above 0.9) accuracies is
        given, as in CloudSEN12's table 6.
    """

    name: str
    title: str
    source: str
    text: str
    schemes: tuple[str, ...]
    headlines: tuple[Headline, ...]
    partial: bool = False
    bands: bool = False

    def scheme_list(self) -> list[Scheme]:
        """List the comparisons."""
        return [SCHEMES[name] for name in self.schemes]


def _dice(group: str, title: str, scheme: str = "four-class") -> Headline:
    return Headline(f"Dice {title}", scheme, "pooled", "dice", group)


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        p.name: p
        for p in (
            Protocol(
                "default",
                "cloudmask's own",
                "docs/evaluation.md",
                "Every mask is compared in as many classes as it claims to know: four, three (both kinds of "
                "cloud together), cloud or not, clear or not. Pixels are pooled; medians per patch stand "
                "beside.",
                ("four-class", "three-class", "cloud", "cloud-shadow", "valid"),
                (
                    Headline("Mean Dice, 4 classes", "four-class", "pooled", "mean_dice"),
                    Headline("Mean Dice, 3 classes", "three-class", "pooled", "mean_dice"),
                    Headline("Dice cloud", "cloud", "pooled", "dice", "cloud"),
                    Headline("Dice shadow", "cloud-shadow", "pooled", "dice", "cloud_shadow"),
                    _dice("semi_transparent_cloud", "semi-transparent"),
                    Headline("BA cloud", "cloud", "pooled", "balanced_accuracy", "cloud"),
                    Headline("BA clear", "valid", "pooled", "balanced_accuracy", "clear"),
                ),
            ),
            Protocol(
                "kappamask",
                "KappaMask's paper",
                "Domnich et al. 2021, Remote Sensing 13:4100",
                "Four classes on 10 m sub-tiles, pixels pooled, Dice, precision and recall of each class; "
                "the total is the unweighted mean over the classes a mask claims. A mask with fewer classes "
                "is compared with the four reference classes all the same. Snow is clear, undefined is left "
                "out. How the paper merged classes of other masks could not be checked.",
                ("four-class",),
                (
                    Headline("Dice, all", "four-class", "pooled", "mean_dice"),
                    _dice("clear", "clear"),
                    _dice("cloud_shadow", "shadow"),
                    _dice("semi_transparent_cloud", "semi-transparent"),
                    _dice("cloud", "cloud"),
                    Headline("OA", "four-class", "pooled", "overall_accuracy"),
                ),
                partial=True,
            ),
            Protocol(
                "cloudsen12",
                "CloudSEN12's table 6",
                "Aybar et al. 2022, Scientific Data 9:782, and its published scoring code",
                "Three two-class experiments on 509 px patches: cloud (thick and thin) or not, shadow or "
                "not, valid or contaminated. One value a patch; the median over the patches where it is "
                "defined, and the share of patches below 0.1, up to 0.9, and above.",
                ("cloud", "cloud-shadow", "valid"),
                (
                    Headline("BA cloud", "cloud", "median_per_patch", "balanced_accuracy", "cloud"),
                    Headline(
                        "BA shadow", "cloud-shadow", "median_per_patch", "balanced_accuracy", "cloud_shadow"
                    ),
                    Headline("BA valid", "valid", "median_per_patch", "balanced_accuracy", "clear"),
                    Headline("PA cloud", "cloud", "median_per_patch", "producers_accuracy", "cloud"),
                    Headline("UA cloud", "cloud", "median_per_patch", "users_accuracy", "cloud"),
                ),
                bands=True,
            ),
            Protocol(
                "cmix",
                "CMIX",
                "Skakun et al. 2022, Remote Sensing of Environment 274:112990",
                "Cloud or not, all pixels of the set pooled: once with semi-transparent cloud as cloud, once "
                "with its reference pixels left out. Cloud shadow is no cloud here. The clear and shadow "
                "columns follow the one-against-rest scores usual on PixBox since.",
                ("cloud", "thick-cloud", "three-class", "cloud-shadow", "valid"),
                (
                    Headline("BA cloud", "cloud", "pooled", "balanced_accuracy", "cloud"),
                    Headline("OA cloud", "cloud", "pooled", "overall_accuracy"),
                    Headline("UA cloud", "cloud", "pooled", "users_accuracy", "cloud"),
                    Headline("PA cloud", "cloud", "pooled", "producers_accuracy", "cloud"),
                    Headline("BA cloud, no thin", "thick-cloud", "pooled", "balanced_accuracy", "cloud"),
                    Headline("BA shadow", "cloud-shadow", "pooled", "balanced_accuracy", "cloud_shadow"),
                    Headline("BA clear", "valid", "pooled", "balanced_accuracy", "clear"),
                ),
            ),
        )
    }
)


def find_protocol(name: str) -> Protocol:
    """Find a protocol by name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol '{name}'; expected one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
