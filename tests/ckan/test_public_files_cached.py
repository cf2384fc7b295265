"""Public files behind a cache: it forgets them before they are private."""

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from callers import Caller, new_sysadmin
from local_cloudfront import LocalCloudFront
from public_mode import is_private, published, status, turn_private
from public_mode import public_mode as public_mode  # a fixture that every test here uses
from served_portal import served
from shown_links import Setting

from ckanext.s3multipart.downloads.public_files import sweep_moves
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep.doctor import _examine_downloads
from s3portal.server.pytest_plugin import BUCKET


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
