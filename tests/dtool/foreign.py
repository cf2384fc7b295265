"""A store that the environment names, to run the tests of the dtool broker against instead of the bundled
one.

Either ``S3PORTAL_TEST_BUCKET`` with ``S3PORTAL_TEST_ACCESS_KEY_ID`` and
``S3PORTAL_TEST_SECRET_ACCESS_KEY``, or what dtool-s3's own tests read: ``S3_TEST_BASE_URI``
(``s3://bucket``), ``S3_TEST_ACCESS_KEY_ID`` and ``S3_TEST_SECRET_ACCESS_KEY``. The endpoint is in
``S3PORTAL_TEST_ENDPOINT``, in dtool's setting for the bucket, or in ``AWS_ENDPOINT_URL_S3`` or
``AWS_ENDPOINT_URL``; without any it is AWS, where without keys the AWS configuration is used.
"""

import os
from collections.abc import Callable, Mapping

import boto3
from datasets import Bucket


def read_foreign(environ: Mapping[str, str]) -> Bucket | None:
    """The bucket that the environment names, or None where it names none. Raises ValueError for half a
    key.
    """
    prefix = "S3PORTAL_TEST" if environ.get("S3PORTAL_TEST_BUCKET") else "S3_TEST"
    base_uri = environ.get("S3_TEST_BASE_URI", "")
    name = environ.get("S3PORTAL_TEST_BUCKET") or base_uri.removeprefix("s3://").strip("/")
    if not name:
        return None
    endpoints = (
        "S3PORTAL_TEST_ENDPOINT",
        f"DTOOL_S3_ENDPOINT_{name}",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL",
    )
    endpoint = next((environ[setting] for setting in endpoints if environ.get(setting)), "")
    key = [environ.get(f"{prefix}_{part}", "") for part in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")]
    if not any(key):
        key = [environ.get(f"DTOOL_S3_{part}_{name}", "") for part in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")]
    if not any(key) and (found := boto3.Session().get_credentials()):
        return Bucket(name, endpoint, found.access_key, found.secret_key, found.token or "")
    if not all(key):
        raise ValueError(f"{prefix}_ACCESS_KEY_ID and {prefix}_SECRET_ACCESS_KEY are both needed for {name}.")
    return Bucket(name, endpoint, *key)


#: Read when the tests begin, before their home hides the environment.
FOREIGN = read_foreign(os.environ)

#: What tests need of a store beyond what all have, and how to find out: ``{need: test(bucket)}``
NEEDS: dict[str, Callable[[Bucket], bool]] = {
    "metadata come back with underscores in their names (Ceph RGW writes hyphens), as dtool-s3 needs": (
        lambda bucket: _metadata_back(bucket, {"frozen_at": "1"}) == {"frozen_at": "1"}
    ),
    "Content-MD5 is compared with the content": lambda bucket: _refuses(bucket, ContentMD5="A" * 22 + "=="),
}
UNDERSCORES, CONTENT_MD5 = NEEDS


def _metadata_back(bucket: Bucket, metadata: dict[str, str]) -> dict[str, str]:
    bucket.put("s3portal-test-probe", b"", **metadata)
    try:
        return bucket.metadata("s3portal-test-probe")
    finally:
        bucket.delete("s3portal-test-probe")


def _refuses(bucket: Bucket, **arguments: str) -> bool:
    client = bucket.store.client()
    try:
        client.put_object(Bucket=bucket.name, Key="s3portal-test-probe", Body=b"x", **arguments)
    except client.exceptions.ClientError:
        return True
    bucket.delete("s3portal-test-probe")
    return False
