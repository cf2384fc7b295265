"""Links to an object for others, and what keeps it from being deleted."""

from __future__ import annotations

import html
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.server.testing import RunningServer

BUCKET = "console-sharing"


@pytest.fixture(scope="module")
def s3(running: RunningServer) -> Any:
    s3 = client_for(running, "admin")
    s3.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    return s3


def path(page: str = "object", **parameters: str) -> str:
    return (
        requests.Request("GET", f"http://x/ui/buckets/{BUCKET}/{page}", params=parameters).prepare().url[8:]
    )


def link_of(page: str) -> str:
    return html.unescape(page.split('id="link" readonly rows="4">')[1].split("<")[0])


class TestSharing:
    def test_a_link_works_for_everybody_until_it_ends(
        self, admin: ConsoleVisitor, s3: Any, running: RunningServer
    ) -> None:
        s3.put_object(Bucket=BUCKET, Key="shared", Body=b"for you")
        admin.open(path("object/share", key="shared"))
        page = admin.submit(method="GET", number="2", unit="hours").text
        url = link_of(page)
        assert url.startswith(running.endpoint) and "X-Amz-Expires=7200" in url and "<svg" in page
        assert requests.get(url, timeout=10).content == b"for you"

    def test_a_link_to_upload(self, admin: ConsoleVisitor, s3: Any) -> None:
        admin.open(path("object/share", key="wanted"))
        page = admin.submit(method="PUT", number="5", unit="minutes").text
        url = link_of(page)
        assert requests.put(url, data=b"here", timeout=10).status_code == 200
        assert s3.get_object(Bucket=BUCKET, Key="wanted")["Body"].read() == b"here"

    def test_a_link_to_delete(self, admin: ConsoleVisitor, s3: Any) -> None:
        s3.put_object(Bucket=BUCKET, Key="unwanted", Body=b"x")
        admin.open(path("object/share", key="unwanted"))
        url = link_of(admin.submit(method="DELETE", number="1", unit="days").text)
        assert requests.get(url, timeout=60).status_code == 403
        assert requests.delete(url, timeout=60).status_code == 204
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="unwanted")

    @pytest.mark.parametrize("number", ["0", "8", "-1", "x", "99999999999999999999"])
    def test_a_lifetime_that_cannot_be_is_refused(self, admin: ConsoleVisitor, s3: Any, number: str) -> None:
        s3.put_object(Bucket=BUCKET, Key="shared", Body=b"for you")
        admin.open(path("object/share", key="shared"))
        page = admin.submit(method="GET", number=number, unit="days")
        assert page.status_code == 400 and "at most 7 days" in page.text


class TestLocks:
    def test_retention_and_legal_hold_are_set_and_keep_the_version(
        self, admin: ConsoleVisitor, s3: Any
    ) -> None:
        version = s3.put_object(Bucket=BUCKET, Key="kept", Body=b"x")["VersionId"]
        named = {"Bucket": BUCKET, "Key": "kept", "VersionId": version}
        until = datetime.now(timezone.utc).replace(second=0, microsecond=0) + timedelta(days=2)
        admin.open(path(key="kept", version=version))
        page = admin.submit("/object/lock", until=f"{until:%Y-%m-%dT%H:%M}", mode="GOVERNANCE", hold="on")
        assert page.status_code == 200 and "The lock is saved." in page.text
        retention = s3.get_object_retention(**named)["Retention"]
        assert (retention["Mode"], retention["RetainUntilDate"]) == ("GOVERNANCE", until)
        assert s3.get_object_legal_hold(**named)["LegalHold"]["Status"] == "ON"
        page = admin.submit("/object/delete", version=version)
        assert page.status_code == 400 and 'role="alert"' in page.text
        s3.head_object(**named)

    @pytest.mark.parametrize("until", ["yesterday", "2020-01-01T00:00", "9999-99-99T00:00"])
    def test_a_time_that_cannot_be_is_refused(self, admin: ConsoleVisitor, s3: Any, until: str) -> None:
        version = s3.put_object(Bucket=BUCKET, Key="timed", Body=b"x")["VersionId"]
        admin.open(path(key="timed"))
        page = admin.submit("/object/lock", until=until, mode="GOVERNANCE")
        assert page.status_code == 400 and 'role="alert"' in page.text
        with pytest.raises(ClientError):
            s3.get_object_retention(Bucket=BUCKET, Key="timed", VersionId=version)
