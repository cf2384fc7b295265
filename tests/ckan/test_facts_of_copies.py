"""A resource that is a copy, or has another one's id, has no file of the other's, and says nothing of it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from callers import Caller, new_publisher
from ckan import model
from ways_to_save import (
    CONTENT,
    files,
    package,
    served,
)
from ways_to_save import resource as resource  # a fixture


class TestCopied:
    def test_into_another_dataset(self, publisher: Caller, resource: dict[str, Any]) -> None:
        other = new_publisher(publisher.app)
        copy = {name: value for name, value in resource.items() if name != "id"}

        copied = other.do("resource_create", **{**copy, "package_id": other.dataset})

        assert (copied["size"], copied["hash"], copied["last_modified"]) == (None, "", None)
        assert files(other, other.dataset) == []
        assert len(files(publisher, publisher.dataset)) == 1
        assert served(publisher, resource) == CONTENT

    def test_with_a_whole_dataset(self, publisher: Caller, resource: dict[str, Any]) -> None:
        dataset = package(publisher)
        copies = [{name: value for name, value in resource.items() if name not in ("id", "package_id")}]

        copied = publisher.do(
            "package_create",
            name=f"copy-{dataset['id']}",
            owner_org=publisher.organisation_id,
            resources=copies,
        )

        assert [(each["size"], each["hash"]) for each in copied["resources"]] == [(None, "")]
        assert files(publisher, copied["id"]) == []
        assert served(publisher, resource) == CONTENT

    @pytest.mark.smoke
    @pytest.mark.parametrize("action", ["package_update", "package_patch", "resource_create"])
    def test_the_id_of_a_resource_of_another_dataset_takes_nothing_away(
        self, publisher: Caller, resource: dict[str, Any], action: str
    ) -> None:
        other = new_publisher(publisher.app)
        stolen = {"id": resource["id"], "url": resource["url"], "url_type": "upload"}
        asked = {
            "package_update": {**package(other), "resources": [stolen]},
            "package_patch": {"id": other.dataset, "resources": [stolen]},
            "resource_create": {**stolen, "package_id": other.dataset},
        }

        answer = other.call(action, **asked[action])

        assert answer.status == 409
        assert package(other)["resources"] == []
        assert [file["resource"] for file in files(publisher, publisher.dataset)] == [resource["id"]]
        assert served(publisher, resource) == CONTENT

    @pytest.mark.smoke
    @pytest.mark.parametrize(
        "action", ["package_create", "package_update", "package_patch", "resource_create"]
    )
    @pytest.mark.parametrize("purged", [False, True], ids=["deleted", "purged past CKAN"])
    def test_the_id_of_a_deleted_resource_brings_its_file_to_no_other_dataset(
        self, publisher: Caller, resource: dict[str, Any], action: str, purged: bool
    ) -> None:
        """CKAN lets every dataset use it again."""
        other = new_publisher(publisher.app)
        publisher.do("resource_delete", id=resource["id"])
        if purged:
            model.Session.execute(sa.delete(model.Resource).where(model.Resource.id == resource["id"]))
            model.Session.commit()
        stolen = {"id": resource["id"], "url": resource["url"], "url_type": "upload"}
        asked = {
            "package_create": {
                "name": f"stolen-{other.name}",
                "owner_org": other.organisation_id,
                "resources": [stolen],
            },
            "package_update": {**package(other), "resources": [stolen]},
            "package_patch": {"id": other.dataset, "resources": [stolen]},
            "resource_create": {**stolen, "package_id": other.dataset},
        }

        answer = other.call(action, **asked[action])

        assert (answer.status, answer.error["code"]) == (409, "upload_of_another_dataset")
        assert package(other)["resources"] == []
        assert other.get(f"/dataset/{other.dataset}/resource/{resource['id']}/download").status_code == 404
        # Its own dataset gets it back.
        restored = publisher.do("resource_create", **{**stolen, "package_id": publisher.dataset})
        assert served(publisher, restored) == CONTENT
