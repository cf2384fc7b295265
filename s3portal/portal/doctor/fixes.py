"""What a doctor may set in a bucket with ``--apply``, and the command that sets the same.

The doctor finds what is missing. The floor above sets it (s3portal/buckets/fixes.py), by the code of its
commands.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class FixRefused(Exception):
    """A setting could not be changed. ``mend`` says what to do; ``is_not_offered``: the store lacks it."""

    text: str
    mend: str = ""
    is_not_offered: bool = False


@dataclass(frozen=True)
class BucketFix:
    """``command`` changes the setting from a shell. ``apply`` changes it, and returns whether it had to; it
    raises FixRefused."""

    command: str
    apply: Callable[[], bool]


@dataclass(frozen=True)
class BucketFixes:
    """The settings that a portal's bucket needs. All keep the rules of others."""

    let_pages_in: BucketFix
    let_readers_in: BucketFix
    abort_unfinished: BucketFix
    block_public_access: BucketFix
