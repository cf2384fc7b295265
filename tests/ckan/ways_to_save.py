"""Every way in which CKAN saves a resource or a dataset, and what is known of its file afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ckan.plugins.toolkit as tk
import pytest
from callers import Caller, new_sysadmin

Way = Callable[[Caller, dict[str, Any]], Any]


CONTENT = b"station,level\nA,1\n"


PICTURE = b"\x89PNG\r\n\x1a\n, or nearly so"


LINK = "https://example.org/levels.json"


#: `package_update` without ``resources`` deletes them up to CKAN 2.11, and leaves them since 2.12.
LEFT_OUT_IS_DELETED = not tk.check_ckan_version(min_version="2.12")


@pytest.fixture
def resource(publisher: Caller) -> dict[str, Any]:
    """A published CSV."""
    return publisher.publish(CONTENT, filename="rivers.csv")


def package(caller: Caller) -> dict[str, Any]:
    return caller.do("package_show", id=caller.dataset)


def update_without_resources(publisher: Caller, resource: dict[str, Any]) -> None:
    shown = package(publisher)
    del shown["resources"]
    publisher.do("package_update", **{**shown, "notes": "New"})


def resource_action(action: str, **changes: Any) -> Way:
    return lambda publisher, resource: publisher.do(action, **{"id": resource["id"], **changes})


def revise(**asked: Any) -> Way:
    return lambda publisher, resource: publisher.do(
        "package_revise", **{"match": {"id": publisher.dataset}, **asked}
    )


def dataset_action(action: str, **changes: Any) -> Way:
    return lambda publisher, resource: publisher.do(action, **{"id": publisher.dataset, **changes})


SMOKE = {
    "resource_update", "resource_update, lies", "resource_patch", "resource_patch, cleared", "package_update",
    "package_update, lies", "package_revise", "package_revise, lies", "package_resource_reorder",
    "package_update, resources left out", "the form, another name", "the form: Clear, Link, Update",
    "the form",
}  # fmt: skip


def rows_of(table: dict[str, Any]) -> list[Any]:
    """The table's ways, a few of them marked to be tried on every CKAN."""
    return [
        pytest.param(way, id=name, marks=[pytest.mark.smoke] if name in SMOKE else [])
        for name, way in table.items()
    ]


def said(publisher: Caller, resource: dict[str, Any]) -> dict[str, Any]:
    """What the resource says of its file, as a sysadmin sees it."""
    shown = new_sysadmin(publisher.app).do("resource_show", id=resource["id"])
    facts = ("url_type", "size", "mimetype", "hash", "format", "last_modified", "url")
    return {fact: shown.get(fact) for fact in facts}


def files(publisher: Caller, dataset: str) -> list[dict[str, Any]]:
    return new_sysadmin(publisher.app).do("s3multipart_file_list", owner=dataset)


def served(publisher: Caller, resource: dict[str, Any]) -> bytes:
    link = f"/dataset/{publisher.dataset}/resource/{resource['id']}/download"
    return new_sysadmin(publisher.app).follow(link).content
