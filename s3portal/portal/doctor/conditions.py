"""Check: the store refuses to write over an object that is there, where it is asked to.

S3 API Reference, PutObject and CompleteMultipartUpload, If-None-Match: Ceph RGW 16 honours it with the first
and ignores it with the second.
"""

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from s3portal.portal.doctor.case import CALL_S, Case
from s3portal.portal.doctor.workspace import Workspace
from s3portal.portal.findings import Finding
from s3portal.transfer import deadline, error_code

_SUBJECT = "overwriting"
_BODY = b"s3portal doctor"
#: S3 API Reference, "Error responses": the object is there, or is being written just now.
_REFUSED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


def examine_conditions(case: Case, space: Workspace) -> Iterator[Finding]:
    """For portals whose keys can meet: two saves under one key at the same moment."""
    key = space.key("written-once.bin")
    space.note(key)
    ignored = []
    try:
        with deadline(CALL_S):
            case.store.client().put_object(Bucket=case.store.bucket, Key=key, Body=_BODY)
            if _overwrites_at_once(case, key):
                ignored.append("PutObject")
            if _overwrites_in_parts(case, space, key):
                ignored.append("CompleteMultipartUpload")
    except (ClientError, BotoCoreError) as error:
        yield case.look(_SUBJECT, f"could not be tried: {error}", "run the doctor again")
        return
    if ignored:
        text = (
            f"the store ignores If-None-Match with {' and '.join(ignored)}: if two files are saved under"
            " the same key at the same moment, the later one replaces the earlier one"
        )
        yield case.look(_SUBJECT, text, "use a store that honours it, or keep versions (bucket versioning)")
    else:
        yield case.ok(_SUBJECT, "the store never overwrites an existing object")


def _overwrites_at_once(case: Case, key: str) -> bool:
    try:
        case.store.client().put_object(Bucket=case.store.bucket, Key=key, Body=_BODY, IfNoneMatch="*")
    except ClientError as error:
        return _unless_refused(error)
    return True


def _overwrites_in_parts(case: Case, space: Workspace, key: str) -> bool:
    client, bucket = case.store.client(), case.store.bucket
    upload_id = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    space.note(key, s3_upload_id=upload_id)
    part = client.upload_part(Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=1, Body=_BODY)
    try:
        client.complete_multipart_upload(
            Bucket=bucket,
            Key=key,
            UploadId=upload_id,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
            IfNoneMatch="*",
        )
    except ClientError as error:
        return _unless_refused(error)
    return True


def _unless_refused(error: ClientError) -> bool:
    """False where the store refused to overwrite; any other error is raised again."""
    if error_code(error) in _REFUSED:
        return False
    raise error
