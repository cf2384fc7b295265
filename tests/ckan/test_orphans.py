"""Objects without rows and rows without objects: both are found, and only what is certainly ours and safe
goes."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from callers import Caller, new_sysadmin
from ckan import model
from kept_uploads import state_of, states

from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.model import UploadRow, attached_upload
from ckanext.s3multipart.settings import portal_host, portal_store
from ckanext.s3multipart.upkeep import orphan_removal, orphans, unknown_uploads
from ckanext.s3multipart.upkeep.merging import OutOfOrder, unmatched
from ckanext.s3multipart.upkeep.orphan_findings import Orphan
from ckanext.s3multipart.upload_states import RowState
from s3portal.server.testing import RunningServer
from s3portal.transfer import format_size

Setting = Callable[[str, object], None]
Run = Callable[..., list[dict]]


@pytest.fixture(autouse=True)
def prefix(setting: Setting) -> str:
    """A prefix of the test's own, in a bucket that all tests share."""
    folder = f"site-{uuid.uuid4()}"
    setting("s3_prefix", folder)
    return folder


@pytest.fixture
def weeks_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever there is has been there for weeks."""
    monkeypatch.setattr(orphans, "_youngest", lambda: timedelta(0))
    monkeypatch.setattr(orphans, "LEFT_ALONE_FOR", timedelta(0))


@pytest.fixture
def run(cli, prefix: str) -> Run:
    """Runs the command; returns what it found under the test's prefix."""

    def run(*options: str, exits: int = 0) -> list[dict]:
        model.Session.remove()
        said = cli.invoke(s3multipart, ["orphans", "--json", *options])
        found = [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]
        mine = [each for each in found if each.get("key", "").startswith(prefix)]
        # Rows of other tests, with keys elsewhere, may have lost their objects.
        assert said.exit_code == exits or (len(mine) < len(found) - 1 and exits == 0), said.output
        return mine

    return run


def put(key: str, **metadata: str) -> str:
    store = portal_store()
    store.client().put_object(Bucket=store.bucket, Key=key, Body=b"1,2", Metadata=metadata)
    return key


def is_there(key: str) -> bool:
    listed = portal_store().client().list_objects_v2(Bucket=portal_store().bucket, Prefix=key)
    return any(each["Key"] == key for each in listed.get("Contents", []))


def left_object(caller: Caller, prefix: str) -> str:
    """An object as an upload leaves it whose row is gone."""
    upload_id = str(uuid.uuid4())
    key = f"{prefix}/{caller.organisation_id}/{caller.dataset}/{upload_id}/rivers.csv"
    return put(key, portal=portal_host(), upload=upload_id)


def lose_object(key: str) -> None:
    portal_store().client().delete_object(Bucket=portal_store().bucket, Key=key)


def test_where_all_is_well_nothing_is_found(run: Run, publisher: Caller, weeks_later: None) -> None:
    publisher.publish()
    publisher.upload(filename="completed.csv")
    publisher.begin(filename="unfinished.csv")

    assert run() == []
    assert run("--apply") == []
    assert states(publisher) == [RowState.ATTACHED, RowState.COMPLETED, RowState.UPLOADING]


class TestObjects:
    def test_one_that_no_row_needs_is_found_and_goes_when_asked(
        self, run: Run, publisher: Caller, prefix: str, weeks_later: None
    ) -> None:
        resource = publisher.publish()
        key = left_object(publisher, prefix)

        [found] = run(exits=1)
        assert (found["kind"], found["key"], found["safe"], found["size_bytes"]) == ("object", key, True, 3)
        assert is_there(key), "nothing is changed without --apply"
        run("--apply")

        assert not is_there(key)
        assert publisher.follow(resource["url"]).content == b"1,2"

    def test_so_does_one_that_everybody_reaches(
        self, run: Run, publisher: Caller, prefix: str, weeks_later: None
    ) -> None:
        key = left_object(publisher, f"{prefix}/public")

        [found] = run("--apply")

        assert (found["key"], found["safe"], is_there(key)) == (key, True, False)

    def test_one_that_a_link_leads_to_is_named_and_stays(
        self, run: Run, publisher: Caller, prefix: str, weeks_later: None
    ) -> None:
        """As when a migration that adopted it is reverted."""
        key = left_object(publisher, prefix)
        url = f"https://s3.example.org/{portal_store().bucket}/{key}"
        link = publisher.do("resource_create", package_id=publisher.dataset, url=url)

        [found] = run("--apply", exits=1)

        assert (found["safe"], found["why"]) == (False, f"the URL of resource {link['id']} leads to it")
        assert is_there(key)

    def test_young_ones_are_left_alone(self, run: Run, publisher: Caller, prefix: str) -> None:
        key = left_object(publisher, prefix)

        assert run("--apply") == []
        assert is_there(key)

    @pytest.mark.parametrize(
        "make",
        [
            lambda caller, prefix: f"{prefix}/readme.txt",
            lambda caller, prefix: f"{prefix}/{caller.organisation_id}/{caller.dataset}/notes/rivers.csv",
            lambda caller, prefix: f"{prefix}/{uuid.uuid4()}/{uuid.uuid4()}/{uuid.uuid4()}/rivers.csv",
        ],
    )
    def test_what_is_not_certainly_ours_is_named_and_stays(
        self, run: Run, publisher: Caller, prefix: str, weeks_later: None, make: Callable[[Caller, str], str]
    ) -> None:
        key = put(make(publisher, prefix))

        [found] = run("--apply", exits=1)

        assert (found["key"], found["safe"]) == (key, False)
        assert is_there(key)

    def test_those_of_another_portal_stay(
        self, run: Run, publisher: Caller, prefix: str, weeks_later: None
    ) -> None:
        upload_id = str(uuid.uuid4())
        key = f"{prefix}/{publisher.organisation_id}/{publisher.dataset}/{upload_id}/rivers.csv"
        put(key, portal="other.example.org", upload=upload_id)

        [found] = run("--apply", exits=1)

        assert "other.example.org" in found["why"]
        assert is_there(key)

    def test_keys_outside_the_prefix_are_not_even_looked_at(
        self, run: Run, publisher: Caller, prefix: str, weeks_later: None
    ) -> None:
        key = left_object(publisher, f"{prefix}-beside")

        assert run("--apply") == []
        assert is_there(key)

    def test_what_session_credentials_wrote_is_the_janitors_affair(
        self, run: Run, publisher: Caller, weeks_later: None
    ) -> None:
        folder = publisher.do("s3multipart_credentials", owner=publisher.dataset)["prefix"]
        key = put(f"{folder}rivers.csv")

        assert run("--apply") == []
        assert is_there(key)

    def test_one_that_got_a_row_meanwhile_stays(
        self, run: Run, publisher: Caller, weeks_later: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the look and the removal."""
        resource = publisher.publish()
        row = attached_upload(resource["id"])
        key, upload_id = row.key, row.id
        model.Session.query(UploadRow).filter_by(id=upload_id).update({"key": "elsewhere"})
        model.Session.commit()
        remove = orphan_removal.remove_orphans

        def remove_later(found) -> None:
            model.Session.query(UploadRow).filter_by(id=upload_id).update({"key": key})
            model.Session.commit()
            remove(found)

        monkeypatch.setattr("ckanext.s3multipart.upkeep.orphans_cli.remove_orphans", remove_later)
        [found] = [each for each in run("--apply", exits=1) if each["kind"] == "object"]

        assert (found["key"], found["safe"]) == (key, True)
        assert is_there(key)

    def test_nothing_goes_on_a_listing_that_did_not_finish(
        self, run: Run, publisher: Caller, prefix: str, weeks_later: None, monkeypatch: pytest.MonkeyPatch,
        s3_server: RunningServer,
    ) -> None:  # fmt: skip
        keys = [left_object(publisher, prefix) for _ in range(3)]
        page = orphans.list_page
        pages = []

        def one_page(store, folder, start_after):
            if pages:
                s3_server.faults.add("ListObjectsV2", status=503)
            pages.append(start_after)
            return page(store, folder, start_after, most=1)

        monkeypatch.setattr(orphans, "list_page", one_page)

        run("--apply", exits=2)

        s3_server.faults.clear()
        assert len(pages) > 1
        assert all(is_there(key) for key in keys)

    def test_a_copy_of_another_sites_database_removes_nothing(
        self, run: Run, publisher: Caller, prefix: str, weeks_later: None, setting: Setting, cli
    ) -> None:
        key = left_object(publisher, prefix)
        run(exits=1)
        cli.invoke(s3multipart, ["janitor", "--dry-run"])
        setting("site", "copy.example.org")

        said = cli.invoke(s3multipart, ["orphans", "--apply"])

        assert "belongs to" in said.output
        assert is_there(key)


class TestRows:
    def test_a_published_file_that_is_gone_is_named_and_its_row_stays(
        self, run: Run, publisher: Caller, weeks_later: None
    ) -> None:
        resource = publisher.publish(filename="lost.csv")
        lose_object(attached_upload(resource["id"]).key)

        [found] = run("--apply", exits=1)

        assert (found["kind"], found["safe"]) == ("row", False)
        assert "lost.csv" in found["why"]
        assert states(publisher) == [RowState.ATTACHED]

    def test_one_that_was_never_saved_is_given_up(
        self, run: Run, publisher: Caller, weeks_later: None
    ) -> None:
        upload = publisher.upload()
        lose_object(model.Session.get(UploadRow, upload["id"]).key)

        [found] = run(exits=1)
        assert (found["kind"], found["safe"]) == ("row", True)
        run("--apply")

        assert state_of(upload) == RowState.ABORTED

    def test_an_upload_that_is_under_way_is_no_orphan(
        self, run: Run, publisher: Caller, weeks_later: None
    ) -> None:
        publisher.begin()
        assert run("--apply") == []
        assert states(publisher) == [RowState.UPLOADING]

    def test_rows_with_keys_outside_of_the_prefix_are_looked_at_too(
        self, run: Run, publisher: Caller, setting: Setting, cli
    ) -> None:
        resource = publisher.publish()
        key = attached_upload(resource["id"]).key
        setting("s3_prefix", "another")
        lose_object(key)

        said = cli.invoke(s3multipart, ["orphans", "--json"])

        assert key in [
            json.loads(line).get("key") for line in said.stdout.splitlines() if line.startswith("{")
        ]


class TestMultipartUploads:
    def begin(self, key: str) -> str:
        store = portal_store()
        upload_id = store.client().create_multipart_upload(Bucket=store.bucket, Key=key)["UploadId"]
        for number in (1, 2):
            store.client().upload_part(
                Bucket=store.bucket,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=bytes(5 * 1024 * 1024),
            )
        return str(upload_id)

    def listed(self, prefix: str) -> list[str]:
        store = portal_store()
        listed = store.client().list_multipart_uploads(Bucket=store.bucket, Prefix=prefix)
        return [each["Key"] for each in listed.get("Uploads", [])]

    def test_they_are_named_with_size_and_age_and_only_ours_go(
        self, run: Run, publisher: Caller, prefix: str, weeks_later: None
    ) -> None:
        foreign = f"{prefix}/backup.tar"
        ours = f"{prefix}/{publisher.organisation_id}/{publisher.dataset}/{uuid.uuid4()}/a.csv"
        self.begin(foreign)
        self.begin(ours)

        found = {each["key"]: each for each in run("--apply", exits=1)}

        assert found[foreign]["size_bytes"] == 10 * 1024 * 1024
        assert (found[foreign]["safe"], found[ours]["safe"]) == (False, True)
        assert found[foreign]["since"].startswith("20")
        assert self.listed(prefix) == [foreign]

    def test_the_janitor_says_how_much_they_hold(
        self, publisher: Caller, prefix: str, monkeypatch: pytest.MonkeyPatch, cli
    ) -> None:
        monkeypatch.setattr(unknown_uploads, "LEFT_ALONE_FOR", timedelta(0))
        self.begin(f"{prefix}/backup.tar")

        said = cli.invoke(s3multipart, ["janitor", "--dry-run"], catch_exceptions=False)

        held = format_size(10 * 1024 * 1024)
        assert (
            f"1 unfinished uploads under the prefix may not be ours ({held}, the oldest since 20"
            in said.output
        )


def test_people_read_sentences(publisher: Caller, prefix: str, weeks_later: None, cli) -> None:
    key = left_object(publisher, prefix)

    said = cli.invoke(s3multipart, ["orphans"])

    assert f"{key}: no row needs it" in said.output
    assert "1 times object without a row, 3 bytes; --apply removes 1" in said.output


class TestMerging:
    def test_what_only_one_side_has_comes_in_the_order_of_bytes(self) -> None:
        left = ["a", "b", "ü", "\uffff", "\U0001f600"]
        right = ["a", "a", "c", "ü", "\U0001f600"]

        found = list(unmatched(left, str, right, str))

        assert found == [("b", None), (None, "c"), ("\uffff", None)]

    def test_of_either_side_nothing_is_held(self) -> None:
        def numbers(step: int) -> Iterator[str]:
            return (f"{number:09}" for number in range(0, 300_000, step))

        assert sum(1 for _ in unmatched(numbers(1), str, numbers(3), str)) == 200_000

    def test_a_list_that_is_out_of_order_proves_nothing(self) -> None:
        with pytest.raises(OutOfOrder):
            list(unmatched(["b", "a"], str, [], str))


def test_the_list_of_findings_is_on_the_disk() -> None:
    from ckanext.s3multipart.upkeep.orphan_findings import OrphanList

    with OrphanList() as found:
        for number in range(3):
            found.add(Orphan("object", f"k{number}", number, "2026", safe=number > 0, why=""))
        assert [each.key for each in found] == ["k0", "k1", "k2"]
        assert [each.size_bytes for each in found] == [0, 1, 2], "as often as one likes"
    assert (found.report.objects.found, found.report.objects.safe, found.report.objects.size_bytes) == (
        3,
        2,
        3,
    )


def test_removed_files_are_no_orphans_of_either_kind(
    run: Run, portal, publisher: Caller, weeks_later: None
) -> None:
    publisher.publish()
    new_sysadmin(portal).do("dataset_purge", id=publisher.dataset)
    assert states(publisher) == [RowState.REMOVED]

    assert run("--apply") == []
