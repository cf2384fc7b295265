"""A portal that sends readers to public files without a signature, and what tests ask of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from callers import Answer, Caller
from ckan import model
from shown_links import CONTENT, Setting

from ckanext.s3multipart.downloads import public_files
from ckanext.s3multipart.downloads.move_model import KeyMove
from ckanext.s3multipart.downloads.public_files import publish
from ckanext.s3multipart.model import UploadRow, attached_upload
from ckanext.s3multipart.settings import portal_store
from s3portal.server.pytest_plugin import BUCKET


@pytest.fixture(autouse=True)
def public_mode(portal: Any, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The portal sends readers to public files without a signature, and the bucket lets them in."""
    setting("download_mode", "public")
    # No worker runs here; what a job would do, the tests do.
    monkeypatch.setattr(public_files, "_enqueue", lambda move_id: None)
    client = portal_store().client()
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/public/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    # The doctor of another test may have blocked public access.
    client.delete_public_access_block(Bucket=BUCKET)
    client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    yield
    client.delete_bucket_policy(Bucket=BUCKET)
    model.Session.rollback()
    model.Session.query(KeyMove).delete()
    model.Session.commit()


def row_of(resource: dict) -> UploadRow:
    model.Session.expire_all()
    row = attached_upload(resource["id"])
    assert row is not None
    return row


def published(publisher: Caller, content: bytes = CONTENT, **asked: Any) -> tuple[dict, str]:
    """A file that everybody reaches without a signature, and its address."""
    resource = publisher.publish(content, **asked)
    publish(row_of(resource))
    return resource, location(publisher, resource)


def location(caller: Caller, resource: dict) -> str:
    answer = caller.get(resource["url"])
    assert answer.status_code == 302, answer.get_data(as_text=True)[:500]
    return answer.headers["Location"]


def status(url: str) -> int:
    return requests.get(url, timeout=120).status_code


def turn_private(publisher: Caller) -> Answer:
    return publisher.call("package_patch", id=publisher.dataset, private=True)


def is_private(publisher: Caller) -> bool:
    return publisher.do("package_show", id=publisher.dataset)["private"]
