"""The bucket policy: statements of ours are merged by their Sid, those of others stay.

Source: S3 User Guide, "Bucket policies for Amazon S3" and "Restricting access to a specific HTTP referrer".
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from s3portal.buckets.problems import NotOffered, Refused, Unusable, asking
from s3portal.buckets.settings.change import Change
from s3portal.buckets.settings.public_access import read_block
from s3portal.buckets.settings.reading import read_setting
from s3portal.transfer import Store, error_code

Policy = dict[str, Any]
REFERER_SID = "S3portalAllowReferer"
PUBLIC_READ_SID = "S3portalPublicRead"
CLOUDFRONT_SID = "S3portalAllowCloudFront"
#: Stands for the Sid of a statement that has none.
NO_SID = "(no Sid)"
_VERSION = "2012-10-17"
#: S3 User Guide, "Policies and permissions": 20 KB.
MAX_POLICY_BYTES = 20 * 1024
_DISTRIBUTION = re.compile(r"arn:aws[a-z-]*:cloudfront::[0-9]{12}:distribution/[A-Z0-9]+")
_DOMAIN = re.compile(r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")


def read_policy(store: Store) -> Policy | None:
    """The bucket's policy, or None. Raises Refused, NotOffered."""
    client = store.client()
    answer = read_setting(
        store,
        "s3:GetBucketPolicy",
        "bucket policies",
        lambda: client.get_bucket_policy(Bucket=store.bucket)["Policy"],
        ("NoSuchBucketPolicy",),
    )
    if answer is None:
        return None
    try:
        policy: Policy = json.loads(answer)
    except ValueError as error:
        raise NotOffered("this store has no bucket policies: it answers as to another request") from error
    return policy


def parse_policy(text: str, name: str) -> Policy:
    """The policy in a file. Raises Unusable, with the line of the mistake."""
    try:
        policy = json.loads(text)
    except json.JSONDecodeError as error:
        raise Unusable(f"{name}, line {error.lineno}: this is not JSON: {error.msg}") from error
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise Unusable(f'{name}: a policy is a JSON object with a "Statement"')
    found = policy["Statement"]
    if not all(isinstance(each, dict) for each in (found if isinstance(found, list) else [found])):
        raise Unusable(f'{name}: "Statement" is a list of JSON objects')
    return policy


def referer_statement(bucket: str, domains: Sequence[str], prefix: str = "") -> Policy:
    """Lets everyone read who comes from a page of these domains, by both schemes. Raises Unusable for what is
    not a domain."""
    for domain in domains:
        if not _DOMAIN.fullmatch(domain):
            raise Unusable(
                f"--domain {domain}: write a host such as www.example.org, without http:// and paths"
            )
    referers = [f"{scheme}://{domain}/*" for domain in domains for scheme in ("http", "https")]
    return {
        **_read_statement(REFERER_SID, bucket, prefix),
        "Condition": {"StringLike": {"aws:Referer": referers}},
    }


def public_read_statement(bucket: str, prefix: str = "") -> Policy:
    """Lets everyone read."""
    return _read_statement(PUBLIC_READ_SID, bucket, prefix)


def cloudfront_statement(bucket: str, distribution: str, prefix: str = "") -> Policy:
    """Lets one CloudFront distribution read, and nobody past it. Raises Unusable for what is not the ARN of
    one.

    Source: CloudFront Developer Guide, "Restrict access to an Amazon S3 origin" (origin access control).
    """
    if not _DISTRIBUTION.fullmatch(distribution):
        raise Unusable(
            f"--distribution {distribution}: write its ARN, as in"
            " arn:aws:cloudfront::123456789012:distribution/EDFDVBD632BHDS5"
        )
    return {
        **_read_statement(CLOUDFRONT_SID, bucket, prefix),
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Condition": {"StringEquals": {"aws:SourceArn": distribution}},
    }


def with_statement(policy: Policy | None, statement: Mapping[str, Any]) -> Policy:
    """The policy with this statement in the place of the one of its Sid; others stay as they are."""
    others = [each for each in statements(policy) if each.get("Sid") != statement["Sid"]]
    return {**(policy or {"Version": _VERSION}), "Statement": [*others, dict(statement)]}


def without_statement(policy: Policy | None, sid: str) -> Policy | None:
    """The policy without the statement of this Sid; None where nothing is left. Raises Unusable."""
    found = statements(policy)
    left = [each for each in found if each.get("Sid") != sid]
    if len(left) == len(found):
        there = ", ".join(str(each["Sid"]) for each in found if each.get("Sid")) or "none with a Sid"
        raise Unusable(f"--sid {sid}: the policy has no such statement; it has {there}")
    return {**(policy or {}), "Statement": left} if left else None


def statements(policy: Policy | None) -> list[Policy]:
    """The policy's statements; a single one may stand without a list."""
    found = (policy or {}).get("Statement", [])
    return [found] if isinstance(found, dict) else list(found)


def lets_strangers(policy: Policy | None) -> bool:
    """Whether a statement allows everyone something without naming an account (whatever its condition): what
    BlockPublicPolicy may refuse."""
    return any(is_for_everyone(each) for each in statements(policy))


def public_sids(policy: Policy | None) -> list[str]:
    """The Sids of the statements that allow everyone something, or NO_SID."""
    return [str(each.get("Sid", NO_SID)) for each in statements(policy) if is_for_everyone(each)]


def policy_change(store: Store, wanted: Policy | None, text: str) -> Change:
    """The change to this policy, None for no policy. Raises Refused where Block Public Access or the limit of
    S3 would refuse it."""
    before = read_policy(store)
    if wanted is not None:
        size = len(json.dumps(wanted, separators=(",", ":")).encode())
        if size > MAX_POLICY_BYTES:
            raise Refused(f"the policy has {size:,} bytes, and S3 takes {MAX_POLICY_BYTES:,}")
        if lets_strangers(wanted) and not lets_strangers(before):
            _require_unblocked(store)
    return Change(text, before, wanted, lambda: _write(store, wanted))


def _require_unblocked(store: Store) -> None:
    block = read_block(store)
    on = [name for name in ("BlockPublicPolicy", "RestrictPublicBuckets") if block and block.get(name)]
    if on:
        raise Refused(
            f"Block Public Access is on ({', '.join(on)}), so {store.bucket} cannot have a public policy",
            f"keep it, and hand out links that expire (s3portal presign); or, if these files are to be"
            f" public:  s3portal bucket public-access unblock {store.bucket} --policies",
        )


def _write(store: Store, policy: Policy | None) -> None:
    client = store.client()
    if policy is None:
        with asking(store, "s3:DeleteBucketPolicy", what="bucket policies"):
            client.delete_bucket_policy(Bucket=store.bucket)
        return
    with asking(store, "s3:PutBucketPolicy", what="bucket policies"):
        try:
            client.put_bucket_policy(Bucket=store.bucket, Policy=json.dumps(policy))
        except ClientError as error:
            if error_code(error) == "AccessDenied":
                _require_unblocked_for_any(store, error)
            raise


def _require_unblocked_for_any(store: Store, error: ClientError) -> None:
    """Ceph RGW takes every policy with a condition or a service for a public one."""
    try:
        block = read_block(store)
    except Refused:
        return
    if block and block.get("BlockPublicPolicy"):
        raise Refused(
            f"Block Public Access is on (BlockPublicPolicy), and the store answers {error_code(error)}: it"
            " takes this policy for a public one, or the keys lack s3:PutBucketPolicy",
            f"allow s3:PutBucketPolicy on arn:aws:s3:::{store.bucket}; if that is allowed:  s3portal bucket"
            f" public-access unblock {store.bucket} --policies",
        ) from error


def _read_statement(sid: str, bucket: str, prefix: str) -> Policy:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/{prefix}*",
    }


def is_for_everyone(statement: Mapping[str, Any]) -> bool:
    """Whether it allows everyone something, under a condition or not."""
    return statement.get("Effect") == "Allow" and _is_everyone(statement.get("Principal"))


def _is_everyone(principal: Any) -> bool:
    if isinstance(principal, dict):
        principal = principal.get("AWS")
    return principal == "*" or (isinstance(principal, list) and "*" in principal)
