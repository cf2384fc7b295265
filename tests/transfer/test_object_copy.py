"""Taking a file over within the store: exactly what was found, or nothing, however often it is
interrupted."""

import uuid
from dataclasses import replace
from datetime import datetime, timezone
from hashlib import md5
from typing import Any

import pytest

from s3portal.server.testing import RunningServer
from s3portal.transfer import State, Store, Upload
from s3portal.transfer.errors import ContentDiffers, SourceChanged
from s3portal.transfer.lifecycle import abort_upload
from s3portal.transfer.object_copy import CopySource, copy_step
from s3portal.transfer.store_failures import StoreFailed

MIB = 1024 * 1024
METADATA = {"user": "anna", "dataset": "rivers"}


def put(
    store: Store, content: bytes, key: str = "s3portal-tests/prefix/rivers.csv", **arguments: Any
) -> CopySource:
    answer = store.client().put_object(Bucket=store.bucket, Key=key, Body=content, **arguments)
    return CopySource(key, answer["ETag"].strip('"'), len(content), answer.get("VersionId"))


def target_of(source: CopySource, filename: str = "Flüsse 2026.csv") -> Upload:
    moment = datetime.now(timezone.utc)
    return Upload(
        id="5f0c7f6e-5f3e-4b1e-9a39-5a2c8c3a7d10",
        state=State.ADOPTING,
        owner_type="dataset",
        owner_id="rivers",
        user="anna",
        filename=filename,
        size_bytes=source.size_bytes,
        content_type="text/csv",
        part_size_bytes=max(1, source.size_bytes),
        part_count=1,
        # A store that is not ours keeps what earlier tests wrote.
        key=f"s3portal-tests/{uuid.uuid4()}/{filename}",
        s3_upload_id="",
        created_at=moment,
        updated_at=moment,
        expires_at=moment,
    )


def copy(store: Store, source: CopySource, target: Upload, **limits: Any) -> Upload:
    """Copies to the end, as a portal does."""
    for _ in range(10):
        target = copy_step(store, source, target, metadata=METADATA, keep_going=lambda: True, **limits)
        if target.state == State.COMPLETED:
            return target
    raise AssertionError("it does not end")


def read(store: Store, key: str) -> dict[str, Any]:
    answer = store.client().get_object(Bucket=store.bucket, Key=key)
    return {**answer, "Body": answer["Body"].read()}


IN_PARTS = {"whole_bytes": 5 * MIB, "part_bytes": 5 * MIB}
CONTENT = bytes(range(256)) * (12 * MIB // 256) + b"end"


def in_parts(store: Store, content: bytes = CONTENT) -> tuple[CopySource, Upload]:
    source = put(store, content)
    return source, target_of(source)


class TestInOneRequest:
    def test_it_is_the_same_file(self, store: Store) -> None:
        source = put(store, b"gauge,level\n")

        copied = copy(store, source, target_of(source))

        assert read(store, copied.key)["Body"] == b"gauge,level\n"
        assert copied.etag == md5(b"gauge,level\n").hexdigest()
        assert copied.size_bytes == 12

    def test_it_says_of_itself_what_the_portals_objects_say(self, store: Store) -> None:
        source = put(
            store,
            b"<script>",
            ContentType="text/html",
            ContentDisposition="inline",
            Metadata={"upload": "forged"},
        )

        copied = read(store, copy(store, source, target_of(source)).key)

        assert copied["ContentType"] == "text/csv"
        assert copied["ContentDisposition"].startswith("attachment")
        assert copied["Metadata"]["upload"] == target_of(source).id
        assert copied["Metadata"]["user"] == "anna"

    def test_its_checksum_is_the_stores(self, store: Store) -> None:
        source = put(store, b"gauge,level\n")

        copied = copy(store, source, target_of(source))

        assert (copied.checksum_value is None) == (copied.checksum_algorithm is None)

    def test_an_empty_file(self, store: Store) -> None:
        source = put(store, b"")

        assert read(store, copy(store, source, target_of(source)).key)["Body"] == b""

    @pytest.mark.parametrize("key", ["a b/c+d.csv", "Flüsse/%2e%2e/x.csv", "?versionId=1#x", "a//b"])
    def test_odd_keys(self, store: Store, key: str) -> None:
        source = put(store, b"odd", key=key)

        assert read(store, copy(store, source, target_of(source)).key)["Body"] == b"odd"

    def test_done_again_it_is_the_same(self, store: Store) -> None:
        source = put(store, b"1,2")
        target = target_of(source)
        first = copy(store, source, target)

        assert replace(copy(store, source, target), updated_at=first.updated_at) == first

    def test_what_was_written_again_is_not_copied(self, store: Store) -> None:
        source = put(store, b"first")
        put(store, b"other")

        with pytest.raises(SourceChanged):
            copy(store, source, target_of(source))

    def test_what_is_gone_is_not_copied(self, store: Store) -> None:
        source = put(store, b"first")
        store.client().delete_object(Bucket=store.bucket, Key=source.key)

        with pytest.raises(SourceChanged):
            copy(store, source, target_of(source))

    def test_a_store_that_refuses_is_a_failure(self, store: Store, s3_server: RunningServer) -> None:
        source = put(store, b"first")
        s3_server.faults.add("CopyObject", status=403)

        with pytest.raises(StoreFailed):
            copy(store, source, target_of(source))


class TestInParts:
    def test_it_is_the_same_file(self, store: Store) -> None:
        source, target = in_parts(store)

        copied = copy(store, source, target, **IN_PARTS)

        assert read(store, copied.key)["Body"] == CONTENT
        assert copied.etag.endswith("-3")

    def test_nothing_is_there_before_all_of_it_is(self, store: Store) -> None:
        source, target = in_parts(store)

        begun = copy_step(store, source, target, metadata=METADATA, keep_going=lambda: False, **IN_PARTS)
        stopped = copy_step(store, source, begun, metadata=METADATA, keep_going=lambda: False, **IN_PARTS)

        assert begun.s3_upload_id
        assert stopped == begun
        assert store.client().list_objects_v2(Bucket=store.bucket, Prefix=target.key)["KeyCount"] == 0

    def test_what_was_copied_is_not_copied_again(self, store: Store, s3_server: RunningServer) -> None:
        source, target = in_parts(store)
        begun = copy_step(store, source, target, metadata=METADATA, keep_going=lambda: True, **IN_PARTS)
        budget = iter([True, True, False])
        copy_step(store, source, begun, metadata=METADATA, keep_going=lambda: next(budget), **IN_PARTS)
        before = len(s3_server.requests)

        copied = copy(store, source, begun, **IN_PARTS)

        since = [request.operation for request in s3_server.requests[before:]]
        assert since.count("UploadPartCopy") == 1
        assert read(store, copied.key)["Body"] == CONTENT

    def test_after_a_lost_answer_the_object_tells(self, store: Store, s3_server: RunningServer) -> None:
        source, target = in_parts(store)
        begun = copy_step(store, source, target, metadata=METADATA, keep_going=lambda: True, **IN_PARTS)
        first = copy(store, source, begun, **IN_PARTS)

        again = copy(store, source, begun, **IN_PARTS)

        assert replace(again, updated_at=first.updated_at) == first

    def test_an_upload_that_a_rule_aborted_is_begun_again(self, store: Store) -> None:
        source, target = in_parts(store)
        begun = copy_step(store, source, target, metadata=METADATA, keep_going=lambda: True, **IN_PARTS)
        abort_upload(store, begun)

        assert read(store, copy(store, source, begun, **IN_PARTS).key)["Body"] == CONTENT

    def test_a_source_that_changes_in_the_middle_is_no_mixture(self, store: Store) -> None:
        source, target = in_parts(store)
        begun = copy_step(store, source, target, metadata=METADATA, keep_going=lambda: True, **IN_PARTS)
        budget = iter([True, False])
        copy_step(store, source, begun, metadata=METADATA, keep_going=lambda: next(budget), **IN_PARTS)
        put(store, CONTENT[::-1])

        with pytest.raises(SourceChanged):
            copy(store, source, begun, **IN_PARTS)
        assert store.client().list_objects_v2(Bucket=store.bucket, Prefix=target.key)["KeyCount"] == 0

    def test_also_where_the_store_looks_at_no_condition(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source, target = in_parts(store)
        call = store.client()._make_api_call

        def unconditional(operation: str, arguments: dict[str, Any]) -> Any:
            arguments.pop("CopySourceIfMatch", None)
            return call(operation, arguments)

        monkeypatch.setattr(store.client(), "_make_api_call", unconditional)
        begun = copy_step(store, source, target, metadata=METADATA, keep_going=lambda: True, **IN_PARTS)
        put(store, CONTENT[::-1])

        with pytest.raises(SourceChanged):
            copy(store, source, begun, **IN_PARTS)
        assert store.client().list_objects_v2(Bucket=store.bucket, Prefix=target.key)["KeyCount"] == 0

    def test_its_checksum_is_that_of_the_whole_file(self, store: Store) -> None:
        source, target = in_parts(store)
        whole = put(store, CONTENT[:MIB], key="s3portal-tests/prefix/small")

        in_one, of_parts = copy(store, whole, target_of(whole)), copy(store, source, target, **IN_PARTS)

        assert of_parts.checksum_algorithm == in_one.checksum_algorithm


def test_a_foreign_object_under_the_key_is_not_taken_for_the_copy(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = in_parts(store)
    begun = copy_step(store, source, target, metadata=METADATA, keep_going=lambda: True, **IN_PARTS)
    abort_upload(store, begun)
    put(store, CONTENT, key=target.key)

    with pytest.raises(ContentDiffers):
        copy(store, source, begun, **IN_PARTS)
