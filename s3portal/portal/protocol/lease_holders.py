"""Who holds a lease, so that no one waits for a process that is known to be dead.

A lease's token names its process: host, id and start time. On the same host that process can be looked for;
of another host's nothing is known, and its lease lasts as long as it says. A mistake (two containers with one
host name) costs nothing but a repeated request, since anyone who lost a lease can no longer write.
"""

import os
import socket
import uuid
from pathlib import Path


def new_token() -> str:
    """A token of this process for one lease."""
    return f"{_host()} {os.getpid()} {_start_of(os.getpid())} {uuid.uuid4()}"


def is_dead(token: str) -> bool:
    """Whether the process that holds the lease is certainly gone."""
    host, _, rest = token.partition(" ")
    process_id, _, rest = rest.partition(" ")
    start, _, _ = rest.partition(" ")
    if host != _host() or not process_id.isdigit() or not Path("/proc/self/stat").exists():
        return False
    return _start_of(int(process_id)) != start


def _host() -> str:
    return socket.gethostname().replace(" ", "-")


def _start_of(process_id: int) -> str:
    """When the process began, in ticks since the machine did: ids are used again. "0" where there is none."""
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text("ascii", errors="replace")
    except OSError:
        return "0"
    # proc(5): the name, in brackets, may hold anything; state is the next field, and start time the 22nd.
    state, *fields = stat.rpartition(")")[2].split()
    return "0" if state in ("Z", "X") else fields[18]
