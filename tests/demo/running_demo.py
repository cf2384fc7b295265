"""The demo as a person at a shell has it: a program that prints lines, and can be interrupted."""

import contextlib
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from s3portal.demo.process import free_port

TIMEOUT_S = 300


class RunningDemo:
    """One run of `python -m s3portal.demo`, which is what bin/demo becomes."""

    def __init__(self, folder: Path, *options: object) -> None:
        if "--port" not in options:
            named = ("--port", "--s3-port", "--console-port")
            options = (*(word for name in named for word in (name, free_port())), *options)
        self.output = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "s3portal.demo", "--folder", folder, *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A person's Ctrl-C goes to everything in the foreground; a test must not interrupt itself.
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process id of the demo itself."""
        return self._process.pid

    def wait_until_ready(self) -> "RunningDemo":
        """Reads what the demo prints up to its last line of welcome."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output += line
            if "Ctrl-C stops everything" in line:
                return self
        raise AssertionError(f"The demo ended before it was ready:\n{self.output}")

    def wait_until_ended(self) -> int:
        """The exit code, after reading the rest of what was printed."""
        rest, _ = self._process.communicate(timeout=TIMEOUT_S)
        self.output += rest
        return self._process.returncode

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Presses Ctrl-C, or sends another signal."""
        self._process.send_signal(number)

    def children(self) -> list[psutil.Process]:
        """Every process that the demo started."""
        return psutil.Process(self.pid).children(recursive=True)

    def printed(self, pattern: str) -> str:
        """The first group of a pattern in what was printed."""
        match = re.search(pattern, self.output)
        assert match, f"no {pattern!r} in:\n{self.output}"
        return match[1]

    def end(self) -> None:
        """Ends the demo and everything it started by force."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in [*self.children(), psutil.Process(self.pid)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self._process.communicate(timeout=TIMEOUT_S)


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether every one of the processes ends; a loaded machine may take its time."""
    _, alive = psutil.wait_procs(processes, timeout=TIMEOUT_S)
    return not alive
