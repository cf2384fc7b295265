"""Removing an object: what is not there is removed already, and whatever else the store says is an error."""

from typing import TYPE_CHECKING

import pytest

from s3portal.transfer import Store, StoreFailed, delete_object

if TYPE_CHECKING:
    from scripted_store import ScriptedStore


def test_an_object_is_removed_with_its_version(scripted: "ScriptedStore", scripted_store: Store) -> None:
    scripted.answer(status=204)

    delete_object(scripted_store, "a/key", "version-1")
    delete_object(scripted_store, "a/key")

    assert scripted.requests == [
        ("DELETE", "/river-data/a/key?versionId=version-1"),
        ("DELETE", "/river-data/a/key"),
    ]


@pytest.mark.parametrize("code", ["NoSuchVersion", "NoSuchKey"])
def test_what_the_store_does_not_have_is_removed_already(
    scripted: "ScriptedStore", scripted_store: Store, code: str
) -> None:
    scripted.error(404, code)

    delete_object(scripted_store, "a/key", "version-1")

    assert len(scripted.requests) == 1


@pytest.mark.parametrize(("status", "code"), [(404, "NoSuchBucket"), (403, "AccessDenied")])
def test_any_other_refusal_removes_nothing(
    scripted: "ScriptedStore", scripted_store: Store, status: int, code: str
) -> None:
    scripted.error(status, code)

    with pytest.raises(StoreFailed):
        delete_object(scripted_store, "a/key", "version-1")
