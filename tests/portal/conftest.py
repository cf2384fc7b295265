"""What the tests of the shared doctor have in common."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore_files import botocores_files_are_read_once as botocores_files_are_read_once  # a fixture
from doctor_cases import SITE_URL, Examine, Examined, MakeCase
from store_front import StoreFront

from s3portal.buckets.fixes import with_fixes
from s3portal.portal.doctor import Case, examine_store
from s3portal.server.pytest_plugin import BUCKET
from s3portal.server.testing import RunningServer
from s3portal.transfer import TransferSettings, open_store


@pytest.fixture
def make_case(s3_server: RunningServer) -> MakeCase:
    """A portal before the bundled server, by default without session credentials and for small files;
    arguments are settings of the store, and fields of the case."""

    def make(*, site_url: str = SITE_URL, fields: dict[str, Any] | None = None, **settings: Any) -> Case:
        user = s3_server.users["portal"]
        store_settings = {
            "s3_bucket": BUCKET,
            "s3_endpoint": s3_server.endpoint,
            "s3_access_key_id": user.access_key_id,
            "s3_secret_access_key": user.secret_access_key,
            "max_upload_size": 100_000,
            **settings,
        }
        return Case(
            place="store",
            store=open_store(TransferSettings(**store_settings)),
            site_url=site_url,
            host="data.example.org",
            command="portal doctor",
            setting=lambda name: f"portal.{name}",
            **(fields or {}),
        )

    return make


@pytest.fixture
def examine(make_case: MakeCase) -> Examine:
    """Asks the doctor."""

    def ask(*, apply: bool = False, **arguments: Any) -> Examined:
        return Examined(list(examine_store(with_fixes(make_case(**arguments)), apply=apply)))

    return ask


@pytest.fixture
def front(s3_server: RunningServer) -> Iterator[StoreFront]:
    """The same store behind a proxy that a test lets misbehave."""
    with StoreFront(s3_server.port) as store_front:
        yield store_front


@pytest.fixture
def remains(s3_server: RunningServer, make_case: MakeCase) -> Callable[[], list[str]]:
    """All keys of objects and of unfinished uploads in the bucket."""

    def look() -> list[str]:
        s3_server.faults.clear()
        client = make_case().store.client()
        objects = client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        uploads = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return [each["Key"] for each in [*objects, *uploads]]

    return look
