"""What others say of a file: kept where it is theirs to say, put right where it is not."""

from __future__ import annotations

from typing import Any

import pytest
from callers import Caller
from ckan import model
from strange_values import STRANGE
from ways_to_save import (
    CONTENT,
    LINK,
    PICTURE,
    files,
    said,
)
from ways_to_save import resource as resource  # a fixture

from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.uploads.file_facts import former_files

MD5 = "0cc175b9c0f1b6a831c399e269772661"


class TestWhatOthersSay:
    @pytest.mark.smoke
    def test_the_hash_of_another_extension_stays_while_the_file_stays(
        self, publisher: Caller, resource: dict[str, Any]
    ) -> None:
        publisher.do("resource_update", **{**resource, "hash": MD5})
        publisher.do("resource_patch", id=resource["id"], description="New")

        assert said(publisher, resource)["hash"] == MD5
        assert len(files(publisher, publisher.dataset)) == 1

    @pytest.mark.parametrize("algorithm", ["crc64nvme", None])
    def test_and_leaves_with_it(
        self, publisher: Caller, resource: dict[str, Any], algorithm: str | None
    ) -> None:
        publisher.do("resource_patch", id=resource["id"], hash=MD5)
        upload = publisher.upload(PICTURE, filename="gauge.png", resource=resource["id"])
        if not algorithm:
            model.Session.query(UploadRow).filter_by(id=upload["id"]).update({"checksum_value": None})
            model.Session.commit()

        publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])

        after = publisher.do("resource_show", id=resource["id"])
        checksum = f"crc64nvme:{upload['checksum']['value']}" if algorithm else None
        assert (after["hash"], after.get("s3multipart_checksum")) == ("", checksum)

    @pytest.mark.parametrize("url", [LINK, "https://example.org/", "https://example.org/a?b=c.csv"])
    def test_the_hash_of_another_extension_leaves_for_a_link_too(
        self, publisher: Caller, resource: dict[str, Any], url: str
    ) -> None:
        publisher.do("resource_patch", id=resource["id"], hash=MD5)

        publisher.do("resource_patch", id=resource["id"], url_type="", url=url)

        assert said(publisher, resource)["hash"] == ""
        assert said(publisher, resource)["format"] == ("JSON" if url == LINK else "")

    def test_what_is_said_of_the_link_stays(self, publisher: Caller, resource: dict[str, Any]) -> None:
        told = {"size": 5, "mimetype": "text/html", "hash": MD5, "format": "API"}

        publisher.do("resource_patch", id=resource["id"], url_type="", url=LINK, **told)

        after = said(publisher, resource)
        assert {name: after[name] for name in told} == told

    def test_a_format_that_was_chosen_stays_with_a_new_file(self, publisher: Caller) -> None:
        resource = publisher.attach(publisher.upload(CONTENT, filename="rivers.csv"), format="SensorML")
        upload = publisher.upload(PICTURE, filename="gauge.png", resource=resource["id"])

        after = publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])

        assert after["format"] == "SensorML"

    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            ("rivers.csv", "gauge.png", "PNG"),
            ("rivers.csv", "README", ""),
            ("README", "gauge.png", "PNG"),
            ("grid.nc", "table.dbf", "dBase"),
            ("table.dbf", "grid.nc", "NetCDF"),
            ("a.jpg", "a.tif", "TIFF"),
        ],
    )
    def test_a_format_by_our_rule_follows_the_file(
        self, publisher: Caller, before: str, after: str, expected: str
    ) -> None:
        resource = publisher.publish(CONTENT, filename=before)
        upload = publisher.upload(PICTURE, filename=after, resource=resource["id"])

        replaced = publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])

        assert replaced["format"] == expected

    def test_a_link_that_becomes_a_file_takes_the_format_of_the_file(self, publisher: Caller) -> None:
        link = publisher.do("resource_create", package_id=publisher.dataset, url="https://example.org/x.csv")
        upload = publisher.upload(PICTURE, filename="gauge.png", resource=link["id"])
        assert link["format"] == "CSV"

        after = publisher.do("resource_patch", id=link["id"], s3multipart_upload_id=upload["id"])

        assert (after["format"], after["size"]) == ("PNG", len(PICTURE))

    def test_a_link_of_someone_else_is_left_alone(self, publisher: Caller) -> None:
        told = {"size": 5, "mimetype": "text/html", "hash": "crc64nvme:AAAAAAAAAAA=", "format": "API"}
        link = publisher.do("resource_create", package_id=publisher.dataset, url=LINK, **told)

        publisher.do("resource_patch", id=link["id"], description="New")

        after = said(publisher, link)
        assert {name: after[name] for name in told} == told


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: repr(value)[:20])
class TestStrangeValues:
    def test_facts_are_put_right(self, publisher: Caller, resource: dict[str, Any], value: object) -> None:
        before = said(publisher, resource)

        publisher.do("resource_patch", id=resource["id"], **dict.fromkeys(("size", "mimetype", "url"), value))
        publisher.do("resource_patch", id=resource["id"], last_modified=value)

        assert said(publisher, resource) == before

    def test_what_can_be_no_id_has_no_file(self, portal, value: object) -> None:
        """CKAN looks at ids only after it has asked for the uploader."""
        assert former_files(value) == []
