"""Bucket commands beside aws-cli, s3cmd, rclone and s5cmd, on one server in one run.

    python benchmarks/buckets.py [--objects 5000] [--large 4] [--rounds 3] [--tools s3portal,s5cmd] [--bare]

Tools are found by their names, or by S3PORTAL_CLIENTS, a folder with aws, s3cmd and s5cmd, and
S3PORTAL_RCLONE. Prints a table in Markdown: wall and CPU seconds of the command, its peak memory, and the
requests that the server counted; medians of several rounds, with the tools in turn. With --bare, the server
is one that only counts (bare_store.py), so that the tools' own limits show. --record FILE adds the rounds to
those of earlier runs with the same sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import boto3
from bare_store import BareStore
from bucket_tools import KEY, SECRET, Place, Words, tools
from measured_command import Measured

from s3portal.buckets.direct import Direct
from s3portal.server.testing import RunningServer
from s3portal.transfer import SigningKeys, TransferSettings, open_store

MIB = 1024 * 1024
EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

OPERATIONS = ("up", "again", "down", "copy", "acls", "acls off", "delete", "large up", "large down", "list")

#: Small files are compared with their MD5s, which a store that keeps no contents does not have.
NOT_BARE = frozenset({"down"})
#: Compares parts with their MD5s, too.
NOT_BARE_OF_S3CMD = frozenset({"large up", "large down"})


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
            # In turns: what the one before left to the disk to do slows the next.
            first = number % len(chosen)
            for name, tool in [*chosen.items()][first:] + [*chosen.items()][:first]:
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
            if self._options.bare and name == "s3cmd" and operation in NOT_BARE_OF_S3CMD:
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
        before = len(place.server.requests)
        if measured.run(words, place.environment):
            measured.requests.append(len(place.server.requests) - before)

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


def _client(server: RunningServer) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )


def record(table: dict[tuple[str, str], Measured], names: dict[str, str], path: Path) -> None:
    """Adds the file's rounds of the same operations and sizes to the table, and the table to the file. What
    failed is not kept."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    for (tool, operation), measured in table.items():
        place = f"{tool}|{names[operation]}"
        for name, values in kept.get(place, {}).items():
            getattr(measured, name).extend(values)
        rounds = asdict(measured)
        del rounds["failed"]
        kept[place] = rounds
    path.write_text(json.dumps(kept))


def names_with_sizes(options: argparse.Namespace) -> dict[str, str]:
    store = " of a store that only counts" if options.bare else ""
    names = {
        "up": f"{options.objects:,} x 4 KiB up",
        "again": f"{options.objects:,} again, unchanged",
        "down": f"{options.objects:,} x 4 KiB down",
        "copy": f"{options.objects:,} bucket to bucket",
        "acls": f"{options.objects:,} public ACLs to private",
        "acls off": "the same where ACLs are off",
        "delete": f"delete {options.objects:,} x 2 versions",
        "large up": f"{options.large} x {options.large_mib} MiB up",
        "large down": f"{options.large} x {options.large_mib} MiB down",
        "list": f"list {options.listed:,} keys",
    }
    return {operation: f"{name}{store}" for operation, name in names.items()}


def rows(table: dict[tuple[str, str], Measured], names: dict[str, str]) -> Iterator[str]:
    """The table in Markdown."""
    yield "| operation | tool | wall s (least to most) | CPU s | requests | memory MiB |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for operation in OPERATIONS:
        for (tool, of), measured in table.items():
            if of == operation:
                yield f"| {names[operation]} | {tool} | {measured.row()} |"


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
    if unknown := {*options.tools.split(",")} - {*tools()}:
        parser.error(f"--tools has {', '.join(sorted(unknown))}; there are {', '.join(tools())}")
    names = names_with_sizes(options)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, Path(folder))
        bench.run()
        if options.record:
            record(bench.table, names, options.record)
        print("\n".join(rows(bench.table, names)))
    print(f"\nMeasured on {datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} CPUs, server included.")


if __name__ == "__main__":
    main()
