"""Processes of a portal that are killed in the middle of a call, so that nothing of theirs is tidied up."""

import os
import signal
from collections.abc import Callable
from typing import Any

from s3portal.transfer import Store

#: The store was not asked yet, or has done what it was asked for and its answer is lost.
BEFORE = "before-send"
AFTER = "response-received"


def forked(
    call: Callable[[], Any],
    store: Store,
    forget_connections: Callable[[], None],
    killed_at: tuple[str, str] | None,
) -> int:
    """Begins the call in a process of its own; ``killed_at`` is the moment and the operation at which that
    dies. Returns its id, for `ended`.

    Connections to the database are not shared: ``forget_connections`` has the child make its own.
    """
    forget_connections()
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        if killed_at is not None:
            moment, operation = killed_at
            store.client().meta.events.register_first(
                f"{moment}.s3.{operation}", lambda **_: os.kill(os.getpid(), signal.SIGKILL)
            )
        call()
        status = 0
    finally:
        os._exit(status)


def ended(process: int) -> str:
    """How the process ended: ``done``, ``refused`` or ``killed``."""
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        return "killed"
    return "refused" if os.WEXITSTATUS(status) else "done"
