"""The servers that server.py compares, each started on a free port of this machine and stopped again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

HERE = Path(__file__).resolve().parent
KEY_ID, SECRET = "bench-key", "bench-secret"
FLOORS = "floors"


@dataclass(frozen=True)
class Peer:
    """``pids`` are its processes, as far as their memory is of interest."""

    name: str
    address: str
    access_key_id: str = KEY_ID
    secret_access_key: str = SECRET
    pid: int | None = None

    @property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"total_max_attempts": 1},
                read_timeout=600,
            ),
        )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@contextmanager
def _running(name: str, command: list[str], port: int, **environ: str) -> Iterator[Peer]:
    process = subprocess.Popen(
        command, env=os.environ | environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        ends_at = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > ends_at:
                    sys.exit(f"{name} did not start: {' '.join(command)}")
                time.sleep(0.1)
        yield Peer(name, f"http://127.0.0.1:{port}", pid=process.pid)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def ours(root: Path, workers: int = 1) -> Iterator[Peer]:
    port = free_port()
    command = [sys.executable, "-m", "s3portal.server", "--root", str(root), "--port", str(port)]
    keys = {"S3PORTAL_SERVER_ACCESS_KEY_ID": KEY_ID, "S3PORTAL_SERVER_SECRET_ACCESS_KEY": SECRET}
    if workers > 1:
        command += ["--workers", str(workers)]
    name = "s3portal" if workers == 1 else f"{workers} workers"
    with _running(name, command, port, **keys) as peer:
        yield peer


@contextmanager
def floors(root: Path) -> Iterator[Peer]:
    port = free_port()
    command = [sys.executable, str(HERE / "server_floors.py"), str(port), str(root)]
    with _running(FLOORS, command, port) as peer:
        yield peer


@contextmanager
def moto() -> Iterator[Peer]:
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    with _running("moto", command, port) as peer:
        yield peer


@contextmanager
def s3rver(program: Path, root: Path) -> Iterator[Peer]:
    """``program`` is the ``s3rver`` that npm installed; it knows one key."""
    port = free_port()
    command = [str(program), "--directory", str(root), "--port", str(port), "--address", "127.0.0.1"]
    with _running("s3rver", command, port) as peer:
        yield Peer(peer.name, peer.address, "S3RVER", "S3RVER", peer.pid)


@contextmanager
def ceph() -> Iterator[Peer]:
    """RGW on an OSD that keeps everything in memory, of this machine's packages."""
    sys.path.insert(0, str(HERE.parent / "tests" / "ceph"))
    from ceph_gateway import CephGateway

    with CephGateway() as gateway:
        yield Peer("RGW", gateway.endpoint, gateway.access_key_id, gateway.secret_access_key)


@contextmanager
def all_of(names: list[str], s3rver_program: str | None) -> Iterator[list[Peer]]:
    """Starts the named servers; says which of them this machine does not have."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_ROOT"))))
        program = shutil.which(s3rver_program or "s3rver")
        starts: dict[str, Callable[[], Any]] = {
            "s3portal": lambda: ours(root / "ours"),
            "workers": lambda: ours(root / "workers", 2),
            "moto": moto,
            "s3rver": lambda: s3rver(Path(program or ""), root / "s3rver"),
            "RGW": ceph,
            FLOORS: lambda: floors(root / "floors"),
        }
        missing = {"s3rver": program is None, "RGW": shutil.which("radosgw") is None}
        peers = []
        for name in names:
            if missing.get(name):
                print(f"{name} is not on this machine; see benchmarks/README.md")
            else:
                peers.append(stack.enter_context(starts[name]()))
        yield peers
