"""A server with two workers as a process of its own, and calls made at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

from botocore.exceptions import ClientError
from s3_callers import client_of
from waiting import wait_until

from s3portal.server.config import config_of_json
from s3portal.server.pytest_plugin import server_config


class Workers:
    """A server with two workers as a process of its own; ``fields`` are further ones of its configuration."""

    def __init__(self, folder, **fields):
        self.root, self.log = folder / "s3", folder / "access.log"
        config = folder / "config.json"
        config.write_text(json.dumps(server_config() | fields))
        self.command = [
            *(sys.executable, "-m", "s3portal.server", "--port", "0", "--workers", "2"),
            *("--root", str(self.root), "--config", str(config), "--log", str(self.log)),
            # A worker that is stopped while it writes would keep the others waiting.
            *("--no-integrity-scan", "--no-lifecycle", "--no-notifications"),
        ]
        self.users = {user.name: user for user in config_of_json(server_config()).users}
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        self.endpoint = self.process.stdout.readline().split()[2].rstrip(",")
        self.port = int(self.endpoint.rpartition(":")[2])
        wait_until(lambda: len(self.pids()) == 2, "both workers run")

    def pids(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    @contextmanager
    def only(self, pid):
        """One worker alone answers what is asked on new connections."""
        others = [other for other in self.pids() if other != pid]
        for other in others:
            os.kill(other, signal.SIGSTOP)
        # Until then it may still accept a connection, which nobody would answer.
        wait_until(lambda: all(_has_stopped(other) for other in others), "the others stand still")
        try:
            yield client_of(self)
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)

    def answering(self, connected):
        """The worker that has accepted a connection of this process's; None where it is not accepted yet."""
        caller, here = f":{connected.getsockname()[1]:04X}", f":{self.port:04X}"
        for line in Path("/proc/net/tcp").read_text().splitlines():
            fields = line.split()
            if fields[1].endswith(here) and fields[2].endswith(caller):
                return next((pid for pid in self.pids() if _has_socket(pid, fields[9])), None)
        return None

    def stop(self):
        self.process.terminate()
        status = self.process.wait(60)
        self.process.stdout.close()
        return status

    def files(self):
        return [path.name for place in ("blobs", "incoming") for path in (self.root / place).rglob("*.*.*")]


def _has_socket(pid, inode):
    for path in Path(f"/proc/{pid}/fd").iterdir():
        # Others of its files are closed meanwhile.
        with suppress(OSError):
            if str(path.readlink()) == f"socket:[{inode}]":
                return True
    return False


def _has_stopped(pid):
    try:
        threads = [stat.read_text() for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:
        # One of them ended meanwhile.
        return False
    return all(thread.rpartition(")")[2].split()[0] == "T" for thread in threads)


def at_once(count, call):
    """Makes calls in threads of their own; returns what each returned, or the code of its refusal."""
    outcomes = []
    ready = threading.Barrier(count)

    def make(number):
        ready.wait(60)
        try:
            outcomes.append(call(number))
        except ClientError as refused:
            outcomes.append(refused.response["Error"]["Code"])

    threads = [threading.Thread(target=make, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
