"""Memory stays small however large the file is."""

from pathlib import Path

from core_page import CorePage
from playwright.sync_api import Page

from s3portal.server.testing import RunningServer

GB = 1000**3
LIMIT_BYTES = 15_000_000
PARTS_SENT = 40


def heap_bytes(page: Page) -> int:
    """The page's JavaScript heap after a garbage collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return int(used)


def test_a_sparse_file_of_60_gb_is_planned_and_started_in_15_mb(
    publisher: Page, s3: RunningServer, tmp_path: Path
) -> None:
    file = tmp_path / "sixty-gigabytes.bin"
    with file.open("wb") as sparse:
        sparse.truncate(60 * GB)
    core = CorePage(publisher)
    core.open(file)
    before = heap_bytes(publisher)
    number = core.start()
    core.wait_for_share(number, PARTS_SENT * 6 * 1024**2 / (60 * GB))

    used = heap_bytes(publisher)
    shown = core.shown(number)
    core.call(number, "cancel")
    core.wait_for(number, "aborted")

    print(f"heap: {used / 1e6:.1f} MB, before the upload {before / 1e6:.1f} MB")
    assert used < LIMIT_BYTES
    assert shown["state"] == "uploading"
    assert (shown["upload"]["part_size"], shown["upload"]["part_count"]) == (6 * 1024**2, 9537)
