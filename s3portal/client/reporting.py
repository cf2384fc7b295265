"""How an upload goes, for people at a terminal (rich, on stderr) and for programs (JSON lines, on stdout)."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from s3portal.client.bar_columns import NoteColumn, WhileMoving
from s3portal.client.errors import PortalError
from s3portal.client.local_file import LocalFile
from s3portal.client.publishing import Published
from s3portal.client.waits import Wait
from s3portal.transfer import Failure

_SPEED_WINDOW_S = 15.0
_PROGRESS_EVERY_S = 1.0
_NAME_CHARACTERS = 40
# A wait that is as long as this is spoken of the first time.
_SAID_FROM_S = 2.0
# A line about the same waiting comes no more often.
_WAITING_EVERY_S = 60.0


def printable(name: str) -> str:
    """A file's name for a terminal, which control characters in it would otherwise reach."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name
    )


def namesakes_sentence(name: str, resource_ids: list[str]) -> str:
    """What a second resource of a name means, and what to do if the first was meant."""
    count = len(resource_ids)
    there_are = (
        f"a resource called {printable(name)} ("
        if count == 1
        else f"{count} resources called {printable(name)} (one is "
    )
    return (
        f"The dataset already has {there_are}{resource_ids[0]})."
        " This file becomes another one. To replace the file of the existing resource instead, use"
        f" --resource {resource_ids[0]}"
    )


class TerminalReport:
    """A bar for each file on stderr, a line where that is no terminal; each link on a line of stdout. Use it
    as a context manager."""

    def __init__(
        self,
        file_count: int,
        *,
        stdout: TextIO,
        console: Console | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        console = console or Console(stderr=True)
        self._console = console
        self._stdout = stdout
        self._file_count = file_count
        self._number = 0
        self._now = now
        self._silent_until: dict[str, float] = {}
        self._next_try_at: float | None = None
        self._loaded_bytes = 0
        self._task: TaskID | None = None
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            DownloadColumn(),
            WhileMoving(TransferSpeedColumn(), now),
            WhileMoving(TimeRemainingColumn(elapsed_when_finished=True), now),
            NoteColumn(now),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> TerminalReport:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def next_file(self, name: str) -> None:
        """The next file's turn."""
        self._number += 1
        count = f"({self._number} of {self._file_count}) " if self._file_count > 1 else ""
        shown = Path(printable(name)).name
        if len(shown) > _NAME_CHARACTERS:
            shown = f"{shown[: _NAME_CHARACTERS // 2]}…{shown[-_NAME_CHARACTERS // 2 :]}"
        self._task = self._progress.add_task(
            count + escape(shown), total=None, note="", next_try_at=None, moved_at=None
        )

    def has_namesakes(self, name: str, resource_ids: list[str]) -> None:
        self._say(namesakes_sentence(name, resource_ids))

    def began(self, file: LocalFile, stored_bytes: int) -> None:
        note = "resuming" if stored_bytes else ""
        self._loaded_bytes = stored_bytes
        self._update(total=file.size_bytes, completed=stored_bytes, note=note, moved_at=self._now())

    def loaded(self, size_bytes: int) -> None:
        if size_bytes == self._loaded_bytes:
            return
        self._loaded_bytes, now = size_bytes, self._now()
        if self._next_try_at is not None and now > self._next_try_at:
            self._next_try_at = None
            self._update(note="", next_try_at=None)
        self._update(completed=size_bytes, moved_at=now)

    def retrying(self, part_number: int, failure: Failure, wait: Wait) -> None:
        said = f"{failure.status} {failure.code}".strip() if failure.status else "not reached"
        if wait.tries > 1 or wait.delay_s >= _SAID_FROM_S:
            met = f"The store answers {said}." if failure.status else f"{failure.message}."
            self._say_waiting(met, wait)
        if wait.delay_s >= 1:
            self._note_waiting(f"part {part_number}: {escape(said)}", wait)

    def completing(self) -> None:
        self._update(note="the portal is verifying it", next_try_at=None)

    def published(self, path: str, published: Published) -> None:
        """The file is a resource now."""
        note = "already published" if published.before else "published"
        if published.changed:
            note += f", {' and '.join(published.changed)} changed"
        self._update(completed=published.size_bytes, total=published.size_bytes, note=note, next_try_at=None)
        if not self._console.is_terminal:
            self._say(f"{printable(path)}: {note}")
        self._stdout.write(f"{published.url}\n")
        self._stdout.flush()

    def waiting(self, error: PortalError, wait: Wait) -> None:
        """The portal did not answer, twice or more often, and is asked again, for minutes."""
        self._say_waiting(str(error), wait)
        self._note_waiting("the portal does not answer", wait)

    def failed(self, path: str, code: str, message: str) -> None:
        """The file was not published."""
        self._update(note="[red]failed", next_try_at=None)
        self._say(f"{printable(path)}: {message}", style="red")

    def ended(self, published_count: int, failed_count: int) -> None:
        """All files had their turn, or someone pressed Ctrl-C."""
        if self._file_count > 1:
            self._say(f"{published_count} published, {failed_count} failed")

    def _say_waiting(self, met: str, wait: Wait) -> None:
        """A line, and not with each try: at a terminal, the seconds are counted beside the bar."""
        now = self._now()
        if now >= self._silent_until.get(met, -math.inf):
            self._silent_until[met] = now + _WAITING_EVERY_S
            self._say(f"{printable(met)} {wait}")

    def _note_waiting(self, met: str, wait: Wait) -> None:
        self._next_try_at = self._now() + wait.delay_s
        self._update(note=met, next_try_at=self._next_try_at)

    def _say(self, line: str, style: str | None = None) -> None:
        self._console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)

    def _update(self, **changes: object) -> None:
        if self._task is not None:
            self._progress.update(self._task, **changes)  # type: ignore[arg-type]  # fields by name


class JsonReport:
    """An object a line on stdout; ``event`` says which. Sizes are bytes, times seconds."""

    def __init__(self, stdout: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stdout = stdout
        self._now = now
        self._name = ""
        self._size_bytes = 0
        self._samples: deque[tuple[float, int]] = deque()
        self._told_at = 0.0

    def __enter__(self) -> JsonReport:
        return self

    def __exit__(self, *_: object) -> None:
        """Everything is said already."""

    def next_file(self, name: str) -> None:
        self._name = name
        self._samples.clear()

    def has_namesakes(self, name: str, resource_ids: list[str]) -> None:
        self._tell("namesake", resources=resource_ids, message=namesakes_sentence(name, resource_ids))

    def began(self, file: LocalFile, stored_bytes: int) -> None:
        self._size_bytes = file.size_bytes
        self._told_at = self._now()
        self._samples.append((self._told_at, stored_bytes))
        self._tell("began", size=file.size_bytes, stored=stored_bytes)

    def loaded(self, size_bytes: int) -> None:
        now = self._now()
        if now - self._told_at < _PROGRESS_EVERY_S:
            return
        self._told_at = now
        self._samples.append((now, size_bytes))
        while now - self._samples[0][0] > _SPEED_WINDOW_S:
            self._samples.popleft()
        since, before = self._samples[0]
        rate = (size_bytes - before) / (now - since) if now > since else 0.0
        self._tell(
            "progress",
            loaded=size_bytes,
            size=self._size_bytes,
            bytes_per_second=round(rate),
            seconds_left=round((self._size_bytes - size_bytes) / rate) if rate else None,
        )

    def retrying(self, part_number: int, failure: Failure, wait: Wait) -> None:
        self._tell(
            "retry",
            part_number=part_number,
            status=failure.status,
            code=failure.code,
            message=failure.message,
            **_as_facts(wait),
        )

    def completing(self) -> None:
        self._tell("completing")

    def published(self, path: str, published: Published) -> None:
        self._tell(
            "published",
            url=published.url,
            resource=published.resource_id,
            size=published.size_bytes,
            hash=published.checksum or None,
            before=published.before,
            changed=list(published.changed),
        )

    def waiting(self, error: PortalError, wait: Wait) -> None:
        self._tell("waiting", code=error.code, message=str(error), **_as_facts(wait))

    def failed(self, path: str, code: str, message: str) -> None:
        self._tell("failed", code=code, message=message)

    def ended(self, published_count: int, failed_count: int) -> None:
        self._stdout.write(
            json.dumps({"event": "ended", "published": published_count, "failed": failed_count}) + "\n"
        )
        self._stdout.flush()

    def _tell(self, event: str, **facts: object) -> None:
        self._stdout.write(json.dumps({"event": event, "file": self._name, **facts}) + "\n")
        self._stdout.flush()


def _as_facts(wait: Wait) -> dict[str, object]:
    return {"tries": wait.tries, "delay": round(wait.delay_s, 1), "left": round(wait.left_s)}
