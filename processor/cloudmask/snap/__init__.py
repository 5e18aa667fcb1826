"""The ESA SNAP plug-in: the operator ``CloudMask``, its registration, checks and packaging.

``operator`` and what it imports run inside SNAP's Java process; ``install``, ``doctor``, ``nbm``
and ``gpt`` run on the command line and need no SNAP to be imported.
"""
