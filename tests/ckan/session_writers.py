"""Who writes to the store without the portal: with session credentials, or with a form of get_s3_post."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from callers import Answer, Caller, new_publisher
from ckan import model
from ckan.tests import helpers

from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep.session_sweep import LATE_WRITES
from ckanext.s3multipart.uploads.session_model import Adoption, SessionGrant

if TYPE_CHECKING:
    from ckan.tests.helpers import CKANTestApp
    from mypy_boto3_s3 import S3Client


#: What a file is before anybody tries to change it.
PUBLISHED = b"published"


@dataclass(frozen=True)
class Writer:
    """Somebody with session credentials, who keeps them."""

    client: S3Client
    bucket: str
    #: The prefix or the key that the credentials are for.
    scope: str

    def put(self, name: str, content: bytes = b"1,2", **arguments: Any) -> str:
        """Writes a file under the prefix; returns its key."""
        self.client.put_object(Bucket=self.bucket, Key=self.scope + name, Body=content, **arguments)
        return self.scope + name


def store_of(credentials: dict[str, str]) -> S3Client:
    """The store as somebody with these credentials reaches it."""
    return boto3.client(
        "s3",
        endpoint_url=credentials["endpoint"],
        region_name=credentials["region"],
        aws_access_key_id=credentials["access_key_id"],
        aws_secret_access_key=credentials["secret_access_key"],
        aws_session_token=credentials["session_token"],
        # docs/http-api.md: no checksums of another algorithm than the upload's.
        config=Config(request_checksum_calculation="when_required"),
    )


def writer(caller: Caller, **asked: str) -> Writer:
    """Somebody with the credentials of the caller's dataset, or of an upload: ``id=``."""
    credentials = caller.do("s3multipart_credentials", **(asked or {"owner": caller.dataset}))
    scope = credentials.get("prefix") or credentials["key"]
    return Writer(store_of(credentials), credentials["bucket"], scope)


def post_form(caller: Caller, content: bytes = b"1,2", filename: str = "posted.csv") -> requests.Response:
    """Fetches a form of the old route and posts a file with it."""
    form = caller.get(f"/api/3/action/get_s3_post/{caller.dataset}").get_json()
    return post_with(form, content, filename)


def post_with(form: dict[str, Any], content: bytes, filename: str) -> requests.Response:
    return requests.post(form["url"], data=form["fields"], files={"file": (filename, content)}, timeout=60)


def new_colleague(app: CKANTestApp, publisher: Caller) -> Caller:
    """Another editor of the publisher's organisation, who may edit the same dataset."""
    colleague = new_publisher(app)
    helpers.call_action(
        "organization_member_create", id=publisher.organisation_id, username=colleague.name, role="editor"
    )
    model.Session.remove()
    return Caller(
        app=app,
        name=colleague.name,
        user_id=colleague.user_id,
        token=colleague.token,
        organisation=publisher.organisation,
        organisation_id=publisher.organisation_id,
        dataset=publisher.dataset,
    )


def withdraw(caller: Caller) -> None:
    """The caller is no editor of the organisation any more."""
    site = helpers.call_action("get_site_user")
    helpers.call_action(
        "organization_member_delete",
        context={"user": site["name"]},
        id=caller.organisation_id,
        username=caller.name,
    )
    model.Session.remove()


def listed(caller: Caller) -> list[dict[str, Any]]:
    """The caller's unfinished uploads of their dataset, which finds what was written."""
    return caller.do("s3multipart_upload_list", owner=caller.dataset)


def listed_by_name(caller: Caller) -> dict[str, dict[str, Any]]:
    return {upload["filename"]: upload for upload in listed(caller)}


def row_of(upload: dict[str, Any]) -> UploadRow:
    model.Session.rollback()
    return model.Session.get(UploadRow, upload["id"], populate_existing=True)


def key_of(resource: dict[str, Any]) -> str:
    """The key of a resource's file, as its link's redirect shows it to every reader."""
    model.Session.rollback()
    return model.Session.query(UploadRow.key).filter_by(resource_id=resource["id"], state="attached").scalar()


def stored_under(prefix: str) -> list[str]:
    """The keys that the store has under this prefix."""
    answer = portal_store().client().list_objects_v2(Bucket=portal_store().bucket, Prefix=prefix)
    return [found["Key"] for found in answer.get("Contents", [])]


def grants_of(caller: Caller) -> list[SessionGrant]:
    model.Session.rollback()
    return model.Session.query(SessionGrant).filter_by(dataset_id=caller.dataset, user=caller.user_id).all()


def adoption_of(upload: dict[str, Any]) -> Adoption | None:
    model.Session.rollback()
    return model.Session.get(Adoption, upload["id"], populate_existing=True)


def let_time_pass(caller: Caller) -> None:
    """Every credential and form that was given out for the dataset has ended long ago."""
    long_ago = now() - LATE_WRITES - timedelta(hours=1)
    model.Session.query(SessionGrant).filter_by(dataset_id=caller.dataset).update(
        {"writable_until": long_ago, "issuable_until": long_ago}
    )
    model.Session.commit()


def save(caller: Caller, upload: dict[str, Any], **resource: str) -> Answer:
    """Saves a new resource with the upload's file."""
    return caller.call(
        "resource_create", package_id=caller.dataset, s3multipart_upload_id=upload["id"], **resource
    )


def read(caller: Caller, resource: dict) -> bytes:
    """What readers get by the link that survives replacing."""
    return caller.follow(f"/dataset/{caller.dataset}/resource/{resource['id']}/download").content


def denied(attempt: Callable[[], object]) -> bool:
    """Whether the store lets nobody do this."""
    try:
        attempt()
    except ClientError as error:
        # A store that lacks an operation says so before it looks at anybody.
        return error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 501)
    return False


def writes(own: Writer, key: str) -> dict[str, Callable[[], object]]:
    """Every way of creating an object under a key."""
    at = {"Bucket": own.bucket, "Key": key}
    return {
        "put": lambda: own.client.put_object(**at, Body=b"forged"),
        "copy": lambda: own.client.copy_object(
            **at, CopySource={"Bucket": own.bucket, "Key": own.scope + "x"}
        ),
        "begin": lambda: own.client.create_multipart_upload(**at),
        "delete": lambda: own.client.delete_object(**at),
        "tag": lambda: own.client.put_object_tagging(**at, Tagging={"TagSet": []}),
        "acl": lambda: own.client.put_object_acl(**at, ACL="public-read"),
    }


def row_of_resource(resource: dict) -> UploadRow:
    """The upload that is the file of the resource."""
    model.Session.rollback()
    return model.Session.query(UploadRow).filter_by(resource_id=resource["id"], state="attached").one()


def send_part(own: Writer, s3_upload_id: str, content: bytes = b"1,2") -> str:
    """Sends the first part of an upload with its credentials; returns the ETag."""
    return own.client.upload_part(
        Bucket=own.bucket, Key=own.scope, UploadId=s3_upload_id, PartNumber=1, Body=content
    )["ETag"]


def complete_with(own: Writer, s3_upload_id: str, etag: str) -> object:
    """Completes an upload of one part with its credentials."""
    return own.client.complete_multipart_upload(
        Bucket=own.bucket,
        Key=own.scope,
        UploadId=s3_upload_id,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]},
    )
