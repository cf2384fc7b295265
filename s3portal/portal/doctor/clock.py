"""Whether the store's signatures and URLs work with this computer's clock. Pure.

Signature Version 4: a request that is signed more than 15 minutes ahead is refused, one that is signed in a
header also more than 15 minutes late; a presigned URL ends when its time is over by the store's clock.
"""

from dataclasses import dataclass

#: S3 API Reference, "Error responses", RequestTimeTooSkewed.
_LIMIT_S = 15 * 60
#: A clock that is set over the network is right to the second.
_NOTICED_S = 60


@dataclass(frozen=True)
class ClockProblem:
    """What is wrong with the clock. ``stops_everything``: no request or no link can work."""

    text: str
    stops_everything: bool


def clock_problem(ahead_s: float, shortest_url_s: int) -> ClockProblem | None:
    """What is wrong with a clock that is so many seconds ahead of the store's, negative for behind.

    ``shortest_url_s`` is how long the URL lives that lives shortest.
    """
    if abs(ahead_s) < _NOTICED_S:
        return None
    direction = "ahead of" if ahead_s > 0 else "behind"
    wrong = f"this computer's clock is {_words(abs(ahead_s))} {direction} the store's"
    if ahead_s > _LIMIT_S:
        return ClockProblem(f"{wrong}: the store refuses everything that it signs as not yet valid", True)
    if -ahead_s > _LIMIT_S:
        return ClockProblem(f"{wrong}: the store refuses everything that it signs as expired", True)
    if -ahead_s >= shortest_url_s:
        return ClockProblem(
            f"{wrong}: URLs that live {shortest_url_s} seconds have expired by the time they are used", True
        )
    return ClockProblem(f"{wrong}: URLs expire sooner or later than they should", False)


def _words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:,.0f} hours"
