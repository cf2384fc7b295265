"""The S3 server with much in it: pages out of 50,000 and 1,000,000 keys, a copy of 1 GiB, and its memory
while 1,000,000 keys are listed, an object of 10 GiB goes in and out, and 1,000 connections wait.

    python benchmarks/server_scale.py [--keys 1000000] [--gib 10] [--connections 1000]

It needs Linux and free space of --gib and 3 GB. The keys are put into the database at once, with the server's
own storage; all the rest is asked for over HTTP. Ends with 1 where a figure misses its goal.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from server_load import request, send_all
from server_peers import Peer, ours

from s3portal.server.storage import buckets
from s3portal.server.storage.rows import COLUMNS
from s3portal.server.storage.storage import Storage

BUCKET = "bench-bucket"
MIB = 1024 * 1024
PAGES = 40
KEYS_AT_ONCE = 50_000
GOALS = {"page": 10.0, "copy": 20.0, "growth": 64.0, "connections": 100.0}
missed: list[str] = []


def report(name: str, value: float, unit: str, goal: float | None = None) -> None:
    told = f"   (goal: under {goal:g})" if goal is not None else ""
    print(f"{name:56}{value:10.1f} {unit}{told}", flush=True)
    if goal is not None and value >= goal:
        missed.append(name)


def fill(root: Path, counts: dict[str, int]) -> None:
    """Puts so many small objects below each prefix, each in the folder of its hundred: their rows, which is
    all that a listing reads."""
    storage = Storage(root)
    buckets.create(storage, BUCKET)
    bucket_id = buckets.find(storage, BUCKET).bucket_id
    for prefix, count in counts.items():
        for first in range(0, count, KEYS_AT_ONCE):
            values = (bucket_id, prefix, first, min(first + KEYS_AT_ONCE, count) - 1)
            storage.database.write(
                lambda connection, values=values: connection.execute(_FILL, values).rowcount
            )
    storage.close()


_FILL = f"""
WITH RECURSIVE numbers(n) AS (SELECT ?3 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?4)
INSERT INTO objects (bucket_id, {COLUMNS})
SELECT ?1, CAST(printf('%s%05d/%02d.csv', ?2, n / 100, n % 100) AS BLOB), lower(hex(randomblob(16))), 1,
    '9dd4e461268c8034f5c8564e155c67a6', 1764165600000 + n, '{{"content-type":"text/csv"}}', 'CRC64NVME',
    'AAAAAAAAAAA=', 'FULL_OBJECT', 0, '000000000000', 'null', n, NULL, NULL, NULL, NULL
FROM numbers
"""


def memory_mib(peer: Peer, line: str = "VmRSS") -> float:
    """VmRSS is now, VmHWM the most since it was last reset."""
    status = Path(f"/proc/{peer.pid}/status").read_text()
    found = re.search(rf"{line}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def cpu_ms(peer: Peer) -> float:
    """The CPU time that the server has taken by now, its own and the system's for it."""
    fields = Path(f"/proc/{peer.pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def growth(peer: Peer, name: str) -> Iterator[None]:
    """Reports how much more memory the server ever had inside the block than before it."""
    before = memory_mib(peer)
    Path(f"/proc/{peer.pid}/clear_refs").write_text("5")
    yield
    report(f"memory more than before: {name}", memory_mib(peer, "VmHWM") - before, "MiB", GOALS["growth"])


def pages(peer: Peer, prefix: str, count: int) -> None:
    """Pages out of everywhere, one after the other; the median, because another process may be busy."""
    times = []
    cpu_before = cpu_ms(peer)
    for number in range(PAGES):
        start = f"{prefix}{number * count // PAGES // 100:05}/"
        given = {"Bucket": BUCKET, "Prefix": prefix, "StartAfter": start, "MaxKeys": 1000}
        url = peer.client.generate_presigned_url("list_objects_v2", given)
        answered = send_all(peer.address, [request("GET", url)], 1)
        times.append(1000 * answered.seconds)
    report(f"page of 1,000 of {count:,} keys", statistics.median(times), "ms", GOALS["page"])
    report("    of which CPU of the server", (cpu_ms(peer) - cpu_before) / PAGES, "ms")


def list_everything(peer: Peer, count: int) -> None:
    s3 = peer.client
    with growth(peer, f"{count:,} keys are listed"):
        found = 0
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="many/"):
            found += page["KeyCount"]
    assert found == count, found


def copy(peer: Peer) -> None:
    s3, part, count = peer.client, os.urandom(5 * MIB), 205
    upload = {"Bucket": BUCKET, "Key": "gib"}
    upload_id = s3.create_multipart_upload(**upload)["UploadId"]
    urls = [
        s3.generate_presigned_url("upload_part", {**upload, "UploadId": upload_id, "PartNumber": number + 1})
        for number in range(count)
    ]
    sent = send_all(peer.address, [request("PUT", url, part) for url in urls])
    parts = [{"PartNumber": number + 1, "ETag": sent.header(number, "ETag")} for number in range(count)]
    s3.complete_multipart_upload(**upload, UploadId=upload_id, MultipartUpload={"Parts": parts})
    times = []
    for _ in range(9):
        started = time.perf_counter()
        s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=upload)
        times.append(1000 * (time.perf_counter() - started))
    report("Copy of 1 GiB in 205 parts", statistics.median(times), "ms", GOALS["copy"])


def large_object(peer: Peer, gib: int) -> None:
    """As parts of 1 GiB in, and in one piece out."""
    s3 = peer.client
    upload = {"Bucket": BUCKET, "Key": "large"}
    with growth(peer, f"{gib} GiB go in"):
        upload_id = s3.create_multipart_upload(**upload)["UploadId"]
        parts = []
        for number in range(1, gib + 1):
            url = s3.generate_presigned_url(
                "upload_part", {**upload, "UploadId": upload_id, "PartNumber": number}
            )
            parts.append({"PartNumber": number, "ETag": put_zeros(peer, url, 1024)})
        s3.complete_multipart_upload(**upload, UploadId=upload_id, MultipartUpload={"Parts": parts})
    with growth(peer, f"{gib} GiB go out"):
        answered = send_all(
            peer.address, [request("GET", s3.generate_presigned_url("get_object", upload))], 1
        )
        assert answered.body_bytes == gib * 1024 * MIB
    s3.delete_object(**upload)


def put_zeros(peer: Peer, url: str, mib: int) -> str:
    host, _, port = urlsplit(peer.address).netloc.partition(":")
    target = url.removeprefix(peer.address)
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(
            f"PUT {target} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {mib * MIB}\r\n\r\n".encode()
        )
        zeros = bytes(MIB)
        for _ in range(mib):
            sock.sendall(zeros)
        head = sock.recv(65536).decode()
    assert head.startswith("HTTP/1.1 200"), head
    found = re.search(r"etag: (\S+)", head, re.IGNORECASE)
    assert found is not None
    return found[1]


def idle_connections(peer: Peer, count: int) -> None:
    host, _, port = urlsplit(peer.address).netloc.partition(":")
    url = peer.client.generate_presigned_url("head_bucket", {"Bucket": BUCKET}).removeprefix(peer.address)
    asked = f"HEAD {url} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    waiting = []
    try:
        for _ in range(count):
            sock = socket.create_connection((host, int(port)))
            waiting.append(sock)
            # Each has shown a signature, so that none has to make room, and now waits for its next request.
            sock.sendall(asked)
            assert sock.recv(65536).startswith(b"HTTP/1.1 200")
        report(f"memory with {count:,} idle connections", memory_mib(peer), "MiB", GOALS["connections"])
    finally:
        for sock in waiting:
            sock.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--gib", type=int, default=10)
    parser.add_argument("--connections", type=int, default=990)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_ROOT")) as folder:
        root = Path(folder) / "s3"
        fill(root, {"few/": 50_000, "many/": options.keys})
        with ours(root) as peer:
            report("memory at the start", memory_mib(peer), "MiB")
            idle_connections(peer, options.connections)
        with ours(root) as peer:
            pages(peer, "few/", 50_000)
            pages(peer, "many/", options.keys)
            list_everything(peer, options.keys)
            copy(peer)
            large_object(peer, options.gib)
    if missed:
        sys.exit(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
