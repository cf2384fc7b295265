"""What a command needs: wall and CPU seconds, and the most memory that it had."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter


@dataclass
class Measured:
    """One operation with one tool, a value for each round."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    memory_mib: list[float] = field(default_factory=list)
    failed: str = ""

    def row(self) -> str:
        if self.failed or not self.wall_s:
            return f"{self.failed or '-'} | | | "
        middle = statistics.median
        return (
            f"{middle(self.wall_s):.1f} ({min(self.wall_s):.1f} to {max(self.wall_s):.1f}) |"
            f" {middle(self.cpu_s):.1f} | {middle(self.requests):,.0f} | {middle(self.memory_mib):.0f}"
        )

    def run(self, words: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Adds a round, except its requests. Returns whether the command succeeded."""
        # What ran before and is yet to be written to the disk is not this one's.
        os.sync()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = perf_counter()
        try:
            process = subprocess.Popen(
                words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
        except FileNotFoundError:
            self.failed = "not installed"
            return False
        peak = _Peak(process.pid)
        _, said = process.communicate()
        wall = perf_counter() - begun
        memory = peak.ended()
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        if process.returncode:
            self.failed = f"failed ({(said.strip().splitlines() or [str(process.returncode)])[-1][:60]})"
            return False
        self.wall_s.append(wall)
        self.cpu_s.append(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)
        self.memory_mib.append(memory)
        return True


class _Peak:
    """The most memory that a process had, looked at twenty times a second."""

    def __init__(self, pid: int) -> None:
        self._pid, self._most = pid, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def ended(self) -> float:
        self._over.set()
        self._thread.join()
        return self._most / 1024

    def _look(self) -> None:
        while True:
            try:
                status = Path(f"/proc/{self._pid}/status").read_text("ascii")
            except OSError:
                return
            for line in status.splitlines():
                if line.startswith("VmHWM"):
                    self._most = max(self._most, int(line.split()[1]))
            if self._over.wait(0.05):
                return
