"""Files of public datasets without a signature, and the way back before a dataset turns private."""

import functools
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from callers import MIB, Answer, Caller, new_publisher, new_stranger, new_sysadmin
from ckan import authz, model
from local_cloudfront import LocalCloudFront
from served_portal import served
from shown_links import CONTENT, Setting

from ckanext.s3multipart.downloads import key_moves, public_files
from ckanext.s3multipart.downloads.key_moves import begin_move, continue_move
from ckanext.s3multipart.downloads.move_model import CLEARED, COPYING, KeyMove
from ckanext.s3multipart.downloads.public_files import publish, sweep_moves, withdraw
from ckanext.s3multipart.model import UploadRow, attached_upload, now
from ckanext.s3multipart.moving.mapping import FileState, OldPlace, ResourceChange, columns_of
from ckanext.s3multipart.moving.resources import find_resource
from ckanext.s3multipart.moving.rows import ResourceRows
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep.doctor import _examine_downloads
from s3portal.portal.migration import RowState, UnusableChange
from s3portal.server.pytest_plugin import BUCKET
from s3portal.server.testing import Fault, RunningServer
from s3portal.transfer import object_url


@pytest.fixture(autouse=True)
def public_mode(portal: Any, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The portal sends readers to public files without a signature, and the bucket lets them in."""
    setting("download_mode", "public")
    # No worker runs here; what a job would do, the tests do.
    monkeypatch.setattr(public_files, "_enqueue", lambda move_id: None)
    client = portal_store().client()
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/public/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    # The doctor of another test may have blocked public access.
    client.delete_public_access_block(Bucket=BUCKET)
    client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    yield
    client.delete_bucket_policy(Bucket=BUCKET)
    model.Session.rollback()
    model.Session.query(KeyMove).delete()
    model.Session.commit()


def row_of(resource: dict) -> UploadRow:
    model.Session.expire_all()
    row = attached_upload(resource["id"])
    assert row is not None
    return row


def published(publisher: Caller, content: bytes = CONTENT, **asked: Any) -> tuple[dict, str]:
    """A file that everybody reaches without a signature, and its address."""
    resource = publisher.publish(content, **asked)
    publish(row_of(resource))
    return resource, location(publisher, resource)


def location(caller: Caller, resource: dict) -> str:
    answer = caller.get(resource["url"])
    assert answer.status_code == 302, answer.get_data(as_text=True)[:500]
    return answer.headers["Location"]


def status(url: str) -> int:
    return requests.get(url, timeout=120).status_code


def turn_private(publisher: Caller) -> Answer:
    return publisher.call("package_patch", id=publisher.dataset, private=True)


def is_private(publisher: Caller) -> bool:
    return publisher.do("package_show", id=publisher.dataset)["private"]


def test_a_public_file_is_reached_without_a_signature(publisher: Caller, anonymous: Caller) -> None:
    resource = publisher.publish(CONTENT, filename="Flüsse.csv")
    before = location(anonymous, resource)

    publish(row_of(resource))
    url = location(anonymous, resource)
    answer = requests.get(url, timeout=120)

    assert "X-Amz-Signature" in before
    assert "?" not in url
    assert "/public/" in url
    assert answer.content == CONTENT
    assert answer.headers["Content-Disposition"].startswith("attachment")
    # What was handed out before works until it expires.
    assert requests.get(before, timeout=120).content == CONTENT
    assert publisher.head(resource["url"]).headers["ETag"] == answer.headers["ETag"]


def test_what_browsers_run_is_stored_as_something_to_save(publisher: Caller) -> None:
    _, url = published(publisher, b"<script>", filename="a.html", content_type="text/html")

    answer = requests.get(url, timeout=120)

    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_private_file_is_not_published(portal: Any) -> None:
    private = new_publisher(portal, private=True)
    resource = private.publish(CONTENT)

    publish(row_of(resource))
    url = location(private, resource)

    assert "X-Amz-Signature" in url
    assert status(object_url(portal_store(), row_of(resource).key)) == 403


def test_before_a_dataset_turns_private_its_files_are_out_of_reach(
    publisher: Caller, anonymous: Caller
) -> None:
    resource, url = published(publisher)
    assert status(url) == 200

    assert turn_private(publisher).status == 200

    assert status(url) in (403, 404)
    assert status(object_url(portal_store(), row_of(resource).key)) == 403
    assert anonymous.get(resource["url"]).status_code in (302, 403, 404)
    assert requests.get(location(publisher, resource), timeout=120).content == CONTENT


def test_there_and_back_again_each_time_with_a_new_key(publisher: Caller) -> None:
    resource, url = published(publisher)
    turn_private(publisher)
    publisher.do("package_patch", id=publisher.dataset, private=False)
    model.Session.query(KeyMove).filter_by(state=CLEARED).delete()
    model.Session.commit()

    publish(row_of(resource))
    again = location(publisher, resource)

    assert again != url
    assert (status(url) in (403, 404), status(again)) == (True, 200)


def test_a_change_that_would_take_long_is_refused_and_made_later(
    publisher: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_parts = functools.partial(key_moves.copy_step, whole_bytes=5 * MIB, part_bytes=5 * MIB)
    content = bytes(range(256)) * 4096 * 12
    resource, url = published(publisher, content, filename="large.bin")
    monkeypatch.setattr(key_moves, "copy_step", in_parts)
    monkeypatch.setattr(public_files, "PATIENCE_S", 0.0)
    monkeypatch.setattr(withdraw, "__defaults__", (0.0,))

    refused = turn_private(publisher)

    assert refused.status == 409
    assert "are being moved out of public reach first: 1 of 1 are left" in str(refused.error)
    assert not is_private(publisher)
    assert status(url) == 200

    monkeypatch.setattr(withdraw, "__defaults__", (60.0,))
    assert turn_private(publisher).status == 200
    assert status(url) in (403, 404)
    assert requests.get(location(publisher, resource), timeout=120).content == content


@pytest.mark.parametrize("operation", ["CopyObject", "DeleteObject"])
def test_a_store_that_fails_leaves_the_dataset_public(
    publisher: Caller, s3_server: RunningServer, operation: str
) -> None:
    resource, url = published(publisher)
    s3_server.faults.add_fault(Fault(operation, status=500))

    assert turn_private(publisher).status in (409, 502, 503)

    assert not is_private(publisher)
    assert requests.get(location(publisher, resource), timeout=120).content == CONTENT
    s3_server.faults.clear()
    for name in [name for name in portal_store()._opened if name[1].startswith("gate")]:
        portal_store()._opened.pop(name)
    assert turn_private(publisher).status == 200
    assert status(url) in (403, 404)


def test_no_other_way_leaves_a_file_behind(publisher: Caller) -> None:
    _, url = published(publisher)
    package = model.Package.get(publisher.dataset)
    package.private = True

    with pytest.raises(Exception, match="out of public reach"):
        model.Session.commit()

    model.Session.rollback()
    assert not model.Package.get(publisher.dataset).private
    assert status(url) == 200


def test_many_datasets_at_once(portal: Any, publisher: Caller) -> None:
    _, url = published(publisher)

    changed = new_sysadmin(portal).call(
        "bulk_update_private", datasets=[publisher.dataset], org_id=publisher.organisation_id
    )

    assert changed.status == 200, changed.body
    assert is_private(publisher)
    assert status(url) in (403, 404)


def test_who_may_not_change_the_dataset_moves_nothing(portal: Any, publisher: Caller) -> None:
    resource, url = published(publisher)
    key = row_of(resource).key

    for caller in (new_stranger(portal), Caller(portal)):
        assert caller.call("package_patch", id=publisher.dataset, private=True).status == 403
        package = publisher.do("package_show", id=publisher.dataset)
        assert caller.call("package_update", **{**package, "private": True}).status == 403

    assert row_of(resource).key == key
    assert status(url) == 200


def test_a_file_on_its_way_does_not_arrive_after_the_dataset_turned_private(publisher: Caller) -> None:
    resource = publisher.publish(CONTENT)
    move_id = begin_move(row_of(resource), publisher.dataset, to_everybody=True)
    target_key = model.Session.get(KeyMove, move_id).target_key
    model.Session.commit()
    assert turn_private(publisher).status == 200

    continue_move(move_id, time.monotonic() + 60)

    assert "/public/" not in row_of(resource).key
    assert status(object_url(portal_store(), target_key)) in (403, 404)
    assert requests.get(location(publisher, resource), timeout=120).content == CONTENT


def test_a_process_that_comes_late_does_not_remove_what_another_one_has_switched_to(
    publisher: Caller,
) -> None:
    resource = publisher.publish(CONTENT)
    move_id = begin_move(row_of(resource), publisher.dataset, to_everybody=True)
    late = model.Session.execute(KeyMove.__table__.select().where(KeyMove.id == move_id)).first()
    model.Session.commit()
    continue_move(move_id, time.monotonic() + 60)

    key_moves._copied(late, time.monotonic() + 60)
    key_moves._give_up(late, "")
    sweep_moves()

    assert row_of(resource).key == late.target_key
    assert requests.get(location(publisher, resource), timeout=120).content == CONTENT


def test_deleting_takes_files_out_of_reach(publisher: Caller) -> None:
    _, url = published(publisher)
    gone, gone_url = published(publisher, b"gone", filename="b.csv")
    publisher.do("resource_delete", id=gone["id"])

    sweep_moves()

    assert (status(url), status(gone_url) in (403, 404)) == (200, True)
    publisher.do("package_delete", id=publisher.dataset)
    assert status(url) in (403, 404)


@pytest.mark.parametrize("way", ["package_patch", "bulk_update_delete"])
def test_every_way_of_deleting_does_at_once(portal: Any, publisher: Caller, way: str) -> None:
    _, url = published(publisher)
    asked: dict[str, dict[str, Any]] = {
        "package_patch": {"id": publisher.dataset, "state": "deleted"},
        "bulk_update_delete": {"datasets": [publisher.dataset], "org_id": publisher.organisation_id},
    }

    new_sysadmin(portal).do(way, **asked[way])

    assert status(url) in (403, 404)


def test_a_file_that_goes_back_to_ckans_storage_leaves_nothing_that_everybody_reaches(
    publisher: Caller,
) -> None:
    """Without a row, nobody would withdraw it before the dataset turns private."""
    resource, url = published(publisher)
    row, stored = row_of(resource), find_resource(resource["id"])
    assert stored is not None
    change = ResourceChange(
        resource["id"],
        publisher.dataset,
        FileState(stored.fields, upload=columns_of(row)),
        FileState(stored.fields, old_place=OldPlace("elsewhere", "x", "y", len(CONTENT), "")),
    )
    rows = ResourceRows()

    assert rows.change(change) == RowState.UPDATED
    with pytest.raises(UnusableChange, match="is being removed"):
        rows.change(change.reversed())
    sweep_moves()

    assert status(url) in (403, 404)
    assert turn_private(publisher).status == 200


def test_the_janitor_publishes_what_everybody_may_read(portal: Any, publisher: Caller) -> None:
    private = new_publisher(portal, private=True)
    resource, hidden = publisher.publish(CONTENT), private.publish(CONTENT)

    assert sweep_moves() == 0

    assert status(location(publisher, resource).partition("?")[0]) == 200
    assert "X-Amz-Signature" in location(private, hidden)


def test_a_resource_that_went_to_a_private_dataset_is_withdrawn(portal: Any, publisher: Caller) -> None:
    private = new_publisher(portal, private=True)
    resource, url = published(publisher)
    model.Session.query(model.Resource).filter_by(id=resource["id"]).update({"package_id": private.dataset})
    model.Session.commit()

    sweep_moves()

    assert status(url) in (403, 404)


class TestResourcesThatAnotherExtensionRestricts:
    @pytest.fixture
    def resource(self, publisher: Caller) -> dict:
        return publisher.publish(CONTENT)

    def restrict(self, resource: dict, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody sees it who is not signed in, in a dataset that everybody sees."""
        functions = authz._AuthFunctions._functions
        ckans_own = functions["resource_show"]

        def resource_show(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
            is_hidden = asked.get("id") == resource["id"] and not context.get("user")
            return {"success": False} if is_hidden else ckans_own(context, asked)

        resource_show.auth_allow_anonymous_access = True  # type: ignore[attr-defined]
        monkeypatch.setitem(functions, "resource_show", resource_show)

    def test_are_not_published(
        self, publisher: Caller, resource: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.restrict(resource, monkeypatch)

        publish(row_of(resource))
        sweep_moves()

        assert "X-Amz-Signature" in location(publisher, resource)
        assert status(location(publisher, resource).partition("?")[0]) == 403

    def test_are_withdrawn_when_their_link_is_followed(
        self, publisher: Caller, resource: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish(row_of(resource))
        url = location(publisher, resource)
        assert status(url) == 200
        self.restrict(resource, monkeypatch)

        assert "X-Amz-Signature" in location(publisher, resource)

        (move,) = model.Session.query(KeyMove.id).filter_by(state=COPYING, to_everybody=False).all()
        continue_move(move.id, time.monotonic() + 60)
        assert status(url) in (403, 404)
        assert requests.get(location(publisher, resource), timeout=120).content == CONTENT

    def test_are_withdrawn_by_the_janitor(
        self, publisher: Caller, resource: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish(row_of(resource))
        url = location(publisher, resource)
        self.restrict(resource, monkeypatch)

        sweep_moves()

        assert status(url) in (403, 404)


class TestBehindACache:
    @pytest.fixture(autouse=True)
    def cache(
        self, public_mode: None, setting: Setting, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[LocalCloudFront]:
        client, any_key = portal_store().client(), object()
        local = LocalCloudFront(client, BUCKET, any_key, "", time.time, unsigned="/public/")  # type: ignore[arg-type]
        with served(local) as address:
            local.domain = address
            monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", address)
            setting("download_domain", address)
            portal_store()._opened.pop((os.getpid(), "cloudfront"), None)
            self.local = local
            yield local

    def test_a_change_is_refused_where_the_cache_cannot_be_cleared(
        self, publisher: Caller, setting: Setting
    ) -> None:
        _, url = published(publisher)
        assert url.startswith(self.local.domain + "/public/")

        refused = turn_private(publisher)

        [finding] = _examine_downloads()
        assert (finding.state, "cannot be made private" in finding.text) == ("look", True)
        assert refused.status == 409
        assert "cache that the portal cannot clear" in str(refused.error)
        assert not is_private(publisher)

        setting("download_domain_cached", False)
        self.local.kept.clear()
        assert turn_private(publisher).status == 200

    def test_the_cache_has_forgotten_before_the_dataset_is_private(
        self, publisher: Caller, setting: Setting
    ) -> None:
        setting("cloudfront_distribution", "EDFDVBD632BHDS5")
        _, url = published(publisher)
        assert status(url) == 200
        assert self.local.kept
        self.local.is_slow = True

        refused = turn_private(publisher)

        assert (refused.status, is_private(publisher)) == (409, False)
        self.local.is_slow = False
        assert turn_private(publisher).status == 200
        assert status(url) == 403

    def test_replaced_files_are_forgotten_too(self, publisher: Caller, setting: Setting) -> None:
        setting("cloudfront_distribution", "EDFDVBD632BHDS5")
        resource, url = published(publisher)
        assert status(url) == 200
        upload = publisher.upload(b"new", filename="new.csv", resource=resource["id"])
        publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])

        assert turn_private(publisher).status == 200

        assert status(url) == 403

    def test_those_of_a_dataset_that_is_purged_too(
        self, portal: Any, publisher: Caller, setting: Setting
    ) -> None:
        setting("cloudfront_distribution", "EDFDVBD632BHDS5")
        _, url = published(publisher)
        assert status(url) == 200

        new_sysadmin(portal).do("dataset_purge", id=publisher.dataset)
        sweep_moves()

        assert status(url) in (403, 404)


def test_links_that_were_handed_out_end_with_their_time(publisher: Caller) -> None:
    """The old object stays for as long as links to it work, and goes then."""
    resource = publisher.publish(CONTENT)
    before = location(publisher, resource)
    publish(row_of(resource))
    sweep_moves()
    assert status(before) == 200

    model.Session.query(KeyMove).update({"clear_after": now()})
    model.Session.commit()
    sweep_moves()

    assert status(before) in (403, 404)
    assert requests.get(location(publisher, resource), timeout=120).content == CONTENT
