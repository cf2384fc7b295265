"""Servers in processes of their own that replicate to each other, to be killed, and a network to be cut."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import boto3
from botocore.config import Config
from replicating_servers import replicating_config, rule_to

BUCKET = "both-ways"


class Cable:
    """A TCP connection's way to a port, which can be cut: what runs is reset, what comes is refused."""

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._sockets = set()
        self._is_cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        with self._lock:
            self._is_cut = True
            for sock in self._sockets:
                # Wakes up who reads from it, as closing it would not.
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def mend(self):
        with self._lock:
            self._is_cut = False

    def close(self):
        self.cut()
        # Closing alone would not end accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            with self._lock:
                is_cut = self._is_cut
                if not is_cut:
                    self._sockets |= {near, far}
            if is_cut:
                near.close()
                far.close()
                continue
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source, target):
        try:
            while chunk := source.recv(65536):
                target.sendall(chunk)
        except OSError:
            pass
        finally:
            with self._lock:
                self._sockets -= {source, target}
            for sock in (source, target):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


class ReplicatingProcess:
    """A server as a process, with a fixed port."""

    def __init__(self, folder, *, workers=1):
        self.folder = folder
        folder.mkdir()
        self.port = free_port()
        self._workers = workers
        self._process = None

    def configure(self, cables):
        """Has it replicate over cables, by the names of their ends."""
        config = replicating_config(BUCKET)
        config["replication"] |= {
            "connections": [
                {
                    "name": name,
                    "endpoint": f"http://127.0.0.1:{cable.port}",
                    "access_key_id": "admin-key",
                    "secret_access_key": "admin-secret",
                }
                for name, cable in cables.items()
            ],
            "rules": [rule_to(BUCKET, BUCKET, name) for name in cables],
        }
        (self.folder / "config.json").write_text(json.dumps(config))

    def start(self):
        command = [
            *(sys.executable, "-m", "s3portal.server", "--port", f"{self.port}"),
            *("--workers", f"{self._workers}", "--no-integrity-scan", "--no-lifecycle"),
            *("--root", str(self.folder / "s3"), "--config", str(self.folder / "config.json")),
        ]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )
        assert "S3 server" in self._process.stdout.readline()

    def kill(self):
        if self._process is None:
            return
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()
        self._process = None

    def client(self):
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="admin-key",
            aws_secret_access_key="admin-secret",
            config=Config(
                retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=60
            ),
        )


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
