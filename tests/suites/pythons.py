"""Which Python each suite runs on, where several are on the machine."""

from __future__ import annotations

import sys
from pathlib import Path

import nox

from s3portal.demo.interpreter import as_text, pythons_here

REPORTS = Path(__file__).resolve().parents[2] / ".test" / "reports"

#: Suites whose pins do not install on every Python: the oldest and the newest that they do install on.
#: CKAN 2.10 needs greenlet 2 and the module imp; Indico states what it needs.
RANGES = {
    "ckan-2.10": ((3, 10), (3, 11)),
    "ckan-2.11": ((3, 10), (3, 13)),
    "indico-3.2": ((3, 10), (3, 11)),
    "indico-3.3": ((3, 11), (3, 12)),
    # Its Indico is 3.2.
    "ceph": ((3, 10), (3, 11)),
}

#: The Pythons on this machine, newest first.
PYTHONS = pythons_here()


def python_for(suite: str) -> str | None:
    """The interpreter for a suite: nox's own (None) where it fits, else the newest one here that does."""
    oldest, newest = RANGES[suite]
    if oldest <= sys.version_info[:2] <= newest:
        return None
    return next((path for version, path in PYTHONS.items() if oldest <= version <= newest), None)


def other_pythons() -> dict[str, str]:
    """The interpreters on this machine apart from the one that runs nox, by version."""
    return {as_text(version): path for version, path in PYTHONS.items() if version != sys.version_info[:2]}


def needs_its_python(session: nox.Session) -> None:
    """Ends a session, without failing it, where no Python on this machine fits its portal."""
    oldest, newest = RANGES[session.name]
    here = session.run("python", "-c", "import sys; print(*sys.version_info[:2])", silent=True).split()
    if not oldest <= tuple(map(int, here)) <= newest:
        did_not_run(
            session,
            f"its portal needs Python {as_text(oldest)} to {as_text(newest)}, and none of them was found",
        )


def did_not_run(session: nox.Session, reason: str) -> None:
    """Ends a session without failing it, and leaves the reason for bin/test to repeat at its end."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / f"{session.name}.not-run").write_text(reason, "utf-8")
    session.skip(f"THIS SUITE DID NOT RUN: {reason}")
