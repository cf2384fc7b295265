"""CKAN stays small however large a file is, because no byte of it comes through."""

from pathlib import Path

from random_files import random_file

from s3portal.client.ckan import CkanPortal
from s3portal.client.digests import sha256_of_file, sha256_of_link
from s3portal.client.publishing import Target, publish_file
from s3portal.demo.people import DATASET
from s3portal.demo.portal import Portal

GIB = 1024**3
LIMIT_BYTES = 400_000_000


def peak_memory_bytes(pid: int) -> int:
    """The most memory that the process ever had resident (proc(5), VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    (kib,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(kib) * 1024


def test_a_gigabyte_comes_back_equal_and_ckan_stays_small(whole_portal: Portal, tmp_path: Path) -> None:
    file = random_file(tmp_path / "one-gigabyte.bin", GIB)
    client = CkanPortal(whole_portal.url, whole_portal.publisher_token())

    link = publish_file(client, file, Target(DATASET)).url

    assert sha256_of_link(link) == sha256_of_file(file)
    assert whole_portal.ckan.pid is not None
    peak_bytes = peak_memory_bytes(whole_portal.ckan.pid)
    print(f"peak memory of CKAN: {peak_bytes / 1e6:.0f} MB")
    assert peak_bytes < LIMIT_BYTES
