"""Every way in which CKAN saves a resource or a dataset, and what the resource says of its file afterwards.

What we wrote is true of the file that the resource has, and gone with it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from browser import Browser
from callers import Caller, new_publisher, new_sysadmin
from ckan import model
from ckan.tests import helpers
from waiting import wait_until
from ways_to_save import (
    CONTENT,
    LEFT_OUT_IS_DELETED,
    LINK,
    PICTURE,
    Way,
    dataset_action,
    files,
    package,
    resource_action,
    revise,
    rows_of,
    said,
    served,
    update_without_resources,
)
from ways_to_save import resource as resource  # a fixture

from ckanext.s3multipart.uploads import file_facts, uploader

pytestmark = pytest.mark.smoke

BY_CKAN = b'{"by": "ckan"}'


LIES = {
    "size": 999_999,
    "mimetype": "image/gif",
    "hash": "crc64nvme:AAAAAAAAAAA=",
    "last_modified": "1999-12-31T23:59:59",
    "url": "https://example.org/other.gif",
}


def browser_of(publisher: Caller) -> Browser:
    """A colleague of the publisher, in a browser."""
    browser = Browser(publisher.app)
    helpers.call_action(
        "organization_member_create", id=publisher.organisation_id, username=browser.name, role="editor"
    )
    return browser


def submit(publisher: Caller, resource: dict[str, Any], **fields: Any) -> None:
    """Changes the resource by CKAN's form."""
    answer = browser_of(publisher).submit(
        f"/dataset/{publisher.dataset}/resource/{resource['id']}/edit", **{"save": "go-metadata", **fields}
    )
    assert answer.status_code == 302, answer.get_data(as_text=True)[:3000]


def post(publisher: Caller, action: str, filename: str, field: str = "upload", **fields: Any) -> None:
    """Calls an action with a file in the request, as without the extension."""
    answer = publisher.client().post(
        f"/api/3/action/{action}",
        data={**fields, field: (io.BytesIO(BY_CKAN), filename)},
        headers=publisher.headers,
    )
    assert answer.status_code == 200, answer.get_data(as_text=True)[:1000]


def whole_dataset(action: str, **changes: Any) -> Way:
    """Sends all that the dataset is back, with one resource changed."""

    def way(publisher: Caller, resource: dict[str, Any]) -> None:
        shown = package(publisher) if action == "package_update" else {"id": publisher.dataset}
        publisher.do(action, **{**shown, "resources": [{**resource, **changes}]})

    return way


def whole_resource(**changes: Any) -> Way:
    """Sends all that the resource is back, with changes."""
    return lambda publisher, resource: publisher.do("resource_update", **{**resource, **changes})


def move_to_another_organisation(publisher: Caller, resource: dict[str, Any]) -> None:
    other = new_publisher(publisher.app)
    sysadmin = new_sysadmin(publisher.app)
    sysadmin.do("package_owner_org_update", id=publisher.dataset, organization_id=other.organisation_id)


def reorder(publisher: Caller, resource: dict[str, Any]) -> None:
    first = publisher.do("resource_create", package_id=publisher.dataset, url=LINK)
    publisher.do("package_resource_reorder", id=publisher.dataset, order=[first["id"], resource["id"]])


def make_private_in_bulk(publisher: Caller, resource: dict[str, Any]) -> None:
    new_sysadmin(publisher.app).do(
        "bulk_update_private", datasets=[publisher.dataset], org_id=publisher.organisation_id
    )


#: The file stays, whatever the call says of it.
KEPT: dict[str, Way] = {
    "resource_update, the name alone": resource_action("resource_update", name="New name"),
    "resource_update, all of it": whole_resource(description="New"),
    "resource_update, lies": resource_action("resource_update", name="x", **LIES),
    "resource_update, a lie about the size": resource_action("resource_update", name="x", size=999_999),
    "resource_update, the size as text": whole_resource(size="17"),
    "resource_update, lies in all of it": whole_resource(**LIES),
    "resource_update, everything emptied": whole_resource(**dict.fromkeys(LIES, "")),
    "resource_update, everything null": whole_resource(**dict.fromkeys(LIES), url_type=None),
    "resource_patch": resource_action("resource_patch", description="New"),
    "resource_patch, lies": resource_action("resource_patch", **LIES),
    "resource_patch, an address without the type": resource_action("resource_patch", url=LINK),
    "resource_patch, nothing cleared": resource_action("resource_patch", clear_upload="", name="x"),
    "package_update": whole_dataset("package_update"),
    "package_update, lies": whole_dataset("package_update", **LIES),
    **({} if LEFT_OUT_IS_DELETED else {"package_update, resources left out": update_without_resources}),
    "package_patch": dataset_action("package_patch", title="New title"),
    "package_patch, lies": whole_dataset("package_patch", **LIES),
    "package_patch, another name": lambda publisher, resource: publisher.do(
        "package_patch", id=publisher.dataset, name=f"renamed-{publisher.dataset}"
    ),
    "package_patch, private": dataset_action("package_patch", private=True),
    "package_revise": revise(update={"title": "New title"}),
    "package_revise, lies": revise(update__resources__0=LIES),
    "package_revise, facts taken out": revise(
        filter=[f"-resources__0__{name}" for name in LIES], update={"title": "New title"}
    ),
    "package_revise, another resource": revise(update__resources__extend=[{"url": LINK}]),
    "package_resource_reorder": reorder,
    "package_owner_org_update": move_to_another_organisation,
    "bulk_update_private": make_private_in_bulk,
    "the form, nothing changed": lambda publisher, resource: submit(publisher, resource, url_type="upload"),
    "the form, another name": lambda publisher, resource: submit(
        publisher, resource, url_type="upload", name="New name"
    ),
}  # fmt: skip


#: An upload of ours takes the place of the file.
REPLACED: dict[str, Callable[[str], Way]] = {
    "resource_update": lambda upload: resource_action("resource_update", s3multipart_upload_id=upload),
    "resource_update, all of it": lambda upload: whole_resource(s3multipart_upload_id=upload),
    "resource_update, lies": lambda upload: whole_resource(s3multipart_upload_id=upload, **LIES),
    "resource_patch": lambda upload: resource_action("resource_patch", s3multipart_upload_id=upload),
    "package_update": lambda upload: whole_dataset("package_update", s3multipart_upload_id=upload),
    "package_patch": lambda upload: whole_dataset("package_patch", s3multipart_upload_id=upload),
    "package_revise": lambda upload: revise(update__resources__0={"s3multipart_upload_id": upload}),
}


#: A link takes the place of the file.
TO_LINK = {"url_type": "", "url": LINK}


LINKED: dict[str, Way] = {
    "resource_update": resource_action("resource_update", **TO_LINK),
    "resource_update, all of it": whole_resource(**TO_LINK),
    "resource_update, cleared": whole_resource(clear_upload="true", url=LINK),
    "resource_patch": resource_action("resource_patch", **TO_LINK),
    "resource_patch, cleared": resource_action("resource_patch", clear_upload="true", url=LINK),
    "package_update": whole_dataset("package_update", **TO_LINK),
    "package_patch": whole_dataset("package_patch", **TO_LINK),
    "package_revise": revise(update__resources__0=TO_LINK),
    "the form: Clear, Link, Update": lambda publisher, resource: submit(
        publisher, resource, clear_upload="true", **TO_LINK
    ),
    "the form: Remove, Link, Update": lambda publisher, resource: submit(publisher, resource, **TO_LINK),
}


#: A file that CKAN stores takes the place of the file.
BY_CKANS_UPLOAD: dict[str, Way] = {
    "resource_update": lambda publisher, resource: post(
        publisher, "resource_update", "levels.json", id=resource["id"]
    ),
    "resource_update, all of it": lambda publisher, resource: post(
        publisher, "resource_update", "levels.json",
        **{name: value for name, value in resource.items() if value is not None},
    ),
    "resource_patch": lambda publisher, resource: post(
        publisher, "resource_patch", "levels.json", id=resource["id"]
    ),
    "package_revise": lambda publisher, resource: post(
        publisher, "package_revise", "levels.json", "update__resources__0__upload",
        match=json.dumps({"id": publisher.dataset}),
    ),
    "the form": lambda publisher, resource: submit(
        publisher, resource, url_type="upload", upload=(io.BytesIO(BY_CKAN), "levels.json")
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", rows_of(KEPT))
def test_a_file_that_stays_is_described_as_it_is(
    publisher: Caller, resource: dict[str, Any], way: Way
) -> None:
    before, listed = said(publisher, resource), files(publisher, publisher.dataset)
    assert (before["size"], before["mimetype"], before["format"]) == (len(CONTENT), "text/csv", "CSV")

    way(publisher, resource)

    assert said(publisher, resource) == before
    assert files(publisher, publisher.dataset) == listed
    assert served(publisher, resource) == CONTENT


@pytest.mark.parametrize("way_with", rows_of(REPLACED))
def test_a_new_file_is_described_and_nothing_of_the_former_stays(
    publisher: Caller, resource: dict[str, Any], way_with: Callable[[str], Way]
) -> None:
    before = said(publisher, resource)
    upload = publisher.upload(
        PICTURE, filename="gauge.png", content_type="image/png", resource=resource["id"]
    )

    way_with(upload["id"])(publisher, resource)

    after = said(publisher, resource)
    assert after.pop("last_modified") > before["last_modified"]
    assert after == {
        "url_type": "upload",
        "size": len(PICTURE),
        "mimetype": "image/png",
        "hash": "",
        "format": "PNG",
        "url": before["url"].replace("rivers.csv", "gauge.png"),
    }
    assert [file["upload"] for file in files(publisher, publisher.dataset)] == [upload["id"]]
    assert served(publisher, resource) == PICTURE


@pytest.mark.parametrize("way", rows_of(LINKED))
def test_a_link_says_nothing_of_the_file_that_was_there(
    publisher: Caller, resource: dict[str, Any], way: Way
) -> None:
    way(publisher, resource)

    after = said(publisher, resource)
    assert after == {
        "url_type": "",
        "size": None,
        "mimetype": "application/json",
        "hash": "",
        "format": "JSON",
        "last_modified": None,
        "url": LINK,
    }
    assert files(publisher, publisher.dataset) == []


@pytest.mark.parametrize("way", rows_of(BY_CKANS_UPLOAD))
def test_a_file_of_ckan_is_described_by_ckan(publisher: Caller, resource: dict[str, Any], way: Way) -> None:
    before = said(publisher, resource)

    way(publisher, resource)

    after = said(publisher, resource)
    assert after.pop("last_modified") > before["last_modified"]
    assert after == {
        "url_type": "upload",
        "size": len(BY_CKAN),
        "mimetype": "application/json",
        "hash": "",
        "format": "JSON",
        "url": before["url"].replace("rivers.csv", "levels.json"),
    }
    assert files(publisher, publisher.dataset) == []
    assert publisher.get(after["url"]).data == BY_CKAN


def test_of_two_saves_at_once_none_writes_what_was_true_before_the_other(
    publisher: Caller, resource: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one has looked at the file that it keeps when the other one, if it can, replaces it."""
    upload = publisher.upload(
        PICTURE, filename="gauge.png", content_type="image/png", resource=resource["id"]
    )
    with ThreadPoolExecutor(1) as pool:
        replacing: list[Future[Any]] = []

        def keep_while_another_replaces(*kept: Any) -> None:
            file_facts.keep_true(*kept)
            if not replacing:
                asked = {"id": resource["id"], "s3multipart_upload_id": upload["id"]}
                replacing.append(pool.submit(publisher.do, "resource_patch", **asked))
                wait_until(lambda: replacing[0].done() or somebody_waits_for_a_lock(), "the other save")

        monkeypatch.setattr(uploader, "keep_true", keep_while_another_replaces)
        whole_dataset("package_update", description="New")(publisher, resource)
        replacing[0].result()

    after = said(publisher, resource)
    assert (after["size"], after["mimetype"], after["format"]) == (len(PICTURE), "image/png", "PNG")
    assert served(publisher, resource) == PICTURE


def somebody_waits_for_a_lock() -> bool:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with model.Session.get_bind().connect() as connection:
        return connection.exec_driver_sql(waiting).first() is not None


def test_a_save_that_is_refused_shows_what_was_sent(publisher: Caller, resource: dict[str, Any]) -> None:
    before = said(publisher, resource)

    answer = publisher.call("resource_patch", id=resource["id"], created="no date", **TO_LINK)

    assert answer.status == 409
    assert said(publisher, resource) == before
    assert served(publisher, resource) == CONTENT
