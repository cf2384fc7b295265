"""Bucket commands beside aws-cli, s3cmd, rclone and s5cmd, on one server in one run.

    python benchmarks/buckets.py [--objects 5000] [--large 4] [--rounds 3] [--tools s3portal,s5cmd] [--bare]

Tools are found by their names, or by S3PORTAL_CLIENTS, a folder with aws, s3cmd and s5cmd, and
S3PORTAL_RCLONE. Prints a table in Markdown: wall and CPU seconds of the command, its peak memory, and the
requests that the server counted; medians of several rounds, with the tools in turn. With --bare, the server
is one that only counts (bare_store.py), so that the tools' own limits show. --record FILE adds the rounds to
those of earlier runs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter
from typing import Any

import boto3
from bare_store import BareStore

from s3portal.buckets.direct import Direct
from s3portal.server.testing import RunningServer
from s3portal.transfer import SigningKeys, TransferSettings, open_store

MIB = 1024 * 1024
KEY, SECRET = "bench-key", "bench-secret-of-buckets"
EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


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
            f"{middle(self.wall_s):.1f} | {middle(self.cpu_s):.1f} | {middle(self.requests):,.0f} |"
            f" {middle(self.memory_mib):.0f}"
        )


@dataclass(frozen=True)
class Place:
    """Where one round of one tool works."""

    server: RunningServer | BareStore
    client: Any
    folder: Path
    source: Path
    large: Path

    @property
    def down(self) -> Path:
        return self.folder / "down"

    @property
    def environment(self) -> dict[str, str]:
        return {
            # rclone cannot do with certificates of one's own, and nothing here is encrypted.
            **{name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"},
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.server.endpoint,
            "S3_ENDPOINT_URL": self.server.endpoint,
            "RCLONE_CONFIG_B_TYPE": "s3",
            "RCLONE_CONFIG_B_PROVIDER": "Other",
            "RCLONE_CONFIG_B_ENDPOINT": self.server.endpoint,
            "RCLONE_CONFIG_B_ACCESS_KEY_ID": KEY,
            "RCLONE_CONFIG_B_SECRET_ACCESS_KEY": SECRET,
            "HOME": str(self.folder),
        }


Words = list[str]


def tools() -> dict[str, dict[str, Callable[[Place], Words]]]:
    """The command of each tool for each operation; an operation that a tool lacks is missing."""
    clients, rclone = os.environ.get("S3PORTAL_CLIENTS", ""), os.environ.get("S3PORTAL_RCLONE", "rclone")

    def found(name: str) -> str:
        return str(Path(clients) / name) if clients else name

    ours = [sys.executable, "-c", "from s3portal.cli import main; main()"]
    s3cmd = [
        *(found("s3cmd"), "--no-ssl", "--no-progress", f"--access_key={KEY}", f"--secret_key={SECRET}"),
        "--region=us-east-1",
    ]

    def at(place: Place) -> Words:
        host = place.server.endpoint.removeprefix("http://")
        return [f"--host={host}", f"--host-bucket={host}"]

    return {
        "s3portal": {
            "up": lambda p: [*ours, "sync", str(p.source), "s3://aaa/p"],
            "again": lambda p: [*ours, "sync", str(p.source), "s3://aaa/p"],
            "copy": lambda p: [*ours, "sync", "s3://aaa", "s3://bbb"],
            "down": lambda p: [*ours, "sync", "s3://aaa/p", str(p.down)],
            "acls": lambda p: [*ours, "bucket", "acl", "reset", "ccc", "--yes"],
            "acls off": lambda p: [*ours, "bucket", "acl", "reset", "aaa", "--yes"],
            "delete": lambda p: [*ours, "bucket", "delete", "vvv", "--empty", "--yes"],
            "large up": lambda p: [*ours, "sync", str(p.large), "s3://lll"],
            "large down": lambda p: [*ours, "sync", "s3://lll", str(p.down)],
            "list": lambda p: [*ours, "ls", "-r", "s3://many"],
        },
        "aws-cli": {
            "up": lambda p: [found("aws"), "s3", "sync", "--quiet", str(p.source), "s3://aaa/p"],
            "again": lambda p: [found("aws"), "s3", "sync", "--quiet", str(p.source), "s3://aaa/p"],
            "copy": lambda p: [found("aws"), "s3", "sync", "--quiet", "s3://aaa", "s3://bbb"],
            "down": lambda p: [found("aws"), "s3", "sync", "--quiet", "s3://aaa/p", str(p.down)],
            "large up": lambda p: [found("aws"), "s3", "sync", "--quiet", str(p.large), "s3://lll"],
            "large down": lambda p: [found("aws"), "s3", "sync", "--quiet", "s3://lll", str(p.down)],
            "list": lambda p: [found("aws"), "s3", "ls", "--recursive", "s3://many"],
        },
        "s3cmd": {
            "up": lambda p: [*s3cmd, *at(p), "sync", "-q", f"{p.source}/", "s3://aaa/p/"],
            "again": lambda p: [*s3cmd, *at(p), "sync", "-q", f"{p.source}/", "s3://aaa/p/"],
            "copy": lambda p: [*s3cmd, *at(p), "sync", "-q", "s3://aaa/", "s3://bbb/"],
            "down": lambda p: [*s3cmd, *at(p), "sync", "-q", "s3://aaa/p/", f"{p.down}/"],
            "acls": lambda p: [*s3cmd, *at(p), "setacl", "-q", "--acl-private", "--recursive", "s3://ccc/"],
            "large up": lambda p: [*s3cmd, *at(p), "sync", "-q", f"{p.large}/", "s3://lll/"],
            "large down": lambda p: [*s3cmd, *at(p), "sync", "-q", "s3://lll/", f"{p.down}/"],
            "list": lambda p: [*s3cmd, *at(p), "ls", "--recursive", "s3://many"],
        },
        "rclone": {
            "up": lambda p: [rclone, "sync", str(p.source), "b:aaa/p"],
            "again": lambda p: [rclone, "sync", str(p.source), "b:aaa/p"],
            "copy": lambda p: [rclone, "sync", "b:aaa", "b:bbb"],
            "down": lambda p: [rclone, "sync", "b:aaa/p", str(p.down)],
            "delete": lambda p: [rclone, "purge", "b:vvv", "--s3-versions"],
            "large up": lambda p: [rclone, "sync", str(p.large), "b:lll"],
            "large down": lambda p: [rclone, "sync", "b:lll", str(p.down)],
            "list": lambda p: [rclone, "lsf", "-R", "b:many"],
        },
        "s5cmd": {
            "up": lambda p: [found("s5cmd"), "--log", "error", "sync", f"{p.source}/", "s3://aaa/p/"],
            "again": lambda p: [found("s5cmd"), "--log", "error", "sync", f"{p.source}/", "s3://aaa/p/"],
            "copy": lambda p: [found("s5cmd"), "--log", "error", "sync", "s3://aaa/*", "s3://bbb/"],
            "down": lambda p: [found("s5cmd"), "--log", "error", "sync", "s3://aaa/p/*", f"{p.down}/"],
            "delete": lambda p: [found("s5cmd"), "--log", "error", "rm", "--all-versions", "s3://vvv/*"],
            "large up": lambda p: [found("s5cmd"), "--log", "error", "sync", f"{p.large}/", "s3://lll/"],
            "large down": lambda p: [
                found("s5cmd"), "--log", "error", "sync", "s3://lll/*", f"{p.down}/",
            ],
            "list": lambda p: [found("s5cmd"), "ls", "s3://many/*"],
        },
    }  # fmt: skip


OPERATIONS = ("up", "again", "down", "copy", "acls", "acls off", "delete", "large up", "large down", "list")

#: What a store that keeps no contents cannot answer.
NOT_BARE = frozenset({"down", "large up", "large down"})


class Bench:
    """Runs the operations, each on buckets that are as it needs them."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options, self._folder = options, folder
        self.table: dict[tuple[str, str], Measured] = defaultdict(Measured)

    def run(self) -> None:
        source = self._small_files()
        large = self._large_files()
        chosen = {name: tool for name, tool in tools().items() if name in self._options.tools.split(",")}
        for number in range(self._options.rounds):
            for name, tool in chosen.items():
                folder = self._folder / f"{number}-{name}"
                folder.mkdir()
                with self._server(folder) as server:
                    place = Place(server, _client(server), folder, source, large)
                    self._round(name, tool, place)
                shutil.rmtree(folder)

    def _round(self, name: str, tool: dict[str, Callable[[Place], Words]], place: Place) -> None:
        wanted = self._options.operations.split(",") if self._options.operations else OPERATIONS
        for operation in OPERATIONS:
            if operation not in wanted:
                continue
            if operation not in tool or (self._options.bare and operation in NOT_BARE):
                continue
            if operation == "delete":
                self._fill_versions(place)
            if operation == "acls":
                self._let_acls_count(place)
            if operation == "list":
                self._fill(place, "many", self._options.listed)
            # A folder that is there: some tools make none.
            shutil.rmtree(place.down, ignore_errors=True)
            place.down.mkdir()
            self._measure(self.table[name, operation], tool[operation](place), place)
            shutil.rmtree(place.down)

    def _measure(self, measured: Measured, words: Words, place: Place) -> None:
        # What the operation before left to be written to the disk is not this one's.
        os.sync()
        before = len(place.server.requests)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = perf_counter()
        process = subprocess.Popen(
            words, env=place.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        peak = _Peak(process.pid)
        _, said = process.communicate()
        wall = perf_counter() - begun
        memory = peak.ended()
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        if process.returncode:
            measured.failed = f"failed ({(said.strip().splitlines() or [str(process.returncode)])[-1][:60]})"
            return
        measured.wall_s.append(wall)
        measured.cpu_s.append(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)
        measured.requests.append(len(place.server.requests) - before)
        measured.memory_mib.append(memory)

    def _server(self, folder: Path) -> RunningServer | BareStore:
        if self._options.bare:
            return BareStore()
        user = {"name": "bench", "access_key_id": KEY, "secret_access_key": SECRET, "policy": EVERYTHING}
        names = ("a", "b", "c", "v", "l", "many")
        config = {"users": [user], "buckets": [{"name": f"{name}"} for name in names]}
        for bucket in config["buckets"]:
            bucket["name"] = BUCKETS.get(bucket["name"], bucket["name"])
        return RunningServer(folder / "server", config)

    def _small_files(self) -> Path:
        source = self._folder / "source"
        for number in range(self._options.objects):
            path = source / f"{number % 50:02}" / f"{number:06}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(4096))
        return source

    def _large_files(self) -> Path:
        large = self._folder / "large"
        large.mkdir()
        block = os.urandom(MIB)
        for number in range(self._options.large):
            with (large / f"{number}.bin").open("wb") as file:
                for _ in range(self._options.large_mib):
                    file.write(block)
        return large

    def _fill(self, place: Place, bucket: str, count: int, acl: str = "") -> None:
        if isinstance(place.server, BareStore):
            place.server.fill(BUCKETS.get(bucket, bucket), count, versions=2 if bucket == "v" else 1)
            return
        name = BUCKETS.get(bucket, bucket)
        settings = TransferSettings(
            s3_bucket=name,
            s3_endpoint=place.server.endpoint,
            s3_access_key_id=KEY,
            s3_secret_access_key=SECRET,
        )
        requests = Direct(replace(open_store(settings), keys=SigningKeys(KEY, SECRET)))
        headers = {"x-amz-acl": acl} if acl else {}

        def put(number: int) -> None:
            requests.ask("PUT", f"{number:08}", headers=headers, body=b"x")

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(put, range(count)))

    def _let_acls_count(self, place: Place) -> None:
        rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        if isinstance(place.server, BareStore):
            place.server.with_acls.add(BUCKETS["c"])
        else:
            place.client.put_bucket_ownership_controls(Bucket=BUCKETS["c"], OwnershipControls=rules)
        self._fill(place, "c", self._options.objects, acl="public-read")

    def _fill_versions(self, place: Place) -> None:
        if isinstance(place.server, BareStore):
            self._fill(place, "v", self._options.objects)
            return
        versions = {"Status": "Enabled"}
        place.client.put_bucket_versioning(Bucket=BUCKETS["v"], VersioningConfiguration=versions)
        for _ in range(2):
            self._fill(place, "v", self._options.objects)


#: S3's names have three letters at least.
BUCKETS = {"a": "aaa", "b": "bbb", "c": "ccc", "v": "vvv", "l": "lll"}


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
        while not self._over.wait(0.05):
            try:
                status = Path(f"/proc/{self._pid}/status").read_text("ascii")
            except OSError:
                return
            for line in status.splitlines():
                if line.startswith("VmHWM"):
                    self._most = max(self._most, int(line.split()[1]))


def _client(server: RunningServer) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )


def record(table: dict[tuple[str, str], Measured], path: Path) -> None:
    """Adds the rounds to the file's, and the file's to the table."""
    before = json.loads(path.read_text()) if path.exists() else {}
    for words, rounds in before.items():
        tool, operation = words.split("|")
        measured = table[tool, operation]
        for name, values in rounds.items():
            if isinstance(values, list):
                getattr(measured, name).extend(values)
            else:
                measured.failed = measured.failed or values
    path.write_text(json.dumps({"|".join(place): asdict(measured) for place, measured in table.items()}))


def rows(table: dict[tuple[str, str], Measured], options: argparse.Namespace) -> Iterator[str]:
    """The table in Markdown."""
    named = {
        "up": f"{options.objects:,} x 4 KiB up",
        "again": "again, unchanged",
        "down": f"{options.objects:,} x 4 KiB down",
        "copy": "bucket to bucket",
        "acls": f"{options.objects:,} public ACLs to private",
        "acls off": "the same where ACLs are off",
        "delete": f"delete {options.objects:,} x 2 versions",
        "large up": f"{options.large} x {options.large_mib} MiB up",
        "large down": f"{options.large} x {options.large_mib} MiB down",
        "list": f"list {options.listed:,} keys",
    }
    yield "| operation | tool | wall s | CPU s | requests | memory MiB |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for operation in OPERATIONS:
        for (tool, of), measured in table.items():
            if of == operation:
                yield f"| {named[operation]} | {tool} | {measured.row()} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--large", type=int, default=4)
    parser.add_argument("--large-mib", type=int, default=1024)
    parser.add_argument("--listed", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tools", default="s3portal,aws-cli,s3cmd,rclone,s5cmd")
    parser.add_argument("--operations", default="", help="a list, such as up,again; all by default")
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, Path(folder))
        bench.run()
        if options.record:
            record(bench.table, options.record)
        print("\n".join(rows(bench.table, options)))
    print(f"\nMeasured on {datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} CPUs, server included.")


if __name__ == "__main__":
    main()
