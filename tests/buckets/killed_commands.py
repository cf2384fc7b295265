"""A command in a process of its own, which can be killed. Processes come from one that has imported all."""

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from unittest import mock

#: A variable that makes parts as small as it says.
PART_BYTES = "S3PORTAL_TEST_PART_BYTES"

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["s3portal.cli", "s3portal.buckets.commands.bucket", "s3portal.buckets.commands.sync"]
)


def run_interrupted(
    arguments: list[str],
    environment: Mapping[str, str],
    interrupt_now: Callable[[], bool],
    afterwards: Callable[[], None],
) -> int | None:
    """Runs ``s3portal …``, presses Ctrl-C once as soon as ``interrupt_now`` says so, calls ``afterwards``,
    and returns the exit code."""
    process = _context.Process(target=_command, args=(arguments, dict(environment)))
    process.start()
    while process.is_alive() and not interrupt_now():
        process.join(0.002)
    os.kill(process.pid or 0, signal.SIGINT)
    afterwards()
    process.join()
    return process.exitcode


def run_killed(arguments: list[str], environment: Mapping[str, str], kill_now: Callable[[], bool]) -> bool:
    """Runs ``s3portal …`` and kills it with SIGKILL as soon as ``kill_now`` says so; whether it was killed
    before it ended."""
    process = _context.Process(target=_command, args=(arguments, dict(environment)))
    process.start()
    while process.is_alive():
        if kill_now():
            process.kill()
        process.join(0.002)
    return process.exitcode == -9


@contextlib.contextmanager
def small_parts(part_bytes: int) -> Iterator[None]:
    """Makes parts as small as that, and files beyond it large; 0 leaves them as they are."""
    from s3portal.buckets.sync import carrying, large

    with contextlib.ExitStack() as patches:
        for module, name in (
            *((large, name) for name in ("WHOLE_BYTES", "PART_BYTES", "COPY_PART_BYTES")),
            *((carrying, name) for name in ("WHOLE_BYTES", "PART_BYTES", "COPY_WHOLE_BYTES")),
        ):
            if part_bytes:
                patches.enter_context(mock.patch.object(module, name, part_bytes))
        yield


def _command(arguments: list[str], environment: dict[str, str]) -> None:
    os.environ.update(environment)
    # What it says is of no interest, and a closed pipe would end it.
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    with small_parts(int(environment.get(PART_BYTES, "0"))):
        _run(arguments)


def _run(arguments: list[str]) -> None:
    from s3portal.cli import main

    sys.exit(main(arguments, standalone_mode=False) or 0)
