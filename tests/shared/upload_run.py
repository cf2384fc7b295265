"""A run of `s3portal upload` as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_S = 120


@dataclass
class Command:
    """A run of `s3portal upload`."""

    process: subprocess.Popen[str]
    stderr_file: Path
    stdout: str = ""

    def wait(self) -> Command:
        """Waits for its end."""
        assert self.process.stdout is not None
        self.stdout += self.process.stdout.read()
        self.process.wait(TIMEOUT_S)
        return self

    def wait_for(self, event_name: str) -> Command:
        """Waits until it said so with --json."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.stdout += line
            if json.loads(line)["event"] == event_name:
                return self
        raise AssertionError(f"it ended without {event_name}: {self.stdout}{self.stderr}")

    def interrupt(self) -> Command:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def kill(self) -> Command:
        """kill -9."""
        self.process.kill()
        return self.wait()

    @property
    def exit_code(self) -> int:
        return self.process.returncode

    @property
    def stderr(self) -> str:
        return self.stderr_file.read_text("utf-8")

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it said with --json."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    def event(self, name: str) -> dict[str, Any]:
        """The only event of this name."""
        (found,) = [event for event in self.events if event["event"] == name]
        return found
