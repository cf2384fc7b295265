"""Session credentials of an upload, kept beyond completion, attaching and the permission, change nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from botocore.exceptions import ClientError
from callers import Caller
from ckan import model
from session_writers import (
    PUBLISHED,
    Writer,
    complete_with,
    denied,
    key_of,
    let_time_pass,
    listed,
    new_colleague,
    read,
    row_of,
    send_part,
    stored_under,
    withdraw,
    writer,
    writes,
)

from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.uploads import session_prefixes
from ckanext.s3multipart.uploads.session_model import UPLOAD, SessionGrant
from s3portal.server.testing import RunningServer

Setting = Callable[[str, object], None]


@pytest.fixture
def not_enforced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is one that does not keep credentials to parts, as MinIO and Ceph RGW 16."""
    monkeypatch.setattr(session_prefixes, "keeps_to_parts", lambda *_: False)


class TestKeysOfAnUpload:
    def test_they_send_parts_and_create_nothing(self, publisher: Caller) -> None:
        upload = publisher.create(size=3).result["upload"]
        own = writer(publisher, id=upload["id"])

        sent = send_part(own, row_of(upload).s3_upload_id)

        assert denied(lambda: own.client.put_object(Bucket=own.bucket, Key=own.scope, Body=b"forged"))
        assert denied(lambda: complete_with(own, row_of(upload).s3_upload_id, sent))
        assert denied(
            lambda: own.client.copy_object(
                Bucket=own.bucket, Key=own.scope, CopySource={"Bucket": own.bucket, "Key": own.scope}
            )
        )
        assert stored_under(own.scope) == []
        assert publisher.do("s3multipart_upload_complete", id=upload["id"])["state"] == "completed"
        # Kept to parts, so there is nothing to copy.
        assert row_of(upload).key == own.scope

    def test_kept_beyond_completion_they_change_nothing(self, publisher: Caller) -> None:
        upload, own, sent = _uploaded_with_keys(publisher)
        completed = publisher.do("s3multipart_upload_complete", id=upload["id"])
        resource = publisher.attach(completed)

        _try_everything(own, row_of(upload).s3_upload_id, sent)

        assert read(publisher, resource) == PUBLISHED

    @pytest.mark.usefixtures("not_enforced")
    class TestWhereTheStoreDoesNotEnforceIt:
        def test_the_file_is_published_where_they_do_not_reach(self, publisher: Caller) -> None:
            upload, own, sent = _uploaded_with_keys(publisher)
            completed = publisher.do("s3multipart_upload_complete", id=upload["id"])
            assert completed["state"] == "completed"
            assert row_of(upload).key != own.scope
            resource = publisher.attach(completed)

            _try_everything(own, "", sent)
            own.client.put_object(Bucket=own.bucket, Key=own.scope, Body=b"forged")

            assert read(publisher, resource) == PUBLISHED
            assert all(denied(attempt) for attempt in writes(own, key_of(resource)).values())

        def test_completing_again_gives_the_same_answer(self, publisher: Caller) -> None:
            upload, own, _ = _uploaded_with_keys(publisher)
            first = publisher.do("s3multipart_upload_complete", id=upload["id"])
            own.client.put_object(Bucket=own.bucket, Key=own.scope, Body=b"forged")

            assert publisher.do("s3multipart_upload_complete", id=upload["id"]) == first

        def test_its_own_holder_completes_first(self, publisher: Caller) -> None:
            """With the upload's own parts: the portal finds the object, and takes it over."""
            upload, own, sent = _uploaded_with_keys(publisher)
            complete_with(own, row_of(upload).s3_upload_id, sent)

            completed = publisher.do("s3multipart_upload_complete", id=upload["id"])

            assert read(publisher, publisher.attach(completed)) == PUBLISHED

        def test_an_object_that_was_put_there_before_is_not_the_file(self, publisher: Caller) -> None:
            upload, own, _ = _uploaded_with_keys(publisher)
            own.client.put_object(Bucket=own.bucket, Key=own.scope, Body=b"forged")

            completed = publisher.do("s3multipart_upload_complete", id=upload["id"])

            assert read(publisher, publisher.attach(completed)) == PUBLISHED

        def test_until_it_is_taken_over_the_publisher_is_told(
            self, publisher: Caller, s3_server: RunningServer
        ) -> None:
            upload, _, _ = _uploaded_with_keys(publisher)
            s3_server.faults.add("CopyObject", status=403, first=1)
            answer = publisher.call("s3multipart_upload_complete", id=upload["id"])
            assert answer.status == 502

            assert listed(publisher)[0]["state"] in ("adopting", "completed")
            assert publisher.do("s3multipart_upload_complete", id=upload["id"])["state"] == "completed"

        def test_a_file_that_is_written_over_before_it_is_taken_over_is_not_published(
            self, publisher: Caller, s3_server: RunningServer
        ) -> None:
            upload, own, _ = _uploaded_with_keys(publisher)
            s3_server.faults.add("CopyObject", status=403, first=1)
            assert publisher.call("s3multipart_upload_complete", id=upload["id"]).status == 502
            own.client.put_object(Bucket=own.bucket, Key=own.scope, Body=b"forged")

            answer = publisher.call("s3multipart_upload_complete", id=upload["id"])

            assert (answer.status, answer.error["code"]) == (409, "source_changed")
            assert row_of(upload).state == "aborted"

        def test_what_they_wrote_goes_in_the_end(self, publisher: Caller) -> None:
            upload, own, _ = _uploaded_with_keys(publisher)
            resource = publisher.attach(publisher.do("s3multipart_upload_complete", id=upload["id"]))
            own.client.put_object(Bucket=own.bucket, Key=own.scope, Body=b"forged")

            let_time_pass(publisher)
            sweep()

            assert stored_under(own.scope) == []
            assert read(publisher, resource) == PUBLISHED

    def test_credentials_that_were_issued_before_the_store_enforced_it_count(
        self, publisher: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = publisher.create(size=len(PUBLISHED)).result["upload"]
        with monkeypatch.context() as patched:
            patched.setattr(session_prefixes, "keeps_to_parts", lambda *_: False)
            own = writer(publisher, id=upload["id"])
        send_part(writer(publisher, id=upload["id"]), row_of(upload).s3_upload_id, PUBLISHED)

        completed = publisher.do("s3multipart_upload_complete", id=upload["id"])

        own.client.put_object(Bucket=own.bucket, Key=own.scope, Body=b"forged")
        assert read(publisher, publisher.attach(completed)) == PUBLISHED

    def test_uploads_that_they_begin_beside_go_in_the_end(self, publisher: Caller) -> None:
        upload, own, _ = _uploaded_with_keys(publisher)
        own.client.create_multipart_upload(Bucket=own.bucket, Key=own.scope)
        resource = publisher.attach(publisher.do("s3multipart_upload_complete", id=upload["id"]))

        let_time_pass(publisher)
        sweep()

        left = portal_store().client().list_multipart_uploads(Bucket=own.bucket, Prefix=own.scope)
        assert left.get("Uploads", []) == []
        assert read(publisher, resource) == PUBLISHED

    def test_an_unfinished_upload_keeps_its_parts(self, publisher: Caller) -> None:
        upload, _, _ = _uploaded_with_keys(publisher)
        let_time_pass(publisher)

        sweep()

        assert publisher.do("s3multipart_upload_complete", id=upload["id"])["state"] == "completed"

    def test_none_are_given_out_while_it_is_completed(self, publisher: Caller) -> None:
        """Whoever asks at the same moment is refused, or known to completion."""
        for _ in range(5):
            upload = publisher.begin(PUBLISHED)
            with ThreadPoolExecutor(2) as pool:
                completing = pool.submit(publisher.call, "s3multipart_upload_complete", id=upload["id"])
                issuing = pool.submit(publisher.call, "s3multipart_credentials", id=upload["id"])
                completed, issued = completing.result(), issuing.result()
            assert completed.status == 200
            grants = model.Session.query(SessionGrant).filter_by(kind=UPLOAD, upload_id=upload["id"]).count()
            model.Session.rollback()
            assert (issued.status, grants) in ((200, 1), (409, 0))

    def test_a_former_editor_completes_and_gets_nothing(self, portal, publisher: Caller) -> None:
        former = new_colleague(portal, publisher)
        upload, _, _ = _uploaded_with_keys(former)
        withdraw(former)

        assert former.call("s3multipart_upload_complete", id=upload["id"]).status == 403
        assert former.call("s3multipart_credentials", id=upload["id"]).status == 403
        assert former.call("s3multipart_upload_sign_parts", id=upload["id"], part_numbers=[1]).status == 403


def _uploaded_with_keys(caller: Caller) -> tuple[dict, Writer, str]:
    """An upload whose one part was sent with its credentials, which are kept; also the part's ETag."""
    upload = caller.create(size=len(PUBLISHED)).result["upload"]
    own = writer(caller, id=upload["id"])
    return upload, own, send_part(own, row_of(upload).s3_upload_id, PUBLISHED)


def _try_everything(own: Writer, s3_upload_id: str, etag: str) -> None:
    """What somebody tries with the keys of an upload that is completed; an error is as good as a refusal."""
    begun = own.client.create_multipart_upload(Bucket=own.bucket, Key=own.scope)["UploadId"]
    part = send_part(own, begun, b"forged")
    for attempt in (
        lambda: complete_with(own, s3_upload_id or begun, etag),
        lambda: complete_with(own, begun, part),
        lambda: own.client.abort_multipart_upload(
            Bucket=own.bucket, Key=own.scope, UploadId=s3_upload_id or begun
        ),
        *writes(own, own.scope).values(),
        lambda: _put_by_url(own),
    ):
        try:
            attempt()
        except (ClientError, requests.HTTPError):
            continue


def _put_by_url(own: Writer) -> None:
    url = own.client.generate_presigned_url("put_object", Params={"Bucket": own.bucket, "Key": own.scope})
    requests.put(url, data=b"forged", timeout=60).raise_for_status()
