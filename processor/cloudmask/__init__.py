"""AI cloud mask for Sentinel-2: clear, cloud shadow, semi-transparent cloud, cloud, missing."""

from __future__ import annotations

__version__ = "0.1.0"
