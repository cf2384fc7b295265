"""Requests about multipart uploads that a writer of ``mixed_load`` makes; see ``writing_steps``."""

from __future__ import annotations

import hashlib

from kept_state import Upload, Version
from s3_callers import MIB
from writing_steps import KEYS, VERSIONS_LIMIT, Step

SEED = bytes(5 * MIB)


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


UPLOAD_STEPS = {
    "begin": _begin,
    "part": _upload_part,
    "part again": _upload_part,
    "complete": _complete,
    "abort": _abort,
}
