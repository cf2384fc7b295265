"""Runs commands of a site in the environment of its Indico: quickly, or the way an administrator does."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

HERE = Path(__file__).parent
TIMEOUT_S = 600


class WarmIndico:
    """The process of ``warm_indico.py`` in one environment. It ends with the tests, when its input does."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, "-W", "ignore", HERE / "warm_indico.py"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def run(
        self,
        arguments: list[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        script: str | None = None,
        kill_when: Callable[[], bool] | None = None,
    ) -> subprocess.CompletedProcess:
        """Runs an ``indico`` command, or a script in the application's context, to its end, or until it is
        killed without warning once ``kill_when()``.
        """
        with TemporaryDirectory(prefix="indico-command-") as outputs:
            stdout, stderr = Path(outputs) / "stdout", Path(outputs) / "stderr"
            self._ask(
                {
                    "arguments": arguments,
                    "script": script,
                    "folder": str(folder),
                    "environment": dict(environment),
                    "stdout": str(stdout),
                    "stderr": str(stderr),
                }
            )
            pid = self._answer()
            hanging = Timer(TIMEOUT_S, os.kill, (pid, signal.SIGKILL))
            hanging.start()
            try:
                if kill_when is not None:
                    _kill(pid, kill_when)
                code = self._answer()
            finally:
                hanging.cancel()
            return subprocess.CompletedProcess(arguments, code, _text(stdout), _text(stderr))

    def _ask(self, request: dict) -> None:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> int:
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"warm_indico.py ended with {self._process.wait()}")
        return int(line)


@cache
def warm_indico(python: str) -> WarmIndico:
    """One for each environment."""
    return WarmIndico(python)


def _kill(pid: int, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not ready():
        assert Path(f"/proc/{pid}").exists(), "the command ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""
