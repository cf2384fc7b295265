"""A Ceph RGW on this machine, for as long as the tests last: monitor, manager, one OSD in memory, gateway.

It needs Debian's packages ceph-mon, ceph-mgr, ceph-osd and radosgw. All of it listens on 127.0.0.1 and keeps
its files in one temporary folder. Standard library only: the noxfile starts it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

BUCKET = "s3portal-tests"
#: How the names of buckets with versions begin.
VERSIONED = "versions"
ROLE = "uploads"
PACKAGES = ("ceph-mon", "ceph-mgr", "ceph-osd", "radosgw")

_STARTS_WITHIN_S = 180
# S3 and STS of this gateway; it takes exactly 16 characters.
_STS_KEY = "abcdefghijklmnop"
_OSD_BYTES = 8 * 1024**3


class CephFailed(Exception):
    """The cluster did not come up; the message says what did not."""


def is_installed() -> bool:
    """Whether the programs are on this machine."""
    return all(
        shutil.which(name) for name in ("ceph-mon", "ceph-mgr", "ceph-osd", "radosgw", "radosgw-admin")
    )


class CephGateway:
    """A running gateway with a user, a bucket of that user's, and a role for session credentials. A context
    manager."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="s3portal-ceph-"))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stopping = threading.Event()
        self._port = _free_port()
        self._restarts = 0
        self.access_key_id = ""
        self.secret_access_key = ""

    @property
    def endpoint(self) -> str:
        """Where S3 and STS answer."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def role_arn(self) -> str:
        """As Ceph writes it."""
        return f"arn:aws:iam:::role/{ROLE}"

    @property
    def restarts(self) -> int:
        """How often the gateway aborted and was started again."""
        return self._restarts

    @property
    def environment(self) -> dict[str, str]:
        """What tells the suites of this store."""
        return {
            "S3PORTAL_TEST_ENDPOINT": self.endpoint,
            "S3PORTAL_TEST_ACCESS_KEY_ID": self.access_key_id,
            "S3PORTAL_TEST_SECRET_ACCESS_KEY": self.secret_access_key,
            "S3PORTAL_TEST_REGION": "us-east-1",
            "S3PORTAL_TEST_BUCKET": BUCKET,
            "S3PORTAL_TEST_ROLE": self.role_arn,
        }

    def __enter__(self) -> CephGateway:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends every process and removes the folder."""
        self._stopping.set()
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        self._write_configuration()
        self._start_monitor()
        self._start_manager()
        self._start_osd()
        self._start_gateway()
        self._make_user_and_role()

    def _write_configuration(self) -> None:
        folder, self._fsid = self._folder, str(uuid.uuid4())
        self._monitor = f"[v2:127.0.0.1:{_free_port()},v1:127.0.0.1:{_free_port()}]"
        for name in ("mon", "mgr", "osd", "rgw", "run", "log"):
            (folder / name).mkdir()
        (folder / "ceph.conf").write_text(
            f"""[global]
fsid = {self._fsid}
mon initial members = a
mon host = {self._monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {folder}/keyring
run dir = {folder}/run
admin socket = {folder}/run/$name.$pid.asok
pid file = {folder}/run/$name.pid
log file = {folder}/log/$name.log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon warn on pool no redundancy = false
osd objectstore = memstore
memstore device bytes = {_OSD_BYTES}
[mon.a]
mon data = {folder}/mon
[mgr.x]
mgr data = {folder}/mgr
keyring = {folder}/mgr/keyring
[osd.0]
osd data = {folder}/osd
keyring = {folder}/osd/keyring
[client.rgw]
keyring = {folder}/rgw/keyring
rgw frontends = beast endpoint=127.0.0.1:{self._port}
rgw s3 auth use sts = true
rgw sts key = {_STS_KEY}
rgw dynamic resharding = false
"""
        )

    def _start_monitor(self) -> None:
        folder = self._folder
        keyring, monitors = folder / "mon.keyring", folder / "monmap"
        for arguments in (
            (keyring, "--create-keyring", "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"),
            (
                *(folder / "keyring", "--create-keyring", "--gen-key", "-n", "client.admin"),
                *("--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *"),
            ),
            (keyring, "--import-keyring", folder / "keyring"),
        ):
            self._run("ceph-authtool", *arguments)
        self._run(
            "monmaptool",
            "--create",
            "--clobber",
            "--fsid",
            self._fsid,
            "--addv",
            "a",
            self._monitor,
            monitors,
        )
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monitors, "--keyring", keyring)
        self._start_process("ceph-mon", "-f", "-i", "a")
        self._wait("the monitor", lambda: self._ceph("status").returncode == 0)

    def _start_manager(self) -> None:
        key = self._ceph(
            "auth",
            "get-or-create",
            "mgr.x",
            "mon",
            "allow profile mgr",
            "osd",
            "allow *",
            "mds",
            "allow *",
            check=True,
        )
        (self._folder / "mgr" / "keyring").write_bytes(key.stdout)
        self._start_process("ceph-mgr", "-f", "-i", "x")

    def _start_osd(self) -> None:
        osd_id = str(uuid.uuid4())
        self._ceph("osd", "new", osd_id, check=True)
        key = self._ceph(
            "auth", "get-or-create", "osd.0",
            "mon", "allow profile osd", "mgr", "allow profile osd", "osd", "allow *", check=True,
        )  # fmt: skip
        (self._folder / "osd" / "keyring").write_bytes(key.stdout)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd_id)
        self._start_process("ceph-osd", "-f", "-i", "0")
        self._wait("the OSD", lambda: b"1 up" in self._ceph("osd", "stat").stdout)

    def _start_gateway(self) -> None:
        key = self._ceph(
            "auth", "get-or-create", "client.rgw", "mon", "allow rw", "osd", "allow rwx", check=True
        )
        (self._folder / "rgw" / "keyring").write_bytes(key.stdout)
        self._gateway = self._start_process("radosgw", "-f", "-n", "client.rgw")
        self._wait("the gateway", self._answers)
        threading.Thread(target=self._keep_running, daemon=True).start()

    def _keep_running(self) -> None:
        """The gateway aborts now and then, and is started again."""
        while not self._stopping.is_set():
            self._gateway.wait()
            if self._stopping.wait(0.2):
                return
            self._restarts += 1
            self._processes.remove(self._gateway)
            self._gateway = self._start_process("radosgw", "-f", "-n", "client.rgw")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/none/none", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            return error.code == 404
        except OSError:
            return False

    def _make_user_and_role(self) -> None:
        made = self._admin("user", "create", "--uid=portal", "--display-name=portal", "--caps=roles=*")
        (keys,) = json.loads(made.stdout)["keys"]
        self.access_key_id, self.secret_access_key = keys["access_key"], keys["secret_key"]
        # RGW 16 loses blanks of a policy on the way.
        trust = _policy(Principal={"AWS": ["arn:aws:iam:::user/portal"]}, Action=["sts:AssumeRole"])
        self._admin("role", "create", f"--role-name={ROLE}", f"--assume-role-policy-doc={trust}")
        buckets = [f"arn:aws:s3:::{BUCKET}/*", f"arn:aws:s3:::{VERSIONED}-*/*"]
        allowed = _policy(Action=["s3:*"], Resource=buckets)
        self._admin(
            "role", "policy", "put", f"--role-name={ROLE}", "--policy-name=uploads", f"--policy-doc={allowed}"
        )

    def _admin(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return self._run("radosgw-admin", "-n", "client.rgw", *arguments)

    def _ceph(self, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[bytes]:
        return self._run("ceph", "--connect-timeout", "10", *arguments, check=check)

    def _run(
        self, program: str, *arguments: object, check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        command = [program, "-c", str(self._folder / "ceph.conf"), *map(str, arguments)]
        if program in ("ceph-authtool", "monmaptool"):
            command = [program, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, env=self._environment(), timeout=120)
        if check and done.returncode != 0:
            raise CephFailed(f"{' '.join(command)}: {done.stderr.decode(errors='replace')[-2000:]}")
        return done

    def _start_process(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = (self._folder / "log" / f"{program}.out").open("ab")
        process = subprocess.Popen(
            [program, "-c", str(self._folder / "ceph.conf"), *arguments],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self._environment(),
        )  # fmt: skip
        log.close()
        self._processes.append(process)
        return process

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "CEPH_CONF": str(self._folder / "ceph.conf")}

    def _wait(self, what: str, is_there: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + _STARTS_WITHIN_S
        while not is_there():
            ended = next((each for each in self._processes if each.poll() is not None), None)
            if ended or time.monotonic() > give_up_at:
                logs = "\n".join(_tail(path) for path in sorted((self._folder / "log").iterdir()))
                raise CephFailed(f"{what} did not start:\n{logs}")
            self._stopping.wait(0.2)


def _policy(**statement: object) -> str:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    return json.dumps(document, separators=(",", ":"))


def _tail(path: Path) -> str:
    lines = path.read_text("utf-8", "replace").splitlines()[-15:]
    return "\n".join([f"--- {path.name}", *lines])


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
