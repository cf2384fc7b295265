"""Writers that do everything that can be written, until the server is gone, and know what they were told.

Each writer has buckets of its own, so that it knows to the last detail what must be in them: what its last
answer said, or, where a request was under way, what that one would have left.
"""

from __future__ import annotations

import hashlib
import random
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError

import urllib3
from botocore.exceptions import BotoCoreError, ClientError
from bucket_marks import MARKS
from kept_state import Kept, Upload, Version, mixtures, read_bucket
from s3_callers import MIB

SEED = bytes(5 * MIB)
KEYS = ("a", "b/c", "d é")
PUBLIC = {False: "private", True: "public-read"}
RETAINED_UNTIL = ("2050", "2060")
PAST = {"Date": "2020-01-01T00:00:00Z"}
VERSIONS_LIMIT = 5


@dataclass(frozen=True)
class Step:
    """A request about one bucket. ``grown`` returns what is in it afterwards, by what was answered, or
    without an answer. ``is_one`` says whether it happens as a whole."""

    bucket: str
    call: Callable[[], Any]
    grown: Callable[[dict[str, Any]], Kept | None]
    is_one: bool = True


class Writer:
    """Writes from ``start_with`` on; ``check`` comes after each start of the server."""

    def __init__(self, number: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.plain, self.locked, self.paused, self.made, self.ending, self.marking = (
            f"{kind}-{number}" for kind in ("plain", "locked", "paused", "made", "ending", "marking")
        )
        self.known: dict[str, Kept | None] = {}
        self.contents: dict[str, bytes] = {}
        #: What may be at a key of the bucket whose objects end, and the versions that the other must keep.
        self.may_be: dict[str, set[bytes]] = {}
        self.stored: dict[tuple[str, str], bytes] = {}
        self.in_flight: Step | None = None
        #: An answer that nothing explains.
        self.failure: BaseException | None = None
        self.steps_done: set[str] = set()

    def prepare(self, s3: Any) -> None:
        s3.create_bucket(Bucket=self.plain, ObjectOwnership="ObjectWriter")
        s3.create_bucket(Bucket=self.locked, ObjectOwnership="ObjectWriter", ObjectLockEnabledForBucket=True)
        s3.create_bucket(Bucket=self.paused, ObjectOwnership="ObjectWriter")
        for bucket in (self.ending, self.marking):
            s3.create_bucket(Bucket=bucket)
            rule = {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": PAST}
            s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
        for bucket in (self.paused, self.marking):
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=self.plain, Key="seed", Body=SEED)
        self.known = {
            self.plain: Kept(versions={"seed": (Version("null", SEED),)}),
            self.locked: Kept("Enabled"),
            self.paused: Kept("Enabled"),
            self.made: None,
        }

    def check(self, s3: Any) -> None:
        """Compares all that is there with what may be, and goes on from what is."""
        for bucket, known in self.known.items():
            found = read_bucket(s3, bucket)
            step = self.in_flight
            possible = [known]
            if step is not None and step.bucket == bucket:
                after = step.grown({})
                possible = [known, after] if step.is_one else mixtures(known, after)
            is_there = any(
                found is None if each is None else found is not None and each.is_like(found)
                for each in possible
            )
            assert is_there, f"{bucket}\nfound:    {found}\npossible: {possible}\nduring:   {step}"
            self.known[bucket] = found
        self.in_flight = None
        self._check_ending(s3)

    def _check_ending(self, s3: Any) -> None:
        for entry in s3.list_objects_v2(Bucket=self.ending).get("Contents", []):
            try:
                body = s3.get_object(Bucket=self.ending, Key=entry["Key"])["Body"].read()
            except s3.exceptions.NoSuchKey:
                continue
            assert body in self.may_be[entry["Key"]], entry
        listed = s3.list_object_versions(Bucket=self.marking, MaxKeys=1000)
        assert not listed["IsTruncated"]
        there = {(each["Key"], each["VersionId"]) for each in listed.get("Versions", [])}
        assert set(self.stored) <= there, set(self.stored) - there
        for key, version_id in there:
            body = s3.get_object(Bucket=self.marking, Key=key, VersionId=version_id)["Body"].read()
            assert hashlib.md5(body).hexdigest() in self.contents, (key, version_id)
            self.stored[key, version_id] = body

    def start_with(
        self, s3: Any, stopping: threading.Event, answered: Callable[[], None]
    ) -> threading.Thread:
        """Starts to write, in a thread of its own."""
        thread = threading.Thread(target=self._write, args=(s3, stopping, answered))
        thread.start()
        return thread

    def _write(self, s3: Any, stopping: threading.Event, answered: Callable[[], None]) -> None:
        try:
            while not stopping.is_set():
                self._do_something(s3)
                answered()
        except (BotoCoreError, ConnectionError, urllib3.exceptions.HTTPError, urllib.request.URLError):
            # The server is gone.
            return
        except BaseException as failure:
            self.failure = failure
            raise

    def _do_something(self, s3: Any) -> None:
        kinds = [*_STEPS, "ending", "marking"]
        kind = self.random.choice(kinds)
        if kind in ("ending", "marking"):
            self._store_what_ends(s3, kind)
        else:
            step = _STEPS[kind](self, s3)
            if step is None:
                return
            self.in_flight = step
            answer = step.call()
            self.known[step.bucket] = step.grown(answer or {})
            self.in_flight = None
        self.steps_done.add(kind)

    def _store_what_ends(self, s3: Any, kind: str) -> None:
        key, content = self.random.choice(KEYS), self.content()
        if kind == "ending":
            self.may_be.setdefault(key, set()).add(content)
            s3.put_object(Bucket=self.ending, Key=key, Body=content)
            self.may_be[key] = {content}
        elif len(self.stored) < 40:
            version_id = s3.put_object(Bucket=self.marking, Key=key, Body=content)["VersionId"]
            self.stored[key, version_id] = content

    def content(self) -> bytes:
        content = self.random.randbytes(self.random.choice([0, 9, 3000, 70_000]))
        self.contents[hashlib.md5(content).hexdigest()] = content
        return content

    def bucket(self) -> str:
        return self.random.choice([self.plain, self.locked, self.paused])

    def version_in(self, bucket: str, *, may_be_marker: bool = False) -> tuple[str, Version] | None:
        """Returns a version that nothing holds."""
        there = [
            (key, each)
            for key, versions in self.known[bucket].versions.items()
            for each in versions
            if key != "seed" and not each.is_held and (may_be_marker or each.content is not None)
        ]
        return self.random.choice(there) if there else None

    def key_to_write(self, bucket: str) -> str | None:
        """Returns a key that has not too many versions yet."""
        key = self.random.choice(KEYS)
        return key if len(self.known[bucket].versions.get(key, ())) < VERSIONS_LIMIT else None


def _put(writer, s3):
    bucket = writer.bucket()
    key, content, known = writer.key_to_write(bucket), writer.content(), writer.known[bucket]
    if key is None:
        return None
    tag, is_public = writer.random.choice([None, "put"]), writer.random.random() < 0.3
    options = {"Tagging": f"t={tag}"} if tag else {}
    return Step(
        bucket,
        lambda: s3.put_object(Bucket=bucket, Key=key, Body=content, ACL=PUBLIC[is_public], **options),
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
        lambda: s3.put_object_acl(**named, ACL=PUBLIC[is_public]),
        lambda answer: known.with_changed(key, version.version_id, is_public=is_public),
    )


def _retain(writer, s3):
    bucket = writer.locked
    found, known = writer.version_in(bucket), writer.known[bucket]
    if found is None:
        return None
    key, version = found
    named = {"Bucket": bucket, "Key": key, "VersionId": version.version_id}
    year = writer.random.choice(RETAINED_UNTIL)
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


def _begin(writer, s3):
    bucket, key = writer.bucket(), writer.random.choice(KEYS)
    known = writer.known[bucket]
    if len(known.uploads) >= 2:
        return None
    return Step(
        bucket,
        lambda: s3.create_multipart_upload(Bucket=bucket, Key=key),
        lambda answer: known.with_uploads(None, Upload(answer.get("UploadId"), key)),
    )


def _upload_part(writer, s3):
    """Part 1 is a copy of 5 MiB, or few bytes, with which an upload ends; part 2 has few bytes."""
    bucket = writer.bucket()
    known = writer.known[bucket]
    if not known.uploads:
        return None
    upload = writer.random.choice(known.uploads)
    named = {"Bucket": bucket, "Key": upload.key, "UploadId": upload.upload_id}
    number, content, copies = writer.random.choice([1, 2]), writer.content(), writer.random.random() < 0.5
    if number == 1 and copies:
        content = SEED
        writer.contents[hashlib.md5(SEED).hexdigest()] = SEED

    def call():
        if content is SEED:
            source = {"Bucket": writer.plain, "Key": "seed"}
            s3.upload_part_copy(**named, PartNumber=number, CopySource=source)
        else:
            s3.upload_part(**named, PartNumber=number, Body=content)

    parts = upload.parts | {number: f'"{hashlib.md5(content).hexdigest()}"'}
    return Step(
        bucket,
        call,
        lambda answer: known.with_uploads(upload.upload_id, Upload(upload.upload_id, upload.key, parts)),
    )


def _complete(writer, s3):
    bucket = writer.bucket()
    known = writer.known[bucket]
    ready = [
        upload
        for upload in known.uploads
        if upload.parts and len(known.versions.get(upload.key, ())) < VERSIONS_LIMIT
    ]
    if not ready:
        return None
    upload = writer.random.choice(ready)
    named = {"Bucket": bucket, "Key": upload.key, "UploadId": upload.upload_id}
    contents = {number: writer.contents[etag.strip('"')] for number, etag in sorted(upload.parts.items())}
    if contents.get(1, SEED) is not SEED:
        # Only the last part may be small.
        contents = {1: contents[1]}
    parts = {"Parts": [{"PartNumber": number, "ETag": upload.parts[number]} for number in contents]}
    whole = b"".join(contents.values())
    return Step(
        bucket,
        lambda: s3.complete_multipart_upload(**named, MultipartUpload=parts),
        lambda answer: known.with_uploads(upload.upload_id).with_new(
            upload.key, Version(answer.get("VersionId"), whole)
        ),
    )


def _abort(writer, s3):
    bucket = writer.bucket()
    known = writer.known[bucket]
    if not known.uploads or writer.random.random() < 0.5:
        return None
    upload = writer.random.choice(known.uploads)
    named = {"Bucket": bucket, "Key": upload.key, "UploadId": upload.upload_id}
    return Step(
        bucket,
        lambda: s3.abort_multipart_upload(**named),
        lambda answer: known.with_uploads(upload.upload_id),
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


_STEPS = {
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
    "begin": _begin,
    "part": _upload_part,
    "part again": _upload_part,
    "complete": _complete,
    "abort": _abort,
    "set": _set,
    "versioning": _set_versioning,
    "bucket": _make_or_remove,
}
KINDS = {*_STEPS, "ending", "marking"}
