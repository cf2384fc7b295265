"""What a command said and how it ended."""

import os
from collections import Counter
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError
from foreign_store import is_foreign

KEY = os.environ.get("S3PORTAL_TEST_ACCESS_KEY_ID", "admin-key")
SECRET = os.environ.get("S3PORTAL_TEST_SECRET_ACCESS_KEY", "admin-secret-of-tests")
#: When the files of the tests were changed last.
TIME_S = 1_700_000_000


@dataclass(frozen=True)
class Said:
    """Exit code, standard output, standard error."""

    code: int
    out: str
    err: str


def operations(server, since=0):
    return Counter(request.operation for request in list(server.requests)[since:])


def offers_ownership(client, bucket="files"):
    """Whether the store knows Object Ownership. Ceph RGW 16 takes the question for ListObjects, and answers
    without rules."""
    if not is_foreign():
        return True
    try:
        return "Rules" in client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    except ClientError as error:
        return error.response["Error"]["Code"] == "OwnershipControlsNotFoundError"


def require_ownership(client):
    """Skips where ACLs cannot be switched off."""
    if not offers_ownership(client):
        pytest.skip("needs Object Ownership, which this store does not know")


def let_acls_count(client, bucket):
    """Where a store has no Object Ownership they always do."""
    if offers_ownership(client, bucket):
        client.put_bucket_ownership_controls(
            Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        )


def require_storage_classes(client):
    """Skips where STANDARD is the only storage class."""
    try:
        client.put_object(Bucket="files", Key="class", Body=b"", StorageClass="STANDARD_IA")
    except ClientError:
        pytest.skip("needs the storage class STANDARD_IA, which this store does not have")
    client.delete_object(Bucket="files", Key="class")


def require_reader():
    """Skips where there is no second user, who may only list."""
    if is_foreign():
        pytest.skip("needs a user with few permissions, and the environment names one user of the store")


def keys(client, bucket="files", prefix=""):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [each["Key"] for page in pages for each in page.get("Contents", [])]


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
