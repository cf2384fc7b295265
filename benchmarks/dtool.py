"""The dtool command line with s3portal's broker beside stock dtool-s3, on the same server in the same run.

    S3PORTAL_STOCK_DTOOL_PYTHON=<Python with requirements/dtool-stock.txt> python benchmarks/dtool.py

Prints a table in Markdown: seconds (the median where there are several runs), how many times faster, the CPU
seconds of the command, and the requests that the server counted. Takes half an hour, most of it stock's at
20 ms; --items makes it shorter, and a count of 0 leaves an operation out.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import dtoolcore

from s3portal.server.testing import RunningServer

MIB = 1024 * 1024
BUCKET = "bench-bucket"
KEY, SECRET = "bench", "bench-secret"
POLICY = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
CONFIG = {
    "users": [{"name": "bench", "access_key_id": KEY, "secret_access_key": SECRET, "policy": POLICY}],
    "buckets": [{"name": BUCKET}],
}


@dataclass(frozen=True)
class Tool:
    """A dtool command line: the Python of its environment, and how often it is measured."""

    name: str
    python: str
    repeats: int


@dataclass
class Row:
    """What was measured of one operation with one tool."""

    seconds: list[float] = field(default_factory=list)
    #: Of the command alone: the server is a thread of this process.
    cpu_seconds: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)


Table = dict[tuple[int, str], dict[str, Row]]


class Bench:
    """A server, a home and a tool: runs commands and notes what they took."""

    def __init__(
        self, server: RunningServer, tool: Tool, folder: Path, latency_ms: int, table: Table
    ) -> None:
        self._server, self._tool, self._latency_ms, self._table = server, tool, latency_ms, table
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self.environment = {**os.environ, **settings(server), "HOME": str(self.folder)}
        if latency_ms:
            server.faults.add("*", delay_s=latency_ms / 1000)

    def measure(self, operation: str, *arguments: str) -> str:
        """Runs ``dtool`` with the arguments and returns what it printed."""
        before, begun, cpu_before = len(self._server.requests), time.perf_counter(), cpu_of_children_s()
        dtool = str(Path(self._tool.python).parent / "dtool")
        done = subprocess.run(
            [self._tool.python, "-W", "ignore", dtool, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - begun
        if done.returncode:
            sys.exit(f"{self._tool.name}: dtool {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        row = self._table.setdefault((self._latency_ms, operation), {}).setdefault(self._tool.name, Row())
        row.seconds.append(seconds)
        row.cpu_seconds.append(cpu_of_children_s() - cpu_before)
        row.requests.append(len(self._server.requests) - before)
        report = f"{self._latency_ms:3} ms  {operation:32} {self._tool.name:10} {seconds:8.2f} s"
        report += f" {row.cpu_seconds[-1]:8.2f} s of CPU {row.requests[-1]:7,} requests"
        print(report, file=sys.stderr, flush=True)
        return done.stdout.strip()


def cpu_of_children_s() -> float:
    """CPU seconds of all commands that have ended, which other work on the machine hardly changes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def settings(server: RunningServer) -> dict[str, str]:
    return {
        f"DTOOL_S3_ENDPOINT_{BUCKET}": server.endpoint,
        f"DTOOL_S3_ACCESS_KEY_ID_{BUCKET}": KEY,
        f"DTOOL_S3_SECRET_ACCESS_KEY_{BUCKET}": SECRET,
        "DTOOL_S3_PUBLISH_EXPIRY": "3600",
    }


@contextmanager
def fresh_server(folder: Path) -> Iterator[RunningServer]:
    root = Path(tempfile.mkdtemp(dir=folder))
    with RunningServer(root, CONFIG) as server:
        yield server
    shutil.rmtree(root)


def make_source(folder: Path, name: str, count: int, size_bytes: int) -> str:
    base = folder / name
    base.mkdir()
    with dtoolcore.DataSetCreator(name, str(base), readme_content="description: benchmark\n") as creator:
        for number in range(count):
            path = Path(creator.prepare_staging_abspath_promise(f"gauge-{number}.bin"))
            path.write_bytes(os.urandom(size_bytes))
    return str(base / name)


def copy_there_and_back(bench: Bench, source: str, what: str, *, everything: bool) -> None:
    uri = bench.measure(f"cp up, {what}", "cp", "-q", source, f"s3://{BUCKET}")
    down = bench.folder / "down"
    down.mkdir()
    bench.measure(f"cp down, {what}", "cp", "-q", uri, str(down))
    if everything:
        bench.measure(f"verify, {what}", "verify", uri)
        bench.measure(f"publish, {what}", "publish", "-q", uri)
    shutil.rmtree(bench.folder)


def compare_listings(tools: list[Tool], folder: Path, count: int, latency_ms: int, table: Table) -> None:
    with fresh_server(folder) as server:
        fill_with_datasets(server, count)

        def run(tool: Tool) -> None:
            server.faults.clear()
            bench = Bench(server, tool, folder, latency_ms, table)
            bench.measure(f"ls, {count} datasets", "ls", "-q", f"s3://{BUCKET}")

        in_turn(tools, run)


def fill_with_datasets(server: RunningServer, count: int) -> None:
    os.environ.update(settings(server))
    for number in range(count):
        dtoolcore.create_proto_dataset(f"dataset-{number}", f"s3://{BUCKET}")


def in_turn(tools: list[Tool], run: Callable[[Tool], None]) -> None:
    """Runs each tool as often as it wants, in turn and the other way round each time, so that both meet the
    same machine."""
    for repeat in range(max(tool.repeats for tool in tools)):
        for tool in tools if repeat % 2 else tools[::-1]:
            if repeat < tool.repeats:
                run(tool)


def print_table(table: Table, tools: list[Tool]) -> None:
    ours, stock = (tool.name for tool in tools)
    print(
        f"Measured on {datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} CPUs, the server on them too."
    )
    packages = ("s3portal", "dtoolcore", "dtool-cli", "boto3")
    print(f"Python {sys.version.split()[0]}, {', '.join(f'{name} {version(name)}' for name in packages)};")
    print(
        f"{stock} 0.14.1 with the same. Runs: {', '.join(f'{tool.name} {tool.repeats}' for tool in tools)}.\n"
    )
    columns = ("latency", "operation", "dtool-s3", "s3portal", "times faster")
    columns += ("CPU dtool-s3", "CPU s3portal", "requests dtool-s3", "requests s3portal")
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for (latency_ms, operation), rows in table.items():
        seconds = {name: statistics.median(row.seconds) for name, row in rows.items()}
        cpu = {name: statistics.median(row.cpu_seconds) for name, row in rows.items()}
        requests = {name: statistics.median(row.requests) for name, row in rows.items()}
        print(
            f"| {latency_ms} ms | {operation} | {seconds[stock]:.1f} s | {seconds[ours]:.1f} s"
            f" | {seconds[stock] / seconds[ours]:.1f} | {cpu[stock]:.1f} s | {cpu[ours]:.1f} s"
            f" | {requests[stock]:,.0f} | {requests[ours]:,.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--big-files", type=int, default=8)
    parser.add_argument("--latency-ms", type=int, nargs="+", default=[0, 20])
    parser.add_argument("--repeats", type=int, default=3, help="runs of s3portal")
    parser.add_argument("--stock-repeats", type=int, default=1, help="runs of dtool-s3, which take long")
    chosen = parser.parse_args()
    stock_python = os.environ.get("S3PORTAL_STOCK_DTOOL_PYTHON")
    if not stock_python:
        sys.exit("Set S3PORTAL_STOCK_DTOOL_PYTHON to a Python that has requirements/dtool-stock.txt.")
    tools = [
        Tool("s3portal", sys.executable, chosen.repeats),
        Tool("dtool-s3", stock_python, chosen.stock_repeats),
    ]
    table: Table = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = make_source(folder, "small", chosen.items, 4096)
        big = make_source(folder, "big", chosen.big_files, 128 * MIB)
        for latency_ms in chosen.latency_ms:

            def run(
                tool: Tool, source: str, what: str, everything: bool, latency_ms: int = latency_ms
            ) -> None:
                with fresh_server(folder) as server:
                    bench = Bench(server, tool, folder, latency_ms, table)
                    copy_there_and_back(bench, source, what, everything=everything)

            if chosen.items:
                in_turn(tools, lambda tool: run(tool, small, f"{chosen.items:,} x 4 KiB", everything=True))
            if chosen.datasets:
                compare_listings(tools, folder, chosen.datasets, latency_ms, table)
            if chosen.big_files:
                in_turn(tools, lambda tool: run(tool, big, f"{chosen.big_files} x 128 MiB", everything=False))
    print_table(table, tools)


if __name__ == "__main__":
    main()
