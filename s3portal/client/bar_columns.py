"""What stands beside the bar of a file at a terminal, as long as it is true."""

from __future__ import annotations

import math
from collections.abc import Callable

from rich.console import RenderableType
from rich.progress import ProgressColumn, Task
from rich.text import Text

#: Without progress for so long, speed and time left say nothing any more.
STANDSTILL_S = 3.0


class WhileMoving(ProgressColumn):
    """Another column, blank while nothing moves. Tasks have the field ``moved_at``, a time of ``now``."""

    def __init__(self, column: ProgressColumn, now: Callable[[], float]) -> None:
        super().__init__()
        self._column, self._now = column, now

    def render(self, task: Task) -> RenderableType:
        return Text("") if stands_still(task, self._now()) else self._column.render(task)


class NoteColumn(ProgressColumn):
    """What a file waits for: the field ``note``, and the seconds until ``next_try_at``, counted down."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now

    def render(self, task: Task) -> Text:
        note, now = Text.from_markup(task.fields["note"]), self._now()
        if task.fields["next_try_at"] is not None:
            left_s = max(0, math.ceil(task.fields["next_try_at"] - now))
            note.append(f", next try in {left_s} s" if left_s else ", trying again")
        elif stands_still(task, now) and not note.plain:
            note.append("waiting for the store")
        return note


def stands_still(task: Task, now: float) -> bool:
    """Whether no byte of the file has moved for a while, although not all have."""
    moved_at = task.fields["moved_at"]
    return moved_at is not None and not task.finished and now - moved_at >= STANDSTILL_S
