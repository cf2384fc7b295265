"""What those who run the server see: requests, the audit log, damage."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests
from botocore.exceptions import ClientError
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.console.charts import draw
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
    row = page.split('<th scope="row" class="whole">PutObject</th>')[1].split("</tr>")[0]
    assert '<td data-label="Requests" class="number">3</td>' in row
    assert "6 kB" in row and "<svg" in row and 'aria-label="' in row


def test_requests_are_drawn_over_time(admin: ConsoleVisitor, running: RunningServer) -> None:
    s3 = client_for(running, "admin")
    s3.create_bucket(Bucket="drawn")
    s3.put_object(Bucket="drawn", Key="a", Body=b"x" * 2_000_000)
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::drawn/a",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket="drawn", Policy=document)
    for over, ago in (("hour", timedelta(minutes=50)), ("day", timedelta(hours=20))):
        # Unsigned: signatures have a time of their own.
        begun = running.clock.now() - ago
        running.clock.set(begun)
        for key in ("a", "a", "a", "b"):
            requests.get(f"{running.endpoint}/drawn/{key}", timeout=60)
        running.clock.reset()
        page = admin.open(f"/ui/server?over={over}").text
        rows = [cells for at, cells in _periods(page) if abs(at - begun) < timedelta(minutes=20)]
        assert [sum(int(cells[column]) for cells in rows) for column in range(3)] == [4, 1, 0], over
        assert [cells[4] for cells in rows if cells[0] == "4"] in (["6 MB"], []), over
        assert ["0", "0", "0", "0 bytes", "0 bytes"] in [cells[:5] for cells in rows], over
        assert len(_periods(page)) == {"hour": 60, "day": 96}[over]
        assert page.count('<svg class="chart"') == 4 and page.count("<title>") == 4 * len(_periods(page)) + 1
        assert f'over={over}" aria-current="true"' in page and page.count('aria-current="true"') == 1
    assert re.search(r"<title>[0-9:]{5}: (1 request|[2-4] requests)</title>", page)
    assert sum(int(cells[0]) for at, cells in _periods(admin.open("/ui/server").text) if at < begun) == 0


def _periods(page: str) -> list[tuple[datetime, list[str]]]:
    """When each period of the table began, and its numbers."""
    table = page.split("<details><summary>The same as a table")[1].split("</details>")[0]
    return [
        (
            datetime.strptime(re.findall(r'datetime="(.*?)"', row)[0], "%Y-%m-%dT%H:%M:%S%z"),
            re.findall(r'<td[^>]* class="number">(.*?)</td>', row),
        )
        for row in table.split("<tr>")[2:]
    ]


@pytest.mark.parametrize("over", ["", "year", "%00", "%3Cb%3E"])
def test_a_time_that_there_is_not_is_the_last_hour(admin: ConsoleVisitor, over: str) -> None:
    page = admin.open(f"/ui/server?over={over}")
    assert page.status_code == 200 and 'over=hour" aria-current="true"' in page.text


def test_a_chart_is_as_high_as_its_highest_bar() -> None:
    told = ["a", "b", "c"]
    chart = draw("T", [1, 3, 0], [1, 1, 0], told, summary="all", most_words="4")
    assert [(bar.x, bar.part, bar.rest) for bar in chart.bars] == [(0, 25, 25), (10, 75, 25), (20, 0, 0)]
    assert chart.width == 30
    empty = draw("T", [0, 0, 0], [0, 0, 0], told, summary="none", most_words="0")
    assert {(bar.part, bar.rest) for bar in empty.bars} == {(0, 0)}


class TestMenu:
    def test_leads_only_where_its_reader_may_go(self, admin: ConsoleVisitor, limited: ConsoleVisitor) -> None:
        assert 'href="/ui/server"' in admin.open("/ui/buckets").text
        assert 'href="/ui/server/connections"' in admin.open("/ui/server").text
        for path in ("/ui/buckets/test-bucket/objects", "/ui/no-such-page", "/ui/server"):
            assert 'href="/ui/server' not in limited.open(path).text, path

    def test_of_who_may_list_users_has_no_connections(
        self, console: ConsoleFrontEnd, running: RunningServer
    ) -> None:
        iam = client_for(running, "admin", "iam")
        iam.create_user(UserName="operator")
        statement = {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="operator", PolicyName="listing", PolicyDocument=document)
        key = iam.create_access_key(UserName="operator")["AccessKey"]
        visitor = ConsoleVisitor(console.url)
        page = visitor.sign_in(key["AccessKeyId"], key["SecretAccessKey"])
        assert 'href="/ui/server"' in page.text
        assert "/ui/server/connections" not in visitor.open("/ui/server").text
        assert visitor.open("/ui/server/connections").status_code == 403


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
