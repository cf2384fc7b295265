"""Encrypted objects beside plain ones on the same server, measured in turns: multipart uploads and GET.

    python benchmarks/server_encrypted.py [--parts 103] [--rounds 5] [--workers 1]
                                          [--goal-put 0.85] [--goal-get 0.60]

Prints medians, and the ratio of each way of encryption to plain. Exit code 1 where a ratio is below its goal:
at most 15 % slower on multipart uploads, 40 % on GET, which cannot use sendfile. Both are of elapsed time
with 4 connections; ``GET by 1`` is a whole object over one connection.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from server import BUCKET, PART, PART_BYTES, timed
from server_load import CONNECTIONS, request, send_all
from server_peers import Peer, ours

PLAIN = "plain"
WAYS: dict[str, dict[str, str]] = {
    PLAIN: {},
    "SSE-S3": {"ServerSideEncryption": "AES256"},
    "SSE-KMS": {"ServerSideEncryption": "aws:kms"},
    "DSSE": {"ServerSideEncryption": "aws:kms:dsse"},
}
MULTIPART, GET, GET_BY_ONE = "multipart with Complete, MB/s", "GET, MB/s", "GET by 1, MB/s"


def measure(peer: Peer, parts: int, given: dict[str, str]) -> dict[str, float]:
    """Uploads an object and reads it; returns the figures by their names."""
    s3, this = peer.client, {"Bucket": BUCKET, "Key": "large"}
    upload = {**this, "UploadId": s3.create_multipart_upload(**this, **given)["UploadId"]}

    def part_url(number: int) -> str:
        return str(s3.generate_presigned_url("upload_part", {**upload, "PartNumber": number}))

    sent = send_all(peer.address, [request("PUT", part_url(number + 1), PART) for number in range(parts)])
    etags = [{"PartNumber": number + 1, "ETag": sent.header(number, "ETag")} for number in range(parts)]
    complete_s = timed(lambda: s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": etags}))
    url = s3.generate_presigned_url("get_object", this)
    share = parts * PART_BYTES // CONNECTIONS
    ranges = [
        request("GET", url, Range=f"bytes={number * share}-{(number + 1) * share - 1}")
        for number in range(CONNECTIONS)
    ]
    got, whole = send_all(peer.address, ranges), send_all(peer.address, [request("GET", url)], connections=1)
    s3.delete_object(**this)
    return {
        MULTIPART: parts * PART_BYTES / 1e6 / (sent.seconds + complete_s),
        GET: got.body_bytes / 1e6 / got.seconds,
        GET_BY_ONE: whole.body_bytes / 1e6 / whole.seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", type=int, default=103)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")
    parser.add_argument("--goal-put", type=float, default=0.85)
    parser.add_argument("--goal-get", type=float, default=0.60)
    options = parser.parse_args()
    rounds: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder, ours(Path(folder) / "s3", options.workers) as peer:
        peer.client.create_bucket(Bucket=BUCKET)
        ways = list(WAYS)
        for number in range(options.rounds):
            # Each begins in turn: whoever comes first may find the disk busier, or idler.
            for way in [*ways[number % len(ways) :], *ways[: number % len(ways)]]:
                rounds[way].append(measure(peer, options.parts, WAYS[way]))
    missed = False
    print(f"{'':32}" + "".join(f"{way:>18}" for way in WAYS))
    for figure, goal in ((MULTIPART, options.goal_put), (GET, options.goal_get), (GET_BY_ONE, None)):
        medians = {way: statistics.median(one[figure] for one in rounds[way]) for way in WAYS}
        row = f"{medians[PLAIN]:18.0f}"
        for way in list(WAYS)[1:]:
            ratio = medians[way] / medians[PLAIN]
            # DSSE encrypts twice: it is shown, and has no goal.
            missed |= goal is not None and way != "DSSE" and ratio < goal
            row += f"{medians[way]:11.0f} ({ratio:.2f})"
        print(f"{figure:32}{row}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
