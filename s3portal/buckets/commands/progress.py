"""How far a long command is: a line that changes on a terminal, and a line now and then in a log."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress

#: Between two lines where nobody watches a terminal.
_QUIET_S = 10.0


class CountingProgress:
    """Counts things that are done: how many, how many a second, and how many of ``total`` where it is known.
    Everything goes to standard error. As a context."""

    def __init__(self, what: str, total: int | None = None, *, shown: bool = True) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._began = self._told = time.monotonic()
        self._is_terminal = shown and sys.stderr.isatty()
        self._shown = shown
        self._bar = _bar() if self._is_terminal else None
        self._task = self._bar.add_task(what, total=total, rate="") if self._bar else None

    def __enter__(self) -> "CountingProgress":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def reached(self, done: int) -> None:
        """So many are done by now."""
        self._done = done
        now = time.monotonic()
        rate = f"{done / max(now - self._began, 0.001):,.0f}/s"
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=done, rate=rate)
        elif self._shown and now - self._told >= _QUIET_S:
            self._told = now
            of = f" of {self._total:,}" if self._total else ""
            click.echo(f"{self._what}: {done:,}{of}, {rate}", err=True)

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        self.reached(self._done + count)


def _bar() -> "Progress":
    # Loaded where someone watches a terminal: it takes a good part of a short command's time.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
