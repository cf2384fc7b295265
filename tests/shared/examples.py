"""How many cases a property is tried with: few with every run, as many as are asked for by hand.

    S3PORTAL_EXAMPLES=100000 python -m pytest tests/server/test_any_request.py

The long form tries others in every run. A case that fails is printed, and kept in .hypothesis for the next.
"""

from __future__ import annotations

import os

LONG = os.environ.get("S3PORTAL_EXAMPLES")


def examples(usual: int) -> int:
    """Returns the number of cases of a property that is usually tried with ``usual``."""
    return int(LONG) if LONG else usual
