"""A line that flips bits on the way to the store: each damaged part is found and sent again."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from chromium import launch_chromium, open_context
from core_page import CorePage
from corrupting_proxy import CorruptingProxy
from playwright.sync_api import Page
from portal_pages import log_in
from random_files import random_file

from s3portal.demo.people import PUBLISHER
from s3portal.demo.portal import Portal
from s3portal.server.testing import RunningServer
from s3portal.transfer import CRCS

MIB = 1024 * 1024
PART_COUNT = 12
# Of the file's 60 MiB; what is sent again is damaged now and then, too.
EVERY_BYTES = 13 * MIB


@pytest.fixture
def proxy(s3: RunningServer) -> Iterator[CorruptingProxy]:
    with closing(CorruptingProxy(s3.port, EVERY_BYTES)) as proxy:
        yield proxy


@pytest.fixture
def page(portal: Portal, s3: RunningServer, proxy: CorruptingProxy) -> Iterator[Page]:
    """The publisher's page, in a browser whose way to the store leads through the proxy."""
    detour = f"--host-resolver-rules=MAP 127.0.0.1:{s3.port} 127.0.0.1:{proxy.port}"
    browser = launch_chromium(detour)
    page = open_context(browser, base_url=portal.url).new_page()
    log_in(page, PUBLISHER.name, PUBLISHER.password(portal.secrets))
    yield page
    browser.close()


@pytest.mark.parametrize("sts", [False, True], ids=["presigned", "sts"])
def test_what_arrives_is_the_file(
    page: Page, s3: RunningServer, proxy: CorruptingProxy, tmp_path: Path, sts: bool
) -> None:
    file = random_file(tmp_path / "gauges.bin", PART_COUNT * 5 * MIB)
    core = CorePage(page)
    core.open(file)

    shown = core.upload(sts=sts, retry={"baseMs": 20, "capMs": 200})

    assert (shown["state"], shown["error"]) == ("complete", None)
    crc = CRCS["CRC64NVME"]
    assert shown["upload"]["checksum"]["value"] == crc.encode(crc.update(file.read_bytes()))
    sent = [r.part_number for r in s3.requests if r.operation == "UploadPart"]
    assert proxy.flipped_bits >= 2, "the line was a good one"
    assert len(sent) - PART_COUNT == len(shown["retries"]) >= 2
