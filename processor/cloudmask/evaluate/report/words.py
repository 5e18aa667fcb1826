"""Names of metrics and classes, and how numbers are written, the same in every report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

METRIC_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "users_accuracy": "UA (precision)",
        "users_agreement": "UA-like agreement (precision)",
        "producers_accuracy": "PA (recall)",
        "producers_agreement": "PA-like agreement (recall)",
        "dice": "Dice (F1)",
        "iou": "IoU",
        "balanced_accuracy": "Balanced accuracy",
        "balanced_agreement": "Balanced agreement",
        "overall_accuracy": "Overall accuracy",
        "overall_agreement": "Overall agreement",
        "kappa": "Kappa",
        "mean_dice": "Mean Dice",
        "mean_iou": "Mean IoU",
        "mean_producers_accuracy": "Mean PA",
        "mean_producers_agreement": "Mean PA-like agreement",
    }
)
POOLING_TITLES: Mapping[str, str] = MappingProxyType(
    {"pooled": "pooled over pixels", "median_per_patch": "median per patch"}
)
GROUP_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "human": "Accuracy against labels drawn by people",
        "draft": "Agreement with draft labels",
        "simulated": "Accuracy on simulated scenes",
        "clear by eye": "False alarms on clear scenes",
    }
)
"""Heading of a group of scenes by what its labels are worth."""
_REASONS = 3
DASH = "\u2013"
TERMS = (
    "UA: user's accuracy, precision. PA: producer's accuracy, recall. IoU: intersection over union. BA: "
    "balanced accuracy, the mean of sensitivity and specificity. Under labels that are no measure of "
    "accuracy the same numbers are called agreement. A dash stands where a score is not defined."
)
SCHEME_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "four-class": "Four classes",
        "three-class": "Three classes",
        "cloud": "Cloud or not",
        "thick-cloud": "Cloud or not, thin left out",
        "cloud-shadow": "Shadow or not",
        "valid": "Clear or not",
    }
)


def reference_title(document: Mapping[str, Any]) -> str:
    """What the masks were scored on."""
    reference = document["reference"]
    if reference["named"]:
        return str(reference["named"])
    return (
        f"the pairs in \u2018{reference['name']}\u2019"
        if reference["kind"] == "pairs"
        else str(reference["title"])
    )


def mask_titles(document: Mapping[str, Any]) -> dict[str, str]:
    """Titles of masks by name, their names where two share a title."""
    titles = [m["title"] for m in document["masks"]]
    return {m["name"]: m["title"] if titles.count(m["title"]) == 1 else m["name"] for m in document["masks"]}


def reasons(mask: Mapping[str, Any]) -> str:
    """Why a mask was left out of scenes, and of how many; empty if it was of none.

    Reasons that name a scene's files are many: the most frequent are given, results.json has them all.
    """
    often = Counter(mask["unavailable"].values()).most_common()
    often.sort(key=lambda item: (-item[1], item[0]))
    parts = [f"{scenes(number)}: {reason}" for reason, number in often[:_REASONS]]
    rest = sum(number for _, number in often[_REASONS:])
    return "; ".join(parts + ([f"{scenes(rest)}: other reasons, in results.json"] if rest else []))


def absent_note(scheme: Mapping[str, Any]) -> str:
    """Sentence on classes the reference lacks, empty if it has all."""
    if not scheme["absent"]:
        return ""
    listed = ", ".join(class_title(c) for c in scheme["absent"])
    said = "its recall is not defined, and no mask can be right on it"
    return f" The reference has no pixel of: {listed}; {said}."


def class_title(key: str) -> str:
    """A class key for people."""
    return key.replace("_", " ").replace("semi transparent", "semi-transparent")


def percent(value: float | None, digits: int = 1) -> str:
    """A share as percent, without the sign; a dash where undefined."""
    return DASH if value is None else f"{100 * value:.{digits}f}"


def interval(number: Mapping[str, Any] | None) -> str:
    """The interval of a score in percent, empty where there is none."""
    if not number or number.get("low") is None:
        return ""
    return f"{100 * number['low']:.1f} to {100 * number['high']:.1f}"


def count(value: int) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def scenes(number: int) -> str:
    """A number of scenes in words."""
    return f"{count(number)} scene{'' if number == 1 else 's'}"


def headline_metric(headline: Mapping[str, Any], is_accuracy: bool) -> tuple[str, str]:
    """Key of a headline's metric under the group's labels, and its column head.

    Under labels that are no measure of accuracy, neither key nor head says so.
    """
    from ..labels import LabelKind

    kind = LabelKind.HUMAN if is_accuracy else LabelKind.DRAFT
    title = str(headline["title"])
    if not is_accuracy:
        for short, long in (
            ("BA ", "Balanced agreement, "),
            ("OA", "Agreement"),
            ("UA ", "Precision "),
            ("PA ", "Recall "),
        ):
            if title.startswith(short):
                title = long + title.removeprefix(short)
                break
    return kind.metric_name(str(headline["metric"])), title.rstrip(", ")


def pick(row: Mapping[str, Any], headline: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """The number a headline asks for in a row of scores; None if it is not there."""
    block = row[headline["pooling"]]
    found = block["classes"].get(headline["group"], {}) if headline["group"] else block
    number: Mapping[str, Any] | None = found.get(key)
    return number
