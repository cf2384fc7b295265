"""A store that the environment names, to run the tests of the Indico plugin against instead of the bundled
one.

``S3PORTAL_TEST_ENDPOINT`` names it, with ``S3PORTAL_TEST_ACCESS_KEY_ID`` and
``S3PORTAL_TEST_SECRET_ACCESS_KEY`` of a user who may make buckets, and ``S3PORTAL_TEST_REGION`` where it is
not us-east-1. The buckets that tests make, such as ``indico-files``, stay there: it has to be a store for
tests.
"""

import uuid
from collections.abc import Callable, Mapping
from functools import lru_cache

import pytest
from botocore.exceptions import ClientError
from services import S3Server


def read_foreign(environ: Mapping[str, str]) -> S3Server | None:
    """The store that the environment names, or None where it names none. Raises ValueError for half a key."""
    endpoint = environ.get("S3PORTAL_TEST_ENDPOINT", "")
    if not endpoint:
        return None
    names = ("S3PORTAL_TEST_ACCESS_KEY_ID", "S3PORTAL_TEST_SECRET_ACCESS_KEY")
    key = [environ.get(name, "") for name in names]
    if not all(key):
        raise ValueError(f"{' and '.join(names)} are both needed for {endpoint}.")
    return S3Server(endpoint, *key, region=environ.get("S3PORTAL_TEST_REGION", ""))


def skip_without(server: S3Server, need: str) -> None:
    """Skips the test on another store than the bundled one that does not meet what it needs."""
    if server.is_foreign and not _meets(server, need):
        pytest.skip(f"NOT RUN on {server.endpoint}: it needs a store where {need}")


@lru_cache
def _meets(server: S3Server, need: str) -> bool:
    bucket = f"test-needs-{uuid.uuid4().hex[:12]}"
    server.client.create_bucket(Bucket=bucket)
    return NEEDS[need](server, bucket)


def _counts_parts(server: S3Server, bucket: str) -> bool:
    _complete(server, bucket)
    return "PartsCount" in server.client.head_object(Bucket=bucket, Key="probe", PartNumber=1)


def _refuses_a_second_completion(server: S3Server, bucket: str) -> bool:
    _complete(server, bucket)
    try:
        _complete(server, bucket, IfNoneMatch="*")
    except ClientError as error:
        return error.response["Error"]["Code"] == "PreconditionFailed"
    return False


def _names_a_wrong_secret(server: S3Server, bucket: str) -> bool:
    impostor = S3Server(server.endpoint, server.access_key, "wrong", region=server.region)
    try:
        impostor.client.list_objects_v2(Bucket=bucket)
    except ClientError as error:
        return error.response["Error"]["Code"] == "SignatureDoesNotMatch"
    return False


def _complete(server: S3Server, bucket: str, **conditions: str) -> None:
    """Makes the object ``probe`` of one part."""
    place = {"Bucket": bucket, "Key": "probe"}
    place["UploadId"] = server.client.create_multipart_upload(**place)["UploadId"]
    etag = server.client.upload_part(**place, PartNumber=1, Body=b"probe")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    server.client.complete_multipart_upload(**place, MultipartUpload=parts, **conditions)


#: What tests need of a store beyond what all have, and how to find out:
#: ``{need: test(server, empty bucket)}``
NEEDS: dict[str, Callable[[S3Server, str], bool]] = {
    "HeadObject tells how many parts an object has (Ceph RGW 16 does not)": _counts_parts,
    "CompleteMultipartUpload knows If-None-Match (Ceph RGW 16 ignores it)": _refuses_a_second_completion,
    "a wrong secret is answered with SignatureDoesNotMatch (Ceph RGW 16 with STS says AccessDenied)": (
        _names_a_wrong_secret
    ),
}
PARTS_COUNT, CONDITIONAL_COMPLETION, WRONG_SECRET_NAMED = NEEDS
