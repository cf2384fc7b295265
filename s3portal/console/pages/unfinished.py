"""Multipart uploads that were begun and not completed, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError
from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.errors import sentence_of
from s3portal.console.texts import gettext as _
from s3portal.console.visit import visit

_LISTED = 200

unfinished_pages = Blueprint("unfinished", __name__)


@dataclass(frozen=True)
class UnfinishedUpload:
    key: str
    upload_id: str
    begun_at: datetime
    part_count: int
    size_bytes: int


@unfinished_pages.get("/buckets/<bucket>/uploads")
def show(bucket: str) -> str:
    s3 = visit().s3
    listed = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=_LISTED)
    uploads = []
    for entry in listed.get("Uploads", ()):
        named = {"Bucket": bucket, "Key": entry["Key"], "UploadId": entry["UploadId"]}
        pages = s3.get_paginator("list_parts").paginate(**named)
        sizes = [part["Size"] for page in pages for part in page.get("Parts", ())]
        uploads.append(
            UnfinishedUpload(entry["Key"], entry["UploadId"], entry["Initiated"], len(sizes), sum(sizes))
        )
    return render_template(
        "console/unfinished.html",
        bucket=bucket,
        uploads=uploads,
        is_part=listed["IsTruncated"],
        held_bytes=sum(upload.size_bytes for upload in uploads),
    )


@unfinished_pages.post("/buckets/<bucket>/uploads/abort")
def abort(bucket: str) -> AnyResponse:
    key, upload_id = request.form.get("key", ""), request.form.get("upload_id", "")
    try:
        visit().s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
    except ClientError as refused:
        flash(sentence_of(refused), "bad")
    else:
        flash(_("The unfinished upload of %(key)s is removed.", key=key))
    return redirect(url_for("unfinished.show", bucket=bucket), 303)
