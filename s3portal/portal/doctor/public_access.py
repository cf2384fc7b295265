"""Check: strangers get nothing. Tried without any keys, in the doctor's own corner of the bucket."""

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from s3portal.portal.doctor.case import CALL_S, Case
from s3portal.portal.doctor.connection import Connection, NoAnswer
from s3portal.portal.doctor.fixes import FixRefused
from s3portal.portal.doctor.workspace import Workspace
from s3portal.portal.findings import Finding
from s3portal.transfer import deadline, error_code, object_url

_SUBJECT = "public access"
#: The switches of Block Public Access (S3 API Reference, PublicAccessBlockConfiguration).
ACL_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls")
POLICY_BLOCKS = ("BlockPublicPolicy", "RestrictPublicBuckets")
_BLOCKS = (*ACL_BLOCKS, *POLICY_BLOCKS)


def examine_public_access(
    case: Case, connection: Connection, space: Workspace, readable_key: str, *, apply: bool = False
) -> Iterator[Finding]:
    """``readable_key`` is that of an object that is there. With ``apply``, the bucket's Block Public Access
    is switched on first where the store has it and it is off."""
    if apply and case.fixes and not case.serves_public_files and (unblocked := _unblocked(case)):
        yield _blocked(case, unblocked)
    bucket_url = case.store.address.base_url
    try:
        reads = connection.send("GET", object_url(case.store, readable_key)).is_success
        listing = connection.send("GET", f"{bucket_url}?list-type=2&max-keys=1")
        lists = listing.is_success and b"<ListBucketResult" in listing.body
        key = space.key("written-by-a-stranger")
        url = object_url(case.store, key)
        writes = space.try_writing(
            key, lambda: connection.send("PUT", url, (), b"s3portal doctor")
        ).is_success
    except NoAnswer as error:
        yield case.look(_SUBJECT, f"could not be tried: {error}", "run the doctor again")
        return
    can = [word for word, allowed in (("read", reads), ("list", lists), ("write", writes)) if allowed]
    if can:
        text = f"anybody can {' and '.join(can)} the files in {case.store.bucket} without asking the portal"
        yield case.wrong(_SUBJECT, text, _mend(case))
        return
    if case.store.settings.on_aws and not case.serves_public_files and (unblocked := _unblocked(case)):
        text = f"strangers get nothing today, but nothing guarantees that: {', '.join(unblocked)} not set"
        yield case.look(_SUBJECT, text, _mend(case))
        return
    yield case.ok(_SUBJECT, "strangers can neither read, list nor write")


def _blocked(case: Case, unblocked: list[str]) -> Finding:
    assert case.fixes is not None
    try:
        with deadline(CALL_S):
            case.fixes.block_public_access.apply()
    except FixRefused as refused:
        return case.look(_SUBJECT, f"public access was not blocked: {refused.text}", refused.mend)
    return case.ok(_SUBJECT, f"applied: {', '.join(unblocked)}")


def _mend(case: Case) -> str:
    if not case.store.settings.on_aws and not _unblocked(case):
        return "remove the public grants from the bucket's policy and its ACL"
    if case.fixes is None:
        return case.apply_command
    return case.fixes.block_public_access.command


def _unblocked(case: Case) -> list[str]:
    """The settings of Block Public Access that are off, none where the keys may not see them."""
    try:
        with deadline(CALL_S):
            found = case.store.client().get_public_access_block(Bucket=case.store.bucket)
    except ClientError as error:
        return list(_BLOCKS) if error_code(error) == "NoSuchPublicAccessBlockConfiguration" else []
    except BotoCoreError:
        return []
    configured = dict(found["PublicAccessBlockConfiguration"])
    return [name for name in _BLOCKS if not configured.get(name)]
