"""MyFSIO's routes, for its dialect to find. Source: its document, sections 5 to 8 and 13."""

from __future__ import annotations

import re
from collections.abc import Callable

from s3portal.server.api.buckets import policy, quotas
from s3portal.server.api.myfsio import keys
from s3portal.server.api.myfsio.presigning import presign
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.dialects.myfsio import Route
from s3portal.server.gateway.operation import BUCKET, OBJECT, SERVICE, Operation
from s3portal.server.wire.reply import Reply

_BUCKET = "(?P<bucket>[^/]+)/?"
_PRESIGN = re.compile("presign/(?P<bucket>[^/]+)/(?P<key>.+)", re.DOTALL)
_POLICY = re.compile(f"bucket-policy/{_BUCKET}")
_QUOTA = re.compile(f"bucket/{_BUCKET}")
_KEYS = re.compile("kms/keys/?")
_KEY_ID = "kms/keys/(?P<key_id>[^/]+)"
_KEY = re.compile(f"{_KEY_ID}/?")


def _of_key(verb: str) -> re.Pattern[str]:
    return re.compile(f"{_KEY_ID}/{verb}/?")


def _policy_route(method: str, name: str, handler: Callable[[Call], Reply]) -> Route:
    return Route(_POLICY, method, Operation(name, BUCKET, method, (), f"s3:{name}", handler))


def _quota_route(method: str, name: str, handler: Callable[[Call], Reply]) -> Route:
    return Route(_QUOTA, method, Operation(name, BUCKET, method, (), "", handler), query="quota")


def _key_route(path: re.Pattern[str], method: str, name: str, handler: Callable[[Call], Reply]) -> Route:
    return Route(path, method, Operation(name, SERVICE, method, (), "", handler))


ROUTES = (
    Route(_PRESIGN, "POST", Operation("PresignObject", OBJECT, "POST", (), "", presign)),
    _policy_route("GET", "GetBucketPolicy", policy.get_bucket_policy),
    _policy_route("PUT", "PutBucketPolicy", policy.put_bucket_policy_unsummed),
    _policy_route("DELETE", "DeleteBucketPolicy", policy.delete_bucket_policy),
    _quota_route("GET", "GetBucketQuota", quotas.get_bucket_quota),
    _quota_route("PUT", "PutBucketQuota", quotas.put_bucket_quota),
    _key_route(_KEYS, "GET", "ListKeys", keys.list_keys),
    _key_route(_KEYS, "POST", "CreateKey", keys.create_key),
    _key_route(_KEY, "GET", "DescribeKey", keys.describe_key),
    _key_route(_KEY, "DELETE", "ScheduleKeyDeletion", keys.delete_key),
    _key_route(_of_key("rotate"), "POST", "RotateKeyOnDemand", keys.rotate_key),
    _key_route(_of_key("enable"), "POST", "EnableKey", keys.enable_key),
    _key_route(_of_key("disable"), "POST", "DisableKey", keys.disable_key),
)
