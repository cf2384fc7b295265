"""Taking files over: whole or not at all, by whoever gets to it, however often it is interrupted."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from callers import MIB, Caller
from ckan import model
from session_writers import (
    PUBLISHED,
    adoption_of,
    listed,
    read,
    row_of,
    save,
    stored_under,
    writer,
)

from ckanext.s3multipart.model import now
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.uploads import adoption
from ckanext.s3multipart.uploads.adoption import take_over
from s3portal.server.testing import RunningServer
from s3portal.transfer import CopySource, SourceChanged, Store, Upload, copy_step, list_uploads

Setting = Callable[[str, object], None]


class TestTakingOver:
    @pytest.fixture
    def waiting(self, publisher: Caller, s3_server: RunningServer) -> dict:
        """A file that was found and is not copied yet."""
        writer(publisher).put("rivers.csv", PUBLISHED)
        s3_server.faults.add("CopyObject", status=403, first=1)
        [upload] = listed(publisher)
        assert upload["state"] == "adopting"
        return upload

    def test_until_then_it_cannot_be_attached(self, publisher: Caller, waiting: dict) -> None:
        answer = save(publisher, waiting)

        assert (answer.status, answer.error["code"]) == (503, "being_taken_over")
        assert "taking it over" in answer.error["message"]
        assert answer.error["retry_after_s"] > 0

    def test_a_file_that_changes_in_the_meantime_is_not_taken_for_the_first(
        self, publisher: Caller, waiting: dict
    ) -> None:
        own = writer(publisher)
        own.put("rivers.csv", b"another")

        uploads = {upload["size"]: upload for upload in listed(publisher)}

        assert row_of(waiting).state == "aborted"
        assert read(publisher, publisher.attach(uploads[7])) == b"another"

    def test_a_file_that_was_discarded_in_the_meantime_leaves_nothing(
        self, publisher: Caller, waiting: dict
    ) -> None:
        target = row_of(waiting).key
        publisher.do("s3multipart_upload_abort", id=waiting["id"])

        assert take_over(waiting["id"], 60) is True
        assert stored_under(target) == []

    def test_discarded_while_it_is_copied(
        self, publisher: Caller, waiting: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = row_of(waiting).key

        def copied_and_discarded(*args: object, **kwargs: object):
            copied = copy_step(*args, **kwargs)
            publisher.do("s3multipart_upload_abort", id=waiting["id"])
            # What an abort of another process did not see.
            copy_step(*args, **kwargs)
            return copied

        monkeypatch.setattr(adoption, "copy_step", copied_and_discarded)
        assert take_over(waiting["id"], 60) is True

        assert row_of(waiting).state == "aborted"
        assert stored_under(target) == []

    def test_killed_between_the_copy_and_its_row_nothing_is_lost(
        self, publisher: Caller, waiting: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException):
            """The process ends."""

        def killed(*_: object) -> None:
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(adoption, "_finish", killed)
            # A process that was killed gives nothing back.
            patched.setattr(adoption, "_release_lease", lambda _: model.Session.remove())
            with pytest.raises(Killed):
                take_over(waiting["id"], 60)
        assert take_over(waiting["id"], 60) is False

        _let_lease_end(waiting)
        assert take_over(waiting["id"], 60) is True
        assert read(publisher, publisher.attach(waiting)) == PUBLISHED

    @pytest.mark.parametrize("end", ["copied", "joined", "source gone"])
    def test_kept_waiting_for_longer_than_the_lease_it_removes_nothing_that_another_one_published(
        self, publisher: Caller, waiting: dict, monkeypatch: pytest.MonkeyPatch, end: str
    ) -> None:
        """A store that hangs may keep a request longer than a lease lasts, and answer it then."""
        published: list[dict] = []

        def late(store: Store, source: CopySource, target: Upload, **arguments: Any) -> Upload:
            # Only this process is kept waiting.
            monkeypatch.setattr(adoption, "copy_step", copy_step)
            if end == "joined":
                target = copy_step(store, source, target, whole_bytes=0, **arguments)
            _let_lease_end(waiting)
            assert take_over(waiting["id"], 60) is True
            published.append(publisher.attach(waiting))
            if end == "source gone":
                raise SourceChanged
            return target if end == "joined" else copy_step(store, source, target, **arguments)

        monkeypatch.setattr(adoption, "copy_step", late)

        assert take_over(waiting["id"], 60) is True
        assert read(publisher, published[0]) == PUBLISHED
        assert list(list_uploads(portal_store(), row_of(waiting).key)) == []

    def test_copied_by_many_at_once(self, publisher: Caller, waiting: dict) -> None:
        def in_a_thread(_: int) -> bool:
            try:
                return take_over(waiting["id"], 60)
            finally:
                model.Session.remove()

        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(in_a_thread, range(4)))

        assert any(done)
        assert read(publisher, publisher.attach(waiting)) == PUBLISHED

    def test_raced_with_writes_it_is_one_whole_file(self, publisher: Caller) -> None:
        own = writer(publisher)
        contents = [bytes([65 + number]) * MIB for number in range(8)]
        for content in contents:
            own.put("race.bin", content)
            with ThreadPoolExecutor(2) as pool:
                writing = pool.submit(own.put, "race.bin", content.lower())
                looking = pool.submit(listed, publisher)
                writing.result(), looking.result()

        for upload in listed(publisher):
            if upload["state"] == "completed":
                content = read(publisher, publisher.attach(upload))
                assert len(set(content)) == 1
                assert len(content) == MIB

    def test_a_background_job_does_the_rest(self, publisher: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(adoption, "_SMALL_BYTES", 1)
        asked: list[list[str]] = []
        monkeypatch.setattr(adoption.tk, "enqueue_job", lambda job, args, **_: asked.append([job, *args]))
        writer(publisher).put("rivers.csv", PUBLISHED)
        [upload] = listed(publisher)
        listed(publisher)
        assert upload["state"] == "adopting"

        # Once, however often the publisher looks.
        [(job, upload_id)] = asked
        job(upload_id)

        assert read(publisher, publisher.attach(upload)) == PUBLISHED

    def test_a_job_does_not_wait_for_another_by_asking_for_itself(
        self, waiting: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[object] = []
        monkeypatch.setattr(adoption.tk, "enqueue_job", lambda *args, **_: asked.append(args))
        adoption_of(waiting).lease_until = now() + timedelta(minutes=1)
        model.Session.commit()

        adoption.continue_in_background(waiting["id"])

        assert asked == []

    def test_without_redis_nothing_fails(self, publisher: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_redis(*_: object, **__: object) -> None:
            raise ConnectionError("Redis is away")

        monkeypatch.setattr(adoption, "_SMALL_BYTES", 1)
        monkeypatch.setattr(adoption.tk, "enqueue_job", no_redis)
        writer(publisher).put("rivers.csv", PUBLISHED)

        assert listed(publisher)[0]["state"] == "adopting"

    def test_a_process_that_dies_while_it_gives_one_up_leaves_nothing(
        self, publisher: Caller, waiting: dict
    ) -> None:
        sweep()
        target = row_of(waiting).key
        assert stored_under(target) == [target]
        row = row_of(waiting)
        row.state, row.lease_token, row.lease_until = "aborting", "dead", now() - timedelta(hours=1)
        model.Session.commit()

        publisher.do("s3multipart_upload_abort", id=waiting["id"])

        assert row_of(waiting).state == "aborted"
        assert stored_under(target) == []

    def test_a_refused_one_is_never_taken_for_a_completed_one(
        self, publisher: Caller, setting: Setting, s3_server: RunningServer
    ) -> None:
        setting("denied_types", "html")
        writer(publisher).put("page.html", b"<script>")
        [upload] = listed(publisher)
        row = row_of(upload)
        row.state, row.lease_token, row.lease_until = "aborting", "dead", now() - timedelta(hours=1)
        model.Session.commit()
        s3_server.faults.add("DeleteObject", status=403, first=1)

        assert publisher.call("s3multipart_upload_abort", id=upload["id"]).status == 502

        assert save(publisher, upload).status == 409
        assert publisher.call("s3multipart_upload_complete", id=upload["id"]).status == 409

    def test_the_janitor_does_what_no_job_did(self, publisher: Caller, waiting: dict) -> None:
        sweep()

        assert row_of(waiting).state == "completed"
        assert adoption_of(waiting) is not None


def _let_lease_end(upload: dict) -> None:
    adoption_of(upload).lease_until = None
    model.Session.commit()
