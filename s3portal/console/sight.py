"""What a visitor may see, for menus to lead nowhere else.

Asked by reading as they do, and remembered for a minute: whether a page opens is decided each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from s3portal.console.errors import is_denied
from s3portal.console.visit import Visit, console, visit


def seen_sections() -> frozenset[str]:
    """Returns which sections the visitor may see, and whether users, groups, roles and policies."""
    return console().sights.of(visit().session.digest, "", lambda: _sections(visit()))


def seen_tabs(bucket: str) -> frozenset[str]:
    """Returns which tabs of a bucket the visitor may see, and which settings that are documents."""
    return console().sights.of(visit().session.digest, bucket, lambda: _tabs(visit().s3, bucket))


def _sections(of: Visit) -> Iterator[str]:
    yield from ("buckets", "why")
    asked = (
        ("users", of.iam.list_users),
        ("groups", of.iam.list_groups),
        ("roles", of.iam.list_roles),
        ("policies", of.iam.list_policies),
    )
    people = [name for name, ask in asked if _may(ask, MaxItems=1)]
    yield from people
    if people:
        yield "people"
    if _may(of.kms.list_keys, Limit=1):
        yield "keys"
    if of.is_operator:
        yield "operating"


def _tabs(s3: Any, bucket: str) -> Iterator[str]:
    asked: tuple[tuple[str, Callable[..., object], dict[str, object]], ...] = (
        ("objects", s3.list_objects_v2, {"MaxKeys": 1}),
        ("uploads", s3.list_multipart_uploads, {"MaxUploads": 1}),
        ("policy", s3.get_bucket_policy, {}),
        ("replication", s3.get_bucket_replication, {}),
        ("cors", s3.get_bucket_cors, {}),
        ("lifecycle", s3.get_bucket_lifecycle_configuration, {}),
        ("notifications", s3.get_bucket_notification_configuration, {}),
    )
    yield "settings"
    for name, ask, more in asked:
        if _may(ask, Bucket=bucket, **more):
            yield name


def _may(ask: Callable[..., object], **parameters: object) -> bool:
    try:
        ask(**parameters)
    except ClientError as refused:
        return not is_denied(refused)
    return True
