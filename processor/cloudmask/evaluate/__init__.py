"""Scoring masks against reference sets: ``cloudmask evaluate``; see ``docs/evaluation.md``."""
