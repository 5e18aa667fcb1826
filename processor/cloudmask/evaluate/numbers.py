"""Scores as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

Json = dict[str, Any]


def number(value: Any, low: Any = np.nan, high: Any = np.nan) -> Json:
    """A score with its interval: ``value`` (None where undefined), and ``low`` and ``high`` if known."""
    out: Json = {"value": None if np.isnan(value) else float(value)}
    if not np.isnan(low):
        out["low"], out["high"] = float(low), float(high)
    return out
