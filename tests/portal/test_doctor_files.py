"""Files that vanished or changed are found, and uploads that nobody finished."""

from datetime import datetime, timedelta, timezone

import pytest
from doctor_cases import SITE_URL, MakeCase
from store_front import Asked, Said, StoreFront

from s3portal.portal.doctor import RecordedFile, examine_files, examine_unfinished
from s3portal.portal.doctor.case import Case
from s3portal.server.pytest_plugin import BUCKET
from s3portal.server.testing import RunningServer


@pytest.fixture
def case(make_case: MakeCase) -> Case:
    return make_case(site_url=SITE_URL)


def stored(case: Case, key: str, content: bytes) -> RecordedFile:
    etag = case.store.client().put_object(Bucket=BUCKET, Key=key, Body=content)["ETag"].strip('"')
    return RecordedFile(key=key, shown=f"{key} (resource 1)", size_bytes=len(content), etag=etag)


def test_files_that_are_there_are_well(case: Case) -> None:
    files = [stored(case, f"file-{number}", b"abc") for number in range(20)]

    (finding,) = examine_files(case, files, 20)
    assert (finding.state, finding.text) == ("ok", "all 20 are in the store as they were recorded")
    (finding,) = examine_files(case, files, 5000)
    assert finding.text.startswith("the newest 20 of 5,000 ")


def test_without_files_nothing_is_said(case: Case) -> None:
    assert list(examine_files(case, [], 0)) == []


def test_a_file_that_is_gone_one_that_grew_and_one_that_was_overwritten_are_named(case: Case) -> None:
    files = [stored(case, name, b"abc") for name in ("there", "gone", "grown", "other")]
    client = case.store.client()
    client.delete_object(Bucket=BUCKET, Key="gone")
    client.put_object(Bucket=BUCKET, Key="grown", Body=b"abcd")
    client.put_object(Bucket=BUCKET, Key="other", Body=b"xyz")

    (finding,) = examine_files(case, files, 4)

    assert finding.state == "wrong"
    assert "3 of 4 files are not what was recorded" in finding.text
    assert "gone (resource 1): is not in the store" in finding.text
    assert "grown (resource 1): has 4 bytes, but 3 were recorded" in finding.text
    assert "other (resource 1): has been overwritten" in finding.text
    assert "there" not in finding.text


def test_many_files_that_are_gone_are_counted(case: Case) -> None:
    files = [RecordedFile(key=f"gone-{number}", shown=f"f{number}", size_bytes=1) for number in range(9)]

    (finding,) = examine_files(case, files, 9)

    assert finding.text.endswith(" and 4 more")


def test_a_store_that_does_not_say_is_no_loss(case: Case, s3_server: RunningServer) -> None:
    file = stored(case, "there", b"abc")
    s3_server.faults.add("HeadObject", status=403)

    (finding,) = examine_files(case, [file], 1)

    assert (finding.state, "s3:GetObject" in finding.mend) == ("look", True)


def test_uploads_that_should_be_gone_are_counted(make_case: MakeCase, front: StoreFront) -> None:
    case = make_case(s3_endpoint=front.endpoint)
    case.store.client().create_multipart_upload(Bucket=BUCKET, Key="young")
    (finding,) = examine_unfinished(case, "ckan s3multipart janitor")
    assert (finding.state, finding.text) == ("ok", "there are no leftover uploads")

    def aged(asked: Asked, said: Said) -> None:
        if "uploads" in asked.query and asked.method == "GET":
            today, then = datetime.now(timezone.utc), datetime.now(timezone.utc) - timedelta(days=9)
            said.body = said.body.replace(f"{today:%Y-%m-%d}".encode(), f"{then:%Y-%m-%d}".encode())

    front.alter = aged
    (finding,) = examine_unfinished(case, "ckan s3multipart janitor")

    assert (finding.state, finding.mend) == ("look", "ckan s3multipart janitor")
    assert "1 unfinished uploads are older than this portal keeps its own" in finding.text


def test_keys_that_may_not_list_uploads_are_told(case: Case, s3_server: RunningServer) -> None:
    s3_server.faults.add("ListMultipartUploads", status=403)

    (finding,) = examine_unfinished(case, "janitor")

    assert "s3:ListBucketMultipartUploads" in finding.mend
