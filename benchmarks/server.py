"""The S3 server beside moto's, measured in turns in the same run: the same presigned URLs, 4 connections.

    pip install 'moto[server]' && python benchmarks/server.py [--parts 60] [--objects 1000] [--rounds 3]

Ours writes to the disk and syncs it before every answer, and checks signatures; moto keeps everything in
memory and checks nothing. Prints the median of each figure and the ratio.
"""

from __future__ import annotations

import argparse
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

BUCKET = "bench-bucket"
CONNECTIONS = 4
PART = os.urandom(5 * 1024 * 1024)
SMALL = os.urandom(4096)
PAGES = 40
KEY_ID, SECRET = "bench-key", "bench-secret"


@dataclass(frozen=True)
class Endpoint:
    name: str
    address: str

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
            config=Config(signature_version="s3v4"),
        )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def start(name: str, port: int, *command: str) -> tuple[Endpoint, subprocess.Popen[bytes]]:
    environ = os.environ | {
        "S3PORTAL_SERVER_ACCESS_KEY_ID": KEY_ID,
        "S3PORTAL_SERVER_SECRET_ACCESS_KEY": SECRET,
    }
    process = subprocess.Popen(
        [sys.executable, *command], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return Endpoint(name, f"http://127.0.0.1:{port}"), process
    sys.exit(f"{name} did not start; is moto[server] installed?")


def in_parallel(address: str, count: int, call: Callable[[http.client.HTTPConnection, int], object]) -> float:
    """Makes ``count`` calls over 4 kept connections; returns the seconds it took."""

    def work(first: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(address).netloc)
        for number in range(first, count, CONNECTIONS):
            call(connection, number)
        connection.close()

    threads = [threading.Thread(target=work, args=(first,)) for first in range(CONNECTIONS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def send(connection: http.client.HTTPConnection, method: str, url: str, body: bytes | None = None) -> Any:
    connection.request(method, url, body)
    answer = connection.getresponse()
    answer.read()
    if answer.status not in (200, 204):
        raise RuntimeError(f"{method} answered {answer.status}")
    return answer


def measure(endpoint: Endpoint, part_count: int, object_count: int) -> dict[str, float]:
    """Returns the figures of one round, larger is better."""
    s3 = endpoint.client()

    def urls(operation: str, count: int, **parameters: Any) -> list[str]:
        return [
            s3.generate_presigned_url(
                operation,
                {"Bucket": BUCKET, **{n: v(i) if callable(v) else v for n, v in parameters.items()}},
            ).removeprefix(endpoint.address)
            for i in range(count)
        ]

    def per_second(method: str, targets: list[str], body: bytes | None = None) -> float:
        seconds = in_parallel(
            endpoint.address, len(targets), lambda connection, i: send(connection, method, targets[i], body)
        )
        return len(targets) / seconds

    figures = {}
    for method, operation, body in (
        ("PUT", "put_object", SMALL),
        ("GET", "get_object", None),
        ("HEAD", "head_object", None),
    ):
        targets = urls(operation, object_count, Key=lambda i: f"small/{i}")
        figures[f"4 KiB {method}, per s"] = per_second(method, targets, body)
    listing = urls("list_objects_v2", PAGES, Prefix="small/", MaxKeys=1000)
    figures[f"pages of {min(object_count, 1000)} keys, per s"] = per_second("GET", listing)
    targets = urls("delete_object", object_count, Key=lambda i: f"small/{i}")
    figures["4 KiB DELETE, per s"] = per_second("DELETE", targets)

    upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key="large")["UploadId"]
    targets = urls("upload_part", part_count, Key="large", UploadId=upload_id, PartNumber=lambda i: i + 1)
    etags: dict[int, str] = {}

    def put_part(connection: http.client.HTTPConnection, number: int) -> None:
        etags[number] = send(connection, "PUT", targets[number], PART).headers["ETag"]

    seconds = in_parallel(endpoint.address, part_count, put_part)
    started = time.perf_counter()
    parts = [{"PartNumber": number + 1, "ETag": etags[number]} for number in range(part_count)]
    s3.complete_multipart_upload(
        Bucket=BUCKET, Key="large", UploadId=upload_id, MultipartUpload={"Parts": parts}
    )
    seconds += time.perf_counter() - started
    figures["multipart with complete, MB/s"] = part_count * len(PART) / 1e6 / seconds
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=int, default=60)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        ports = free_port(), free_port()
        started = [
            start("s3portal", ports[0], "-m", "s3portal.server", "--root", root, "--port", str(ports[0])),
            start("moto", ports[1], "-m", "moto.server", "-p", str(ports[1])),
        ]
        try:
            rounds: dict[str, list[dict[str, float]]] = {}
            for endpoint, _ in started:
                endpoint.client().create_bucket(Bucket=BUCKET)
            for _ in range(options.rounds):
                for endpoint, _ in started:
                    figures = measure(endpoint, options.parts, options.objects)
                    rounds.setdefault(endpoint.name, []).append(figures)
        finally:
            for _, process in started:
                process.terminate()
                process.wait()
    print(f"{'':32}{'s3portal':>10}{'moto':>10}{'ratio':>8}")
    for name in rounds["moto"][0]:
        ours, theirs = (statistics.median(r[name] for r in rounds[who]) for who in ("s3portal", "moto"))
        print(f"{name:32}{ours:10.1f}{theirs:10.1f}{ours / theirs:8.1f}")


if __name__ == "__main__":
    main()
