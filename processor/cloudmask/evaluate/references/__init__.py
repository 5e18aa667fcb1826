"""Reference sets: each module knows one set's files and gives :class:`~..scene.Scene` objects."""
