"""Measurements of speed: this package and other masks on the same pixels, and the machine's limits."""
