"""The S3 server beside others and its floors, measured in turns in one run: the same requests, 4 connections.

    python benchmarks/server.py [--parts 103] [--objects 1000] [--keys 50000] [--rounds 5]
                                [--peers s3portal,workers,moto,s3rver,RGW,floors] [--s3rver PROGRAM]

Ours writes to the disk and syncs it before every answer, and checks signatures. moto and RGW (on memstore)
keep everything in memory; s3rver writes without a sync; moto checks nothing. The floors are bare loops in
Python that know no S3: one receives, takes the MD5 and writes with an fsync, the other sends files (see
server_floors.py). ``workers`` is ours with --workers 2. Prints medians, and the ratio of ours to the best of
the others.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from server_load import CONNECTIONS, Answered, request, send_all
from server_peers import FLOORS, Peer, all_of

BUCKET = "bench-bucket"
PART_BYTES = 5 * 1024 * 1024
PART = os.urandom(PART_BYTES)
SMALL = os.urandom(4096)
PAGES = 20
COPIES = 5
OURS = ("s3portal", "2 workers")
#: Figures of which less is better.
MILLISECONDS = ", ms"


@dataclass(frozen=True)
class Size:
    """How much is done in a round."""

    parts: int
    objects: int
    keys: int


class Round:
    """One round on one server; ``figures`` by their names."""

    def __init__(self, peer: Peer, size: Size) -> None:
        self._peer = peer
        self._size = size
        self._s3 = peer.client
        self.figures: dict[str, float] = {}

    def _requests(
        self, method: str, operation: str, count: int, body: bytes = b"", **given: Any
    ) -> list[Any]:
        def url(number: int) -> str:
            values = {name: value(number) if callable(value) else value for name, value in given.items()}
            signed: str = self._s3.generate_presigned_url(operation, {"Bucket": BUCKET, **values})
            return signed

        return [request(method, url(number), body) for number in range(count)]

    def _per_second(self, name: str, requests: list[Any]) -> Answered:
        answered = send_all(self._peer.address, requests)
        self.figures[name] = len(requests) / answered.seconds
        return answered

    def small_objects(self) -> None:
        for method, operation, body in (
            ("PUT", "put_object", SMALL),
            ("GET", "get_object", b""),
            ("HEAD", "head_object", b""),
            ("DELETE", "delete_object", b""),
        ):
            requests = self._requests(
                method, operation, self._size.objects, body, Key=lambda number: f"small/{number}"
            )
            self._per_second(f"4 KiB {method}, per s", requests)

    def pages(self) -> None:
        """Pages out of the middle, one after the other."""
        requests = self._requests(
            "GET",
            "list_objects_v2",
            PAGES,
            Prefix="many/",
            StartAfter=lambda number: f"many/{number * self._size.keys // PAGES // 2:07}",
        )
        answered = send_all(self._peer.address, requests, connections=1)
        self.figures[f"page of 1,000 of {self._size.keys:,} keys{MILLISECONDS}"] = (
            1000 * answered.seconds / PAGES
        )

    def multipart(self) -> None:
        size = self._size
        upload = {"Bucket": BUCKET, "Key": "large"}
        upload_id = self._s3.create_multipart_upload(**upload)["UploadId"]
        requests = self._requests(
            "PUT",
            "upload_part",
            size.parts,
            PART,
            Key="large",
            UploadId=upload_id,
            PartNumber=lambda number: number + 1,
        )
        sent = send_all(self._peer.address, requests)
        parts = [
            {"PartNumber": number + 1, "ETag": sent.header(number, "ETag")} for number in range(size.parts)
        ]
        complete_s = timed(
            lambda: self._s3.complete_multipart_upload(
                **upload, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )
        )
        megabytes = size.parts * PART_BYTES / 1e6
        self.figures["parts of 5 MiB, MB/s"] = megabytes / sent.seconds
        self.figures["multipart with Complete, MB/s"] = megabytes / (sent.seconds + complete_s)
        self.figures[f"Complete of {size.parts} parts{MILLISECONDS}"] = 1000 * complete_s

    def downloads(self) -> None:
        """A quarter of the object over each connection."""
        url = self._s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "large"})
        self._download(url)

    def _download(self, url: str) -> None:
        total = self._size.parts * PART_BYTES
        share = total // CONNECTIONS
        requests = [
            request("GET", url, Range=f"bytes={number * share}-{(number + 1) * share - 1}")
            for number in range(CONNECTIONS)
        ]
        answered = send_all(self._peer.address, requests)
        assert answered.body_bytes == share * CONNECTIONS, answered.heads
        self.figures["GET, MB/s"] = answered.body_bytes / 1e6 / answered.seconds

    def copies(self) -> None:
        source = {"Bucket": BUCKET, "Key": "large"}
        times = [
            timed(lambda: self._s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=source))
            for _ in range(COPIES)
        ]
        gib = self._size.parts * PART_BYTES / 1024**3
        self.figures[f"Copy of {gib:.1f} GiB{MILLISECONDS}"] = 1000 * statistics.median(times)
        for key in ("copy", "large"):
            self._s3.delete_object(Bucket=BUCKET, Key=key)

    def floors(self) -> None:
        address, count = self._peer.address, self._size.parts
        requests = [request("PUT", f"{address}/part{number}", PART) for number in range(count)]
        seconds = send_all(address, requests).seconds
        for name in ("parts of 5 MiB, MB/s", "multipart with Complete, MB/s"):
            self.figures[name] = count * PART_BYTES / 1e6 / seconds
        self._download(f"{address}/large")


def timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def prepare(peer: Peer, size: Size) -> None:
    """Makes what all rounds use: the bucket with its many keys; of the floors the file that they send."""
    if peer.name == FLOORS:
        whole = PART * size.parts
        send_all(peer.address, [request("PUT", f"{peer.address}/large", whole)], 1)
        return
    peer.client.create_bucket(Bucket=BUCKET)
    keys = Round(peer, size)
    requests = keys._requests("PUT", "put_object", size.keys, b"x", Key=lambda number: f"many/{number:07}")
    send_all(peer.address, requests)


def measure(peer: Peer, size: Size) -> dict[str, float]:
    this = Round(peer, size)
    if peer.name == FLOORS:
        this.floors()
        return this.figures
    for step in (this.small_objects, this.pages, this.multipart, this.downloads, this.copies):
        try:
            step()
        except Exception as problem:  # noqa: BLE001
            # A server that cannot do something is compared in the rest.
            print(f"{peer.name}: {step.__name__}: {str(problem)[:200]}")
    return this.figures


def show(names: list[str], rounds: dict[str, list[dict[str, float]]]) -> None:
    figures = list(
        dict.fromkeys(name for of_peer in rounds.values() for round_ in of_peer for name in round_)
    )
    print(f"{'':40}" + "".join(f"{name:>11}" for name in names) + f"{'to best':>9}{'to floor':>9}")
    for figure in figures:
        medians = {}
        for name in names:
            values = [round_[figure] for round_ in rounds[name] if figure in round_]
            if values:
                medians[name] = statistics.median(values)
        less = figure.endswith(MILLISECONDS)
        best = min if less else max
        mine = [medians[name] for name in names if name in OURS and name in medians]
        others = [medians[name] for name in names if name not in (*OURS, FLOORS) and name in medians]
        row = "".join(f"{medians[name]:11.1f}" if name in medians else f"{'-':>11}" for name in names)
        ratios = ""
        for against in (others, [medians[FLOORS]] if FLOORS in medians else []):
            ratio = best(mine) / best(against) if mine and against else None
            ratios += f"{(1 / ratio if less else ratio):9.2f}" if ratio else f"{'-':>9}"
        print(f"{figure:40}{row}{ratios}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", type=int, default=103)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--keys", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="s3portal,workers,moto,s3rver,RGW,floors")
    parser.add_argument("--s3rver", help="the program, where it is not on the PATH")
    options = parser.parse_args()
    size = Size(options.parts, options.objects, options.keys)
    with all_of(options.peers.split(","), options.s3rver) as peers:
        for peer in peers:
            prepare(peer, size)
        rounds: dict[str, list[dict[str, float]]] = {peer.name: [] for peer in peers}
        for number in range(options.rounds):
            # Each begins in turn: whoever comes first may find the disk busier, or idler.
            for peer in [*peers[number % len(peers) :], *peers[: number % len(peers)]]:
                rounds[peer.name].append(measure(peer, size))
        show([peer.name for peer in peers], rounds)


if __name__ == "__main__":
    main()
