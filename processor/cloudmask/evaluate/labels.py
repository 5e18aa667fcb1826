"""What a reference's labels are worth, and the words that may be used for scores against them."""

from __future__ import annotations

from enum import Enum

from ..errors import InputError


class LabelKind(Enum):
    """How labels came about; the value is the word printed beside every number."""

    HUMAN = "human"
    """Drawn, or classified and corrected, by people who looked at every scene."""
    DRAFT = "draft"
    """Thresholds and a glance; doubtful pixels are left out, so easy pixels are over-represented."""
    SIMULATED = "simulated"
    """The truth of a synthetic scene."""
    CLEAR = "clear by eye"
    """Whole scenes that a person found free of cloud; they measure false alarms only."""

    @property
    def is_accuracy(self) -> bool:
        """Whether agreement with such labels may be called accuracy."""
        return self in (LabelKind.HUMAN, LabelKind.SIMULATED)

    @property
    def note(self) -> str:
        """One sentence to print with the numbers."""
        return _NOTES[self]

    def metric_name(self, metric: str) -> str:
        """Key of a metric under these labels: ``overall_accuracy`` or ``overall_agreement``.

        Numbers against draft labels are agreement; they never carry the word accuracy.
        """
        if self.is_accuracy:
            return metric
        return _AGREEMENT.get(metric, metric)


_AGREEMENT = {
    "overall_accuracy": "overall_agreement",
    "balanced_accuracy": "balanced_agreement",
    "users_accuracy": "users_agreement",
    "producers_accuracy": "producers_agreement",
    "mean_producers_accuracy": "mean_producers_agreement",
}

_NOTES = {
    LabelKind.HUMAN: "Labelled by people.",
    LabelKind.DRAFT: (
        "Draft labels (thresholds and a visual check, doubtful pixels left out): these numbers are "
        "agreement with the draft, not accuracy, and favour easy pixels."
    ),
    LabelKind.SIMULATED: "Truth of simulated scenes: accuracy on the simulation, not on real clouds.",
    LabelKind.CLEAR: (
        "Whole scenes found clear by eye: only false alarms can be measured; nothing here says how "
        "much cloud a mask finds."
    ),
}


def parse_label_kind(text: str, where: str) -> LabelKind:
    """Kind for a value of ``--labels`` or a manifest, e.g. ``"draft: thresholds and visual check"``.

    Raises
    ------
    InputError
        If the text names no kind; the message says which there are.
    """
    token = text.strip().lower()
    starts = {
        "human": LabelKind.HUMAN,
        "draft": LabelKind.DRAFT,
        "simulated": LabelKind.SIMULATED,
        "clear": LabelKind.CLEAR,
        "image-level clear": LabelKind.CLEAR,
    }
    for start, kind in starts.items():
        if token.startswith(start):
            return kind
    raise InputError(
        f"{where}: unknown label kind '{text:.60}'; expected one of {', '.join(k.value for k in LabelKind)}"
    )
