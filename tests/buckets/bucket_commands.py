"""What a command said and how it ended."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """Exit code, standard output, standard error."""

    code: int
    out: str
    err: str
