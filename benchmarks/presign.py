"""Presigning 10,000 part URLs: ours against boto3's generate_presigned_url, on the same work in the same run.

    python benchmarks/presign.py

Prints the median CPU time of several runs of each, taken by turns, and the ratio. Exits 1 below 20 times, and
where the two do not make the same URLs.
"""

import statistics
import sys
import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from s3portal.transfer import PartPlan, Store, TransferSettings, open_store, plan_parts, presign_parts

PARTS = 10_000
RUNS = 5
WANTED_RATIO = 20
KEY = "portal/5b1e6d1c-3f5e-4b0e-9f0a-0d6c1d0f4a11/a3f7b1de-77c5-4a8f-8a41-6d9f0b0f2c22/Flüsse 2026.nc"
S3_UPLOAD_ID = "VXBsb2FkIElEIGZvciA2aWWpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA"


def ours(store: Store, plan: PartPlan) -> list[str]:
    """The URLs as a portal gets them, in batches of 1,000."""
    batches = (range(first, first + 1000) for first in range(1, PARTS, 1000))
    return [
        part.url
        for batch in batches
        for part in presign_parts(store, KEY, S3_UPLOAD_ID, plan, batch, expires_s=900)
    ]


def boto3s(store: Store, plan: PartPlan) -> list[str]:
    """The same by boto3, from a client that is open already."""
    presign = store.client().generate_presigned_url
    return [
        presign(
            "upload_part",
            Params={
                "Bucket": store.bucket,
                "Key": KEY,
                "UploadId": S3_UPLOAD_ID,
                "PartNumber": part_number,
                "ContentLength": plan.length(part_number),
            },
            ExpiresIn=900,
        )
        for part_number in range(1, PARTS + 1)
    ]


def cpu_s(work: Callable[[Store, PartPlan], list[str]], store: Store, plan: PartPlan) -> float:
    """The CPU seconds that the work takes once."""
    started = time.process_time()
    work(store, plan)
    return time.process_time() - started


def signed_alike(store: Store, plan: PartPlan) -> bool:
    """Whether both sign the same for each part, whatever the order of parameters; the seconds of the clock
    apart.
    """
    volatile = ("X-Amz-Date", "X-Amz-Signature")

    def lasting(url: str) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(url)
        query = {name: value for name, value in parse_qs(parts.query).items() if name not in volatile}
        return parts.netloc + parts.path, query

    pairs = zip(ours(store, plan), boto3s(store, plan), strict=True)
    return all(lasting(one) == lasting(other) for one, other in pairs)


def main() -> int:
    """Measures, prints, and says whether the ratio is what it should be."""
    store = open_store(
        TransferSettings(
            s3_bucket="river-data", s3_access_key_id="AKIDEXAMPLE", s3_secret_access_key="wJalrXUtnFEMI"
        )
    )
    plan = plan_parts(PARTS * 5 * 1024 * 1024)
    if not signed_alike(store, plan):
        print("the URLs differ")
        return 1
    times: dict[str, list[float]] = {"s3portal": [], "boto3": []}
    for _ in range(RUNS):
        times["s3portal"].append(cpu_s(ours, store, plan))
        times["boto3"].append(cpu_s(boto3s, store, plan))
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    ratio = medians["boto3"] / medians["s3portal"]
    print(f"{PARTS:,} part URLs, median CPU of {RUNS} runs of each, by turns")
    for name, seconds in medians.items():
        print(f"  {name:9} {seconds:7.3f} s   {seconds / PARTS * 1e6:6.1f} µs a URL")
    print(f"  ratio     {ratio:7.1f} times boto3 (wanted: {WANTED_RATIO})")
    return 0 if ratio >= WANTED_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
