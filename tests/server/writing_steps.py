"""Requests that a writer of ``mixed_load`` makes, one function for each kind of writing.

Each is given the writer and a client, and returns a Step, or None where there is nothing to do it with.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError

import urllib3
from botocore.exceptions import ClientError
from bucket_marks import MARKS
from kept_state import Kept, Version

KEYS = ("a", "b/c", "d é")
VERSIONS_LIMIT = 5
_ACLS = {False: "private", True: "public-read"}
_RETAINED_UNTIL = ("2050", "2060")


@dataclass(frozen=True)
class Step:
    """A request about one bucket. ``grown`` returns what is in it afterwards, by what was answered, or
    without an answer. ``is_one`` says whether it happens as a whole."""

    bucket: str
    call: Callable[[], Any]
    grown: Callable[[dict[str, Any]], Kept | None]
    is_one: bool = True


def _put(writer, s3):
    bucket = writer.bucket()
    key, content, known = writer.key_to_write(bucket), writer.content(), writer.known[bucket]
    if key is None:
        return None
    tag, is_public = writer.random.choice([None, "put"]), writer.random.random() < 0.3
    options = {"Tagging": f"t={tag}"} if tag else {}
    return Step(
        bucket,
        lambda: s3.put_object(Bucket=bucket, Key=key, Body=content, ACL=_ACLS[is_public], **options),
        lambda answer: known.with_new(
            key, Version(answer.get("VersionId"), content, tag=tag, is_public=is_public)
        ),
    )


def _put_if_new(writer, s3):
    bucket = writer.bucket()
    key, content, known = writer.key_to_write(bucket), writer.content(), writer.known[bucket]
    if key is None:
        return None
    call = {"Bucket": bucket, "Key": key, "Body": content, "IfNoneMatch": "*"}
    current = known.versions.get(key, (Version(None, None),))[0]
    if current.content is not None:
        return Step(bucket, lambda: _require_refusal(s3, call), lambda answer: known)
    return Step(
        bucket,
        lambda: s3.put_object(**call),
        lambda answer: known.with_new(key, Version(answer.get("VersionId"), content)),
    )


def _require_refusal(s3, call):
    try:
        s3.put_object(**call)
    except ClientError as refused:
        assert refused.response["Error"]["Code"] == "PreconditionFailed", refused
    else:
        raise AssertionError("a conditional write went through")


def _post(writer, s3):
    bucket = writer.bucket()
    key, content, known = writer.key_to_write(bucket), writer.content(), writer.known[bucket]
    if key is None:
        return None
    form = s3.generate_presigned_post(bucket, key)
    fields = [*form["fields"].items(), ("file", ("name", content, "application/octet-stream"))]
    body, content_type = urllib3.encode_multipart_formdata(fields)

    def call():
        request = urllib.request.Request(form["url"], body, {"Content-Type": content_type}, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return {"VersionId": answer.headers["x-amz-version-id"]}
        except HTTPError as refused:
            raise AssertionError(refused.read()) from refused

    return Step(bucket, call, lambda answer: known.with_new(key, Version(answer.get("VersionId"), content)))


def _copy(writer, s3):
    bucket, source_bucket = writer.bucket(), writer.bucket()
    source, key, known = writer.version_in(source_bucket), writer.key_to_write(bucket), writer.known[bucket]
    if source is None or key is None:
        return None
    source_key, version = source
    if (bucket, key) == (source_bucket, source_key):
        return None
    named = {"Bucket": source_bucket, "Key": source_key, "VersionId": version.version_id}
    replacing = writer.random.random() < 0.5
    options = {"TaggingDirective": "REPLACE", "Tagging": "t=copy"} if replacing else {}
    tag = "copy" if replacing else version.tag
    return Step(
        bucket,
        lambda: s3.copy_object(Bucket=bucket, Key=key, CopySource=named, **options),
        lambda answer: known.with_new(key, Version(answer.get("VersionId"), version.content, tag=tag)),
    )


def _rename(writer, s3):
    bucket = writer.plain
    source, target, known = writer.version_in(bucket), writer.random.choice(KEYS), writer.known[bucket]
    if source is None or source[0] == target:
        return None
    key, version = source
    return Step(
        bucket,
        lambda: s3.rename_object(Bucket=bucket, Key=target, RenameSource=key.replace(" é", "%20%C3%A9")),
        lambda answer: known.with_key(key, ()).with_key(target, (version,)),
    )


def _delete(writer, s3):
    bucket, key = writer.bucket(), writer.random.choice(KEYS)
    known = writer.known[bucket]
    if known.versioning and len(known.versions.get(key, ())) >= VERSIONS_LIMIT:
        return None
    return Step(
        bucket,
        lambda: s3.delete_object(Bucket=bucket, Key=key),
        lambda answer: known.without_current(key, answer.get("VersionId")),
    )


def _delete_version(writer, s3):
    bucket = writer.bucket()
    found, known = writer.version_in(bucket, may_be_marker=True), writer.known[bucket]
    if found is None:
        return None
    key, version = found
    named = {"Bucket": bucket, "Key": key, "VersionId": version.version_id}
    return Step(
        bucket,
        lambda: s3.delete_object(**named, BypassGovernanceRetention=True),
        lambda answer: known.without(key, version.version_id),
    )


def _delete_several(writer, s3):
    """One version and one key, of which a bucket with versions gets a marker."""
    bucket, key = writer.bucket(), writer.random.choice(KEYS)
    found, known = writer.version_in(bucket, may_be_marker=True), writer.known[bucket]
    if found is None or found[0] == key or len(known.versions.get(key, ())) >= VERSIONS_LIMIT:
        return None
    other, version = found
    asked = {"Objects": [{"Key": key}, {"Key": other, "VersionId": version.version_id}]}

    def call():
        answer = s3.delete_objects(Bucket=bucket, Delete=asked, BypassGovernanceRetention=True)
        assert "Errors" not in answer, answer
        return {each["Key"]: each.get("DeleteMarkerVersionId") for each in answer["Deleted"]}

    return Step(
        bucket,
        call,
        lambda ids: known.without_current(key, ids.get(key)).without(other, version.version_id),
        is_one=False,
    )


def _tag(writer, s3):
    bucket = writer.bucket()
    found, known = writer.version_in(bucket), writer.known[bucket]
    if found is None:
        return None
    key, version = found
    named = {"Bucket": bucket, "Key": key, "VersionId": version.version_id}
    tag = writer.random.choice([None, "x", "y"])
    tags = {"TagSet": [{"Key": "t", "Value": tag}]}
    return Step(
        bucket,
        lambda: s3.put_object_tagging(**named, Tagging=tags) if tag else s3.delete_object_tagging(**named),
        lambda answer: known.with_changed(key, version.version_id, tag=tag),
    )


def _set_acl(writer, s3):
    bucket = writer.bucket()
    found, known = writer.version_in(bucket), writer.known[bucket]
    if found is None:
        return None
    key, version = found
    named = {"Bucket": bucket, "Key": key, "VersionId": version.version_id}
    is_public = not version.is_public
    return Step(
        bucket,
        lambda: s3.put_object_acl(**named, ACL=_ACLS[is_public]),
        lambda answer: known.with_changed(key, version.version_id, is_public=is_public),
    )


def _retain(writer, s3):
    bucket = writer.locked
    found, known = writer.version_in(bucket), writer.known[bucket]
    if found is None:
        return None
    key, version = found
    named = {"Bucket": bucket, "Key": key, "VersionId": version.version_id}
    year = writer.random.choice(_RETAINED_UNTIL)
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": f"{year}-06-01T00:00:00Z"}
    return Step(
        bucket,
        lambda: s3.put_object_retention(**named, Retention=retention, BypassGovernanceRetention=True),
        lambda answer: known.with_changed(key, version.version_id, retained_until=year),
    )


def _hold(writer, s3):
    bucket, known = writer.locked, writer.known[writer.locked]
    there = [(key, each) for key, versions in known.versions.items() for each in versions if each.content]
    if not there:
        return None
    key, version = writer.random.choice(there)
    named = {"Bucket": bucket, "Key": key, "VersionId": version.version_id}
    status = "OFF" if version.is_held else "ON"
    return Step(
        bucket,
        lambda: s3.put_object_legal_hold(**named, LegalHold={"Status": status}),
        lambda answer: known.with_changed(key, version.version_id, is_held=not version.is_held),
    )


def _set(writer, s3):
    bucket, name = writer.bucket(), writer.random.choice([*MARKS])
    known, kind = writer.known[bucket], MARKS[name]
    mark = f"m{writer.random.randrange(1000)}"
    if kind.delete and name in known.settings and writer.random.random() < 0.3:
        return Step(
            bucket,
            lambda: getattr(s3, kind.delete)(Bucket=bucket),
            lambda answer: known.with_setting(name, None),
        )
    document = kind.document(bucket, mark)
    return Step(
        bucket,
        lambda: getattr(s3, kind.put)(Bucket=bucket, **document),
        lambda answer: known.with_setting(name, mark),
    )


def _set_versioning(writer, s3):
    bucket, known = writer.paused, writer.known[writer.paused]
    status = "Suspended" if known.versioning == "Enabled" else "Enabled"
    return Step(
        bucket,
        lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status}),
        lambda answer: Kept(status, known.versions, known.uploads, known.settings),
    )


def _make_or_remove(writer, s3):
    bucket = writer.made
    if writer.known[bucket] is None:
        return Step(bucket, lambda: s3.create_bucket(Bucket=bucket), lambda answer: Kept())
    return Step(bucket, lambda: s3.delete_bucket(Bucket=bucket), lambda answer: None)


WRITING_STEPS = {
    "put": _put,
    "put if new": _put_if_new,
    "post": _post,
    "copy": _copy,
    "rename": _rename,
    "delete": _delete,
    "delete version": _delete_version,
    "delete several": _delete_several,
    "tag": _tag,
    "acl": _set_acl,
    "retain": _retain,
    "hold": _hold,
    "set": _set,
    "versioning": _set_versioning,
    "bucket": _make_or_remove,
}
