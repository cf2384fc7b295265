"""What is written with session credentials and forms is found, counted and offered for attaching."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from hashlib import md5

import pytest
from callers import MIB, Caller
from ckan import model
from session_writers import (
    let_time_pass,
    listed,
    listed_by_name,
    new_colleague,
    post_form,
    row_of,
    stored_under,
    writer,
)

from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.uploads import discovery
from ckanext.s3multipart.uploads.quota import usage
from s3portal.server.testing import RunningServer
from s3portal.transfer import list_page

Setting = Callable[[str, object], None]


class TestFound:
    def test_a_file_is_offered_as_a_completed_upload(self, publisher: Caller) -> None:
        writer(publisher).put("2026/rivers.csv", b"gauge,level\n", ContentType="text/csv")

        [upload] = listed(publisher)

        assert (upload["state"], upload["filename"], upload["size"]) == ("completed", "rivers.csv", 12)
        assert (upload["content_type"], upload["stored_bytes"]) == ("text/csv", 12)
        assert upload["owner"] == {"type": "dataset", "id": publisher.dataset}

    def test_its_size_and_etag_are_the_stores(self, publisher: Caller) -> None:
        writer(publisher).put("rivers.csv", b"gauge,level\n")

        row = row_of(listed(publisher)[0])

        assert row.etag == md5(b"gauge,level\n").hexdigest()
        assert row.size_bytes == 12

    def test_it_becomes_the_file_of_a_resource(self, publisher: Caller) -> None:
        writer(publisher).put("rivers.csv", b"gauge,level\n")

        resource = publisher.attach(listed(publisher)[0], name="Gauges")

        assert publisher.follow(resource["url"]).content == b"gauge,level\n"
        assert (resource["size"], resource["format"]) == (12, "CSV")
        assert listed(publisher) == []

    def test_a_posted_file_too(self, publisher: Caller) -> None:
        assert post_form(publisher, b"posted").status_code == 204

        resource = publisher.attach(listed_by_name(publisher)["posted.csv"])

        assert publisher.follow(resource["url"]).content == b"posted"

    def test_a_file_that_was_sent_in_parts(self, publisher: Caller) -> None:
        own = writer(publisher)
        content = b"x" * (5 * MIB + 1)
        begun = own.client.create_multipart_upload(Bucket=own.bucket, Key=f"{own.scope}parts.bin")
        sent = [
            own.client.upload_part(
                Bucket=own.bucket,
                Key=begun["Key"],
                UploadId=begun["UploadId"],
                PartNumber=number,
                Body=part,
            )["ETag"]
            for number, part in ((1, content[: 5 * MIB]), (2, content[5 * MIB :]))
        ]
        assert listed(publisher) == []
        own.client.complete_multipart_upload(
            Bucket=own.bucket,
            Key=begun["Key"],
            UploadId=begun["UploadId"],
            MultipartUpload={"Parts": [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(sent, 1)]},
        )

        resource = publisher.attach(listed(publisher)[0])

        assert publisher.follow(resource["url"]).content == content

    def test_it_is_found_once(self, publisher: Caller) -> None:
        writer(publisher).put("rivers.csv")

        first, second = listed(publisher), listed(publisher)
        sweep()

        assert [upload["id"] for upload in second] == [first[0]["id"]]
        assert len(listed(publisher)) == 1

    def test_it_is_found_once_by_many_who_look(self, publisher: Caller) -> None:
        own = writer(publisher)
        for number in range(10):
            own.put(f"{number}.csv")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: listed(publisher), range(4)))

        assert sorted(upload["filename"] for upload in listed(publisher)) == [f"{n}.csv" for n in range(10)]

    def test_written_again_it_is_another_file(self, publisher: Caller) -> None:
        own = writer(publisher)
        own.put("rivers.csv", b"first")
        [first] = listed(publisher)
        own.put("rivers.csv", b"second!")

        uploads = {upload["size"]: upload for upload in listed(publisher)}

        assert set(uploads) == {5, 7}
        assert publisher.follow(publisher.attach(first)["url"]).content == b"first"
        assert publisher.follow(publisher.attach(uploads[7])["url"]).content == b"second!"

    def test_a_discarded_one_is_not_found_again(self, publisher: Caller) -> None:
        writer(publisher).put("rivers.csv")
        publisher.do("s3multipart_upload_abort", id=listed(publisher)[0]["id"])

        assert listed(publisher) == []
        sweep()
        assert listed(publisher) == []

    def test_others_do_not_see_it(self, portal, publisher: Caller) -> None:
        colleague = new_colleague(portal, publisher)
        writer(publisher).put("rivers.csv")
        listed(publisher)

        assert listed(colleague) == []

    def test_it_counts_against_the_quota(self, publisher: Caller) -> None:
        writer(publisher).put("rivers.csv", b"12345")
        listed(publisher)

        assert usage(publisher.organisation_id).used == 5

    def test_it_expires_as_an_upload_does(self, publisher: Caller) -> None:
        writer(publisher).put("rivers.csv")
        [upload] = listed(publisher)
        key = row_of(upload).key
        model.Session.query(UploadRow).filter_by(id=upload["id"]).update(
            {"expires_at": now() - timedelta(seconds=1)}
        )
        model.Session.commit()

        sweep()

        assert row_of(upload).state == "aborted"
        assert stored_under(key) == []

    def test_the_folders_that_some_programs_make_are_no_files(self, publisher: Caller) -> None:
        writer(publisher).put("folder/", b"")

        assert listed(publisher) == []

    def test_the_janitor_finds_it_too(self, publisher: Caller) -> None:
        writer(publisher).put("rivers.csv")

        assert sweep().found == 1

        [row] = model.Session.query(UploadRow).filter_by(owner_id=publisher.dataset)
        assert row.state == "completed"

    def test_a_store_that_fails_lets_the_others_be_listed(
        self, publisher: Caller, s3_server: RunningServer
    ) -> None:
        publisher.begin(filename="unfinished.csv")
        writer(publisher).put("rivers.csv")
        s3_server.faults.add("ListObjectsV2", status=403, first=1)

        assert set(listed_by_name(publisher)) == {"unfinished.csv"}

        assert set(listed_by_name(publisher)) == {"unfinished.csv", "rivers.csv"}

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("../../../other/rivers.csv", "rivers.csv"),
            ("..", "file"),
            ("a//b.csv", "b.csv"),
            ("%2e%2e%2fb.csv", "%2e%2e%2fb.csv"),
            ("?versionId=1#x.csv", "?versionId=1#x.csv"),
            ("Flüsse (2026) *.csv", "Flüsse (2026) *.csv"),
            ("tab\tname.csv", "tabname.csv"),
            ("gpj.\u202egnp.csv", "gpj.gnp.csv"),
            ("very/" * 100 + "long.csv", "long.csv"),
        ],
    )
    def test_odd_keys_stay_under_the_prefix(self, publisher: Caller, name: str, shown: str) -> None:
        own = writer(publisher)
        own.put(name, b"odd")

        [upload] = listed(publisher)

        assert upload["filename"] == shown
        assert stored_under(own.scope) == [own.scope + name]
        resource = publisher.attach(upload)
        assert (
            publisher.follow(f"/dataset/{publisher.dataset}/resource/{resource['id']}/download").content
            == b"odd"
        )

    def test_a_key_that_no_row_can_hold_keeps_nobody_from_the_others(self, publisher: Caller) -> None:
        own = writer(publisher)
        own.put("a\x00b.csv")
        own.put("rivers.csv")

        assert [upload["filename"] for upload in listed(publisher)] == ["rivers.csv"]
        assert sweep().failed == 0

        let_time_pass(publisher)
        assert sweep().cleared == 1
        assert stored_under(own.scope) == []
        assert publisher.attach(listed(publisher)[0])["size"] == 3

    def test_a_look_that_ends_at_such_a_key_goes_on(
        self, publisher: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(discovery, "list_page", partial(list_page, most=1))
        own = writer(publisher)
        for name in ("a\x00b.csv", "rivers.csv"):
            own.put(name)

        for _ in range(3):
            listed(publisher)
        sweep()

        assert [upload["filename"] for upload in listed(publisher)] == ["rivers.csv"]

    def test_more_than_a_page_are_all_found_in_the_end(
        self, publisher: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(discovery, "MAX_KEYS_A_PAGE", 60)
        monkeypatch.setattr(discovery, "list_page", partial(list_page, most=60))
        own = writer(publisher)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: own.put(f"{number:05}.csv", b"1"), range(200)))

        first = listed(publisher)
        assert 0 < len(first) <= 50
        assert sweep().found == 200 - len(first)
        assert len(listed(publisher)) == 200

    def test_what_is_known_is_not_asked_for_again(self, publisher: Caller, s3_server: RunningServer) -> None:
        writer(publisher).put("rivers.csv")
        listed(publisher)
        before = len(s3_server.requests)

        listed(publisher)

        assert [request.operation for request in s3_server.requests[before:]] == ["ListObjectsV2"]
