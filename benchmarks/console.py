"""The console's pages beside the S3 requests under them, on a bucket with 1,000,000 keys: how long a page
takes, and how much of that is the console's own.

    python benchmarks/console.py [--keys 1000000] [--rounds 40]

Prints medians in milliseconds, and the ratio of each page to a bare ListObjectsV2 by boto3 over HTTP. Needs
what the console needs, and `requests`.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import boto3
import requests
from server_scale import fill

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.testing import RunningServer

BUCKET = "bench-bucket"
KEY, SECRET = "BENCHKEYID0000000000", "a-secret-of-the-benchmark"
CONFIG = {
    "users": [
        {
            "name": "bench",
            "access_key_id": KEY,
            "secret_access_key": SECRET,
            "policy": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
            },
        }
    ]
}


def median_ms(act: Callable[[], object], rounds: int) -> float:
    act()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def signed_in(url: str) -> requests.Session:
    http, origin = requests.Session(), url.removesuffix("/ui")
    token = re.search(r'name="csrf_token" value="(\w+)"', http.get(f"{url}/sign-in").text)
    assert token
    fields = {"csrf_token": token[1], "access_key_id": KEY, "secret_access_key": SECRET}
    answer = http.post(f"{url}/sign-in", data=fields, headers={"Origin": origin})
    assert answer.url.endswith("/ui/buckets"), answer.url
    return http


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "s3"
        fill(root, {"": arguments.keys})
        front_end = ConsoleFrontEnd(root, "127.0.0.1", 0)
        with RunningServer(root, CONFIG, front_end=front_end) as server:
            http, url = signed_in(front_end.url), front_end.url
            s3 = boto3.client(
                "s3",
                endpoint_url=server.endpoint,
                region_name="us-east-1",
                aws_access_key_id=KEY,
                aws_secret_access_key=SECRET,
            )
            listed = s3.list_objects_v2(Bucket=BUCKET, MaxKeys=200)
            key = listed["Contents"][0]["Key"]
            bare = median_ms(
                lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix=key[:-4], MaxKeys=200, Delimiter="/"),
                arguments.rounds,
            )
            print(f"{'ListObjectsV2 over HTTP':40}{bare:8.1f} ms")
            pages = {
                "list of buckets": "/buckets",
                "page of objects": f"/buckets/{BUCKET}/objects?prefix={key[: key.rfind('/') + 1]}",
                "first page of the bucket": f"/buckets/{BUCKET}/objects",
                "names that begin with 0543": f"/buckets/{BUCKET}/objects?start=0543",
                "sorted, 1,000 entries": f"/buckets/{BUCKET}/objects?start=03&sort=name&down=",
                "too many to sort": f"/buckets/{BUCKET}/objects?sort=size",
                "one object": f"/buckets/{BUCKET}/object?key={key}",
                "settings": f"/buckets/{BUCKET}/settings",
                "requests of the server": "/server",
            }
            for name, path in pages.items():
                took = median_ms(lambda path=path: http.get(url + path).raise_for_status(), arguments.rounds)
                print(f"{name:40}{took:8.1f} ms   {took / bare:5.1f} x ListObjectsV2", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
