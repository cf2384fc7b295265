"""A page of somebody's own, which has nothing of s3portal but the packed npm package: it uploads to our S3
server through a portal of its own, and resumes after a reload."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from chromium import open_context
from held_parts import hold_parts, lose_parts
from npm_package import import_map, packed_uploader
from playwright.sync_api import Browser, Page, expect
from portal_pages import sha256
from random_files import random_file
from tiny_portal import PART_SIZE_BYTES, TinyPortal, served

from s3portal.server.testing import RunningServer

BUCKET = "river-data"
PART_COUNT = 6

PAGE = """<!DOCTYPE html>
<title>A page of one's own</title>
<script type="importmap">IMPORT_MAP</script>
<input type="file"> <button>Pause</button> <output></output>
<script type="module">
  import { MultipartUpload } from "s3portal-uploader";
  import { UploadError } from "s3portal-uploader/errors";
  import { differs } from "s3portal-uploader/fingerprint";
  import { postJson } from "s3portal-uploader/post-json";

  async function call(name, body) {
    const answer = await postJson(`/uploads/${name}`, body);
    if (answer.ok) return answer.json;
    throw new UploadError("own_portal_failed", answer.text, { status: answer.status });
  }
  const adapter = {
    url: location.href,
    create: (request) => call("create", request),
    signParts: (id, part_numbers) => call("sign-parts", { id, part_numbers }),
    show: (id) => call("show", { id }),
    list: () => call("list", {}),
    complete: (id, checksum) => call("complete", { id, checksum }),
    abort: (id) => call("abort", { id }),
  };
  const output = document.querySelector("output");
  document.querySelector("input").addEventListener("change", async ({ target: { files: [file] } }) => {
    const [resume] = (await adapter.list()).filter(({ state }) => state === "uploading");
    if (resume && (await differs(file, resume))) throw new Error("it is another file");
    const upload = new MultipartUpload(file, adapter, resume ? { resume } : {});
    document.querySelector("button").addEventListener("click", () => upload.pause());
    const say = (text) => { output.textContent = text; };
    upload.addEventListener("statechange", ({ detail }) => say(detail.to));
    upload.addEventListener("complete", ({ detail }) => say(`complete ${detail.upload.id}`));
    upload.addEventListener("error", ({ detail: { error } }) => say(`${error.code} ${error.message}`));
    upload.start();
  });
  output.textContent = "ready";
</script>
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed_uploader(tmp_path_factory.mktemp("npm"))


@pytest.fixture
def store(s3: RunningServer) -> Any:
    """The store as the page's own portal reaches it."""
    return boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        region_name="us-east-1",
        aws_access_key_id="PORTALKEYID000000000",
        aws_secret_access_key="secret-of-the-portal-in-these-tests",
        config=Config(signature_version="s3v4"),
    )


@pytest.fixture
def page(chromium: Browser, store: Any, package: Path) -> Iterator[Page]:
    """The page, as it was opened."""
    text = PAGE.replace("IMPORT_MAP", json.dumps(import_map(package, "/package")))
    with served(TinyPortal(store, BUCKET), text, {"package": package}) as address:
        context = open_context(chromium)
        page = context.new_page()
        page.goto(address)
        expect(page.locator("output")).to_have_text("ready")
        yield page
        context.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return random_file(tmp_path / "gauges.csv", (PART_COUNT - 1) * PART_SIZE_BYTES + 3)


def uploaded(page: Page, store: Any, folder: Path) -> Path:
    """Waits until all is uploaded; the file as the store has it."""
    expect(page.locator("output")).to_contain_text("complete ")
    key = page.locator("output").inner_text().split()[1]
    arrived = folder / "arrived"
    store.download_file(BUCKET, key, str(arrived))
    return arrived


def test_a_file_is_uploaded_with_its_checksum(page: Page, store: Any, file: Path, tmp_path: Path) -> None:
    page.set_input_files("input", file)

    assert sha256(uploaded(page, store, tmp_path)) == sha256(file)
    listed = page.evaluate(
        "fetch('/uploads/list', {method: 'POST', body: '{}'}).then((answer) => answer.json())"
    )
    assert listed[0]["checksum"]["algorithm"] == "CRC64NVME", "computed by the package's worker"


def test_after_a_reload_only_what_is_missing_is_sent(
    page: Page, s3: RunningServer, store: Any, file: Path, tmp_path: Path
) -> None:
    hold = hold_parts(s3, after=3)
    page.set_input_files("input", file)
    hold.wait_for(PART_COUNT - 3)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("output")).to_have_text("paused")
    lose_parts(s3, hold)
    page.reload()
    expect(page.locator("output")).to_have_text("ready")
    s3.requests.clear()

    page.set_input_files("input", file)

    assert sha256(uploaded(page, store, tmp_path)) == sha256(file)
    # A request joins the log after its answer.
    s3.wait_until_idle()
    operations = [request.operation for request in s3.requests]
    assert operations.count("UploadPart") == PART_COUNT - 3
    assert "CreateMultipartUpload" not in operations
