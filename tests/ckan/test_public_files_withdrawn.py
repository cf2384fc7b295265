"""Before files are no longer everybody's, they are out of reach: datasets that turn private, that are
deleted, or that files leave."""

import functools
import time
from typing import Any

import pytest
import requests
from callers import MIB, Caller, new_publisher, new_stranger, new_sysadmin
from ckan import model
from public_mode import is_private, location, published, row_of, status, turn_private
from public_mode import public_mode as public_mode  # a fixture that every test here uses
from shown_links import CONTENT

from ckanext.s3multipart.downloads import key_moves, public_files
from ckanext.s3multipart.downloads.key_moves import begin_move, continue_move
from ckanext.s3multipart.downloads.move_model import CLEARED, KeyMove
from ckanext.s3multipart.downloads.public_files import publish, sweep_moves, withdraw
from ckanext.s3multipart.moving.mapping import FileState, OldPlace, ResourceChange, columns_of
from ckanext.s3multipart.moving.resources import find_resource
from ckanext.s3multipart.moving.rows import ResourceRows
from ckanext.s3multipart.settings import portal_store
from s3portal.portal.migration import RowState, UnusableChange
from s3portal.server.testing import Fault, RunningServer
from s3portal.transfer import object_url


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


def test_a_resource_that_went_to_a_private_dataset_is_withdrawn(portal: Any, publisher: Caller) -> None:
    private = new_publisher(portal, private=True)
    resource, url = published(publisher)
    model.Session.query(model.Resource).filter_by(id=resource["id"]).update({"package_id": private.dataset})
    model.Session.commit()

    sweep_moves()

    assert status(url) in (403, 404)
