"""What tests need of a store and not every store has: where another one is tested, they are skipped.

Which store the suites of transfer and client use is in the environment, as tests/transfer/conftest.py says.
"""

import inspect
import os

import pytest

from s3portal.transfer import CRCS, Store, TransferSettings, checksum_support, open_store

#: What Ceph RGW 16 takes for another operation, since it does not know the query that tells them apart, or
#: answers to everybody.
MISUNDERSTOOD_ELSEWHERE = frozenset(
    {
        "GetBucketNotification",
        "GetBucketNotificationConfiguration",
        "PutBucketNotification",
        "PutBucketNotificationConfiguration",
        "PutObjectAnnotation",
        "RenameObject",
        "RestoreObject",
        "UpdateObjectEncryption",
    }
)


def is_foreign() -> bool:
    """Whether the environment names another store than the bundled server."""
    return "S3PORTAL_TEST_BUCKET" in os.environ


def foreign_store(**settings: object) -> Store:
    """The store that the environment names, with its own role whatever ``settings`` say of one."""
    named = {
        "s3_endpoint": os.environ.get("S3PORTAL_TEST_ENDPOINT", ""),
        "s3_region": os.environ.get("S3PORTAL_TEST_REGION", "us-east-1"),
        "s3_access_key_id": os.environ.get("S3PORTAL_TEST_ACCESS_KEY_ID", ""),
        "s3_secret_access_key": os.environ.get("S3PORTAL_TEST_SECRET_ACCESS_KEY", ""),
        "s3_role": os.environ.get("S3PORTAL_TEST_ROLE", ""),
        "s3_prefix": "s3portal-tests",
    }
    return open_store(
        TransferSettings(
            s3_bucket=os.environ["S3PORTAL_TEST_BUCKET"], **{**named, **settings, "s3_role": named["s3_role"]}
        )  # type: ignore[arg-type]
    )


@pytest.fixture(autouse=True)
def bundled_server_where_it_is_needed(request: pytest.FixtureRequest) -> None:
    """Skips a test that takes ``s3_server``, for its faults or its log, where another store is tested."""
    if is_foreign() and "s3_server" in inspect.signature(request.function).parameters:
        pytest.skip("needs the faults or the log of the bundled server, and another store is tested")


def require_crc(store: Store, name: str) -> None:
    """Skips where the store computes no checksum of this name."""
    support = checksum_support(store)
    if name in CRCS and support.algorithm != name:
        pytest.skip(f"needs a store that computes {name}: {support.reason}")


def require_mac_in_tokens() -> None:
    """Skips where the store's session tokens are known to be accepted when they were altered."""
    if is_foreign():
        pytest.skip("needs session tokens with a MAC, which Ceph RGW 16 has not: `doctor` looks for that")
