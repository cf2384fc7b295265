"""A resource or a dataset that goes takes its file along, and what comes back says nothing of a file that
does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from callers import Caller, new_publisher, new_sysadmin
from ckan import model
from ways_to_save import (
    CONTENT,
    LEFT_OUT_IS_DELETED,
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

from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.upload_states import RowState


class TestGone:
    @pytest.mark.parametrize(
        "way",
        rows_of(
            {
                "resource_delete": resource_action("resource_delete"),
                "package_update, without it": lambda publisher, resource: publisher.do(
                    "package_update", **{**package(publisher), "resources": []}
                ),
                **(
                    {"package_update, resources left out": update_without_resources}
                    if LEFT_OUT_IS_DELETED
                    else {}
                ),
                "package_patch, without it": dataset_action("package_patch", resources=[]),
                "package_revise, taken out": revise(filter=["-resources__0"]),
                "package_patch, without its id": lambda publisher, resource: publisher.do(
                    "package_patch",
                    id=publisher.dataset,
                    resources=[{**resource, "id": "", "name": "by a harvester"}],
                ),
            }
        ),
    )
    def test_a_resource_that_goes_takes_its_file_along(
        self, publisher: Caller, resource: dict[str, Any], way: Way
    ) -> None:
        way(publisher, resource)

        assert files(publisher, publisher.dataset) == []
        for left in package(publisher)["resources"]:
            assert (left["size"], left["hash"]) == (None, "")

    def test_a_purged_dataset(self, publisher: Caller, resource: dict[str, Any]) -> None:
        new_sysadmin(publisher.app).do("dataset_purge", id=publisher.dataset)

        assert publisher.call("s3multipart_file_list", owner=publisher.dataset).status == 404

    def test_a_resource_that_gets_the_id_of_a_purged_one(
        self, publisher: Caller, resource: dict[str, Any]
    ) -> None:
        other = new_publisher(publisher.app)
        new_sysadmin(publisher.app).do("dataset_purge", id=publisher.dataset)

        copied = other.do("resource_create", **{**resource, "package_id": other.dataset})

        assert (copied["id"], copied["size"], copied["hash"]) == (resource["id"], None, "")
        assert files(other, other.dataset) == []
        assert other.get(copied["url"]).status_code == 404


class TestRestored:
    def test_a_deleted_dataset_that_comes_back(
        self, publisher: Caller, resource: dict[str, Any], setting: Callable[[str, object], None]
    ) -> None:
        setting("remove_files_on", "purge")
        before = said(publisher, resource)
        sysadmin = new_sysadmin(publisher.app)
        publisher.do("package_delete", id=publisher.dataset)

        sysadmin.do("package_patch", id=publisher.dataset, state="active")

        assert said(publisher, resource) == before
        assert served(publisher, resource) == CONTENT

    def test_a_deleted_resource_that_comes_back_says_nothing_of_a_file_that_does_not(
        self, publisher: Caller, resource: dict[str, Any]
    ) -> None:
        publisher.do("resource_delete", id=resource["id"])
        model.Session.query(UploadRow).filter_by(resource_id=resource["id"]).update(
            {"state": RowState.REMOVED}
        )
        model.Session.commit()

        publisher.do("package_patch", id=publisher.dataset, resources=[resource])

        after = said(publisher, resource)
        assert (after["size"], after["hash"], after["last_modified"]) == (None, "", None)
        assert files(publisher, publisher.dataset) == []
        assert publisher.get(resource["url"]).status_code == 404
