"""Training of four-class cloud masks with PyTorch; nothing outside this package imports torch.

A recipe (TOML) names everything a run depends on; :mod:`.recipe` reads it, :mod:`.pool` turns its
sources into patches, :mod:`.trainer` runs it and :mod:`.export` writes the ONNX file and its card.
"""
