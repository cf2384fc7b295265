"""Upgrades a folder of an earlier schema and is killed before the n-th statement, or after the last one.

A process of its own, started by test_migrations.py: upgrade_and_die.py FOLDER N
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from s3portal.server.storage import migrations
from s3portal.server.storage.storage import Storage


def main(root: Path, fatal: int) -> None:
    first, *rest = migrations.STEPS
    begins, begin = [], 0
    for step in rest:
        begins.append(begin)
        begin += len(step)

    def until_killed(begin: int, step: tuple[str, ...]) -> Iterator[str]:
        for number, statement in enumerate(step, begin):
            if number == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            yield statement
        if begin + len(step) == fatal:
            # Before the step's commit.
            os.kill(os.getpid(), signal.SIGKILL)

    migrations.STEPS = (first, *map(until_killed, begins, rest))  # type: ignore[assignment]
    Storage(root)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
