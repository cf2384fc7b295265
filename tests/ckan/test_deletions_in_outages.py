"""The store goes away in the middle of deletions: they stay on record and are tried again until they are
done, and nothing goes that is needed."""

from collections.abc import Callable

import pytest
from callers import Caller, new_sysadmin
from ckan import model
from kept_uploads import names, states

from ckanext.s3multipart.settings import PREFIX, portal_store
from ckanext.s3multipart.upkeep import janitor
from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.upload_states import RowState
from s3portal.server.testing import RunningServer

Setting = Callable[[str, object], None]
#: Nobody listens there.
AWAY = "http://127.0.0.1:9"


def test_a_purge_that_the_store_does_not_survive_is_finished_when_it_is_back(
    portal, publisher: Caller, another_publisher: Caller, s3_server: RunningServer
) -> None:
    sweep()
    for number in range(4):
        publisher.publish(filename=f"{number}.csv")
    kept = another_publisher.publish(b"kept")
    deleted: list[str] = []

    def go_away_after_two(**_: object) -> None:
        deleted.append("one more")
        if len(deleted) == 3:
            s3_server.faults.add("DeleteObject", status=503)

    events = portal_store().client().meta.events
    events.register_first("before-send.s3.DeleteObject", go_away_after_two, unique_id="go away")
    try:
        new_sysadmin(portal).do("dataset_purge", id=publisher.dataset)
    finally:
        events.unregister("before-send.s3.DeleteObject", unique_id="go away")

    assert states(publisher) == [RowState.REMOVED] * 2 + [RowState.REMOVING] * 2
    assert len(names(publisher)) == 2
    swept = sweep()
    assert (swept.removed, swept.failed) == (0, 2)
    # Of the others there is nothing left to know: their dataset is gone, and so are they.
    assert states(publisher) == [RowState.REMOVING] * 2

    s3_server.faults.clear()
    assert sweep().removed == 2
    assert names(publisher) == []
    assert another_publisher.follow(kept["url"]).content == b"kept"


def test_a_store_that_cannot_be_reached_at_all_forgets_nothing(
    portal, publisher: Caller, setting: Setting, ckan_config
) -> None:
    sweep()
    reached = ckan_config[f"{PREFIX}s3_endpoint"]
    replaced = publisher.publish(b"before", filename="before.csv")
    deleted = publisher.publish(filename="deleted.csv")
    upload = publisher.upload(b"after", filename="after.csv", resource=replaced["id"])
    setting("delete_grace", 0)
    setting("s3_endpoint", AWAY)

    publisher.do("resource_delete", id=deleted["id"])
    assert states(publisher) == [RowState.ATTACHED, RowState.COMPLETED, RowState.REMOVING]
    assert sweep().failed >= 1
    assert states(publisher) == [RowState.ATTACHED, RowState.COMPLETED, RowState.REMOVING]

    setting("s3_endpoint", reached)
    publisher.do("resource_patch", id=replaced["id"], s3multipart_upload_id=upload["id"])
    sweep()
    assert "after.csv" in names(publisher)
    assert "deleted.csv" not in names(publisher)
    assert publisher.follow(publisher.do("resource_show", id=replaced["id"])["url"]).content == b"after"


def test_what_was_restored_during_the_outage_is_not_deleted_after_it(
    publisher: Caller, s3_server: RunningServer
) -> None:
    resource = publisher.publish(b"1,2")
    publisher.do("resource_delete", id=resource["id"])
    s3_server.faults.add("DeleteObject", status=503)
    sweep()
    publisher.do("resource_create", package_id=publisher.dataset, id=resource["id"], url_type="upload")
    s3_server.faults.clear()

    sweep()

    link = f"/dataset/{publisher.dataset}/resource/{resource['id']}/download"
    assert publisher.follow(link).content == b"1,2"


def test_a_round_does_not_wait_for_each_of_many(
    publisher: Caller, s3_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep()
    asked: list[str] = []

    def remove(upload_id: str) -> bool:
        asked.append(upload_id)
        raise janitor.StoreError(operation="DeleteObject")

    done, failed = janitor._each([f"{number}" for number in range(1000)], remove)

    assert (done, failed, len(asked)) == (0, 1000, janitor._GIVE_UP_AFTER)
    model.Session.rollback()
