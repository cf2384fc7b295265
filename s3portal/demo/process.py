"""Child processes that never outlive the demo, and that say why they died.

Each child has a session of its own, so that Ctrl-C reaches the demo alone, which then stops the children
in order; the kernel ends them should the demo itself be killed (Linux). Start them from the main thread:
the kernel counts the end of the starting *thread* as the parent's death.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from s3portal.demo.account import Account
from s3portal.demo.failure import DemoError

STOP_TIMEOUT_S = 10.0
_PR_SET_PDEATHSIG = 1
_POLL_INTERVAL_S = 0.02
_SHOWN_LOG_LINES = 12


class Child:
    """One running child process, its log, and how it is asked to stop."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Starts `command` with its output appended to `log`; `environment` is added to ours."""
        self.name = name
        self.log = log
        self._stop_signal = stop_signal
        with log.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=folder,
                start_new_session=True,
                preexec_fn=_prepare_child(account, stop_signal),
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float = 180.0) -> None:
        """Waits for `ready()`. Raises DemoError, with the log's end, when the child dies or is too slow."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            self.require_running()
            if time.monotonic() > deadline:
                raise DemoError(f"{self.name} did not answer within {timeout_s:.0f} s. {self._log_end()}")
            time.sleep(_POLL_INTERVAL_S)

    def require_running(self) -> None:
        """Raises DemoError, with the end of the log, when the child has ended."""
        code = self._process.poll()
        if code is not None:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            raise DemoError(f"{self.name} {how}. {self._log_end()}")

    def stop(self) -> None:
        """Asks the child to stop, and ends it with everything it started when it does not. Safe to repeat."""
        try:
            if self.is_running:
                self._process.send_signal(self._stop_signal)
                self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass  # Ended by force below.
        finally:
            self.kill()

    def kill(self) -> None:
        """Ends the child, and what it started, at once."""
        # The group outlives its leader while there are members; nothing else can have its number till then.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _log_end(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode("utf-8", errors="replace").splitlines()[-_SHOWN_LOG_LINES:]
        shown = "\n".join(f"    {line}" for line in lines) or "    (nothing)"
        return f"The end of its log, {self.log}:\n{shown}"


def run_to_end(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    account: Account | None = None,
    timeout_s: float = 300.0,
) -> None:
    """Runs a command to its end. Raises DemoError, with the end of its log, unless it exits 0."""
    child = Child(name, command, log=log, environment=environment, account=account)
    try:
        code = child._process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        raise DemoError(f"{name} did not end within {timeout_s:.0f} s. {child._log_end()}") from None
    finally:
        child.kill()
    if code != 0:
        child.require_running()


def processes_working_in(folder: Path) -> list[int]:
    """The ids of the running processes whose working directory is this folder (Linux: from /proc)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        # Processes end while we look, and others' are not ours to look at.
        with contextlib.suppress(OSError):
            if entry.readlink() == folder:
                found.append(int(entry.parent.name))
    return found


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listens on now, and that the kernel gives to no one else for a minute (Linux).

    Its remains of a closed connection (TIME_WAIT) see to that; they are no obstacle to a server that asks
    for just this port with SO_REUSEADDR, as servers do.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, 0))
        listener.listen(1)
        with socket.create_connection(listener.getsockname()) as caller:
            accepted, _ = listener.accept()
            # The side that closes first keeps the remains.
            accepted.close()
            caller.recv(1)
        return int(listener.getsockname()[1])


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now. Raises DemoError where the address is none of this machine."""
    with socket.socket() as listener:
        # As servers do: the remains of closed connections are no obstacle.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise DemoError(f"Cannot listen on {host}, port {port}: {error.strerror}.") from error
    return True


def _prepare_child(account: Account | None, parent_death_signal: signal.Signals) -> Callable[[], None]:
    """What runs in the child between fork and exec."""
    parent_pid = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform.startswith("linux") else None

    def prepare() -> None:
        if account is not None:
            account.become()
        # After the change of user, which would clear it: prctl(2), PR_SET_PDEATHSIG.
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, int(parent_death_signal), 0, 0, 0)
            if os.getppid() != parent_pid:
                os._exit(1)

    return prepare
