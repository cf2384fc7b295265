"""What those who run the server see: requests, the audit log, damage."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.testing import RunningServer

PAGES = ("/ui/server", "/ui/server/audit", "/ui/server/integrity", "/ui/server/about")


@pytest.mark.parametrize("path", PAGES)
def test_is_for_those_who_run_the_server(admin: ConsoleVisitor, limited: ConsoleVisitor, path: str) -> None:
    assert admin.open(path).status_code == 200
    refused = limited.open(path)
    assert refused.status_code == 403 and "for those who run the server" in refused.text


def test_requests_are_counted_by_operation(admin: ConsoleVisitor, running: RunningServer) -> None:
    s3 = client_for(running, "admin")
    for number in range(3):
        s3.put_object(Bucket="test-bucket", Key=f"counted/{number}", Body=b"x" * 2000)
    page = admin.open("/ui/server").text
    row = page.split('<th scope="row">PutObject</th>')[1].split("</tr>")[0]
    assert '<td class="number">3</td>' in row and "6 kB" in row and "<svg" in row and 'aria-label="' in row


def test_the_audit_log_is_filtered_and_leads_to_the_reason(
    admin: ConsoleVisitor, limited: ConsoleVisitor, running: RunningServer
) -> None:
    limited_s3 = client_for(running, "portal")
    client_for(running, "admin").create_bucket(Bucket="not-for-portal")
    with pytest.raises(ClientError, match="AccessDenied"):
        limited_s3.put_object(Bucket="not-for-portal", Key="a<b", Body=b"x")
    page = admin.open("/ui/server/audit?user=portal&outcome=refused&bucket=not-for-portal").text
    assert "PutObject" in page and "not-for-portal/a&lt;b" in page and "user/portal" in page
    assert "CreateBucket" not in page
    why = page.split('<a href="/ui/why?')[1].split('"')[0].replace("&amp;", "&")
    answer = admin.open(f"/ui/why?{why}").text
    assert "<strong>No.</strong>" in answer and "user portal" in answer
    assert "CreateBucket" in admin.open("/ui/server/audit?action=Create*").text
    assert "Nothing of this kind" in admin.open("/ui/server/audit?user=nobody-at-all").text


@pytest.mark.parametrize(
    "query", ["outcome=nonsense", "since=yesterday", "since=2026-11-26T00:00", "until=x&user=%3Cb%3E"]
)
def test_odd_filters_are_no_failure(admin: ConsoleVisitor, query: str) -> None:
    page = admin.open(f"/ui/server/audit?{query}")
    assert page.status_code == 200 and "<b>" not in page.text


def test_what_the_console_does_is_in_the_audit_log(admin: ConsoleVisitor) -> None:
    admin.open("/ui/buckets/new")
    admin.submit(name="made-and-audited")
    page = admin.open("/ui/server/audit?bucket=made-and-audited").text
    assert "CreateBucket" in page and "user/admin" in page and "127.0.0.1" in page


def test_a_flipped_bit_is_shown(
    admin: ConsoleVisitor, running: RunningServer, console: ConsoleFrontEnd
) -> None:
    client_for(running, "admin").put_object(Bucket="test-bucket", Key="flipped", Body=b"x" * 100_000)
    blob = max(Path(console.folder, "blobs").rglob("*.*"), key=lambda path: path.stat().st_mtime)
    content = bytearray(blob.read_bytes())
    content[5000] ^= 1
    blob.write_bytes(content)
    running.run_integrity_scan()
    assert "test-bucket/flipped" in admin.open("/ui/server/integrity").text
    assert "1 damaged object" in admin.open("/ui/server/about").text
