"""``python -m cloudmask``."""

import sys

from .cli import main

sys.exit(main())
