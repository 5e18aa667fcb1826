"""Masks that can be scored: our own, other packages, and what other programs wrote."""
