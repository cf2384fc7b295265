"""The objects of a bucket, folder by folder."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from s3portal.console.visit import visit

_PAGE_SIZE = 200

object_pages = Blueprint("objects", __name__)


@object_pages.get("/buckets/<bucket>/objects")
def show_folder(bucket: str) -> str:
    prefix, after = request.args.get("prefix", ""), request.args.get("page", "")
    listed = visit().s3.list_objects_v2(
        Bucket=bucket,
        Prefix=prefix,
        Delimiter="/",
        MaxKeys=_PAGE_SIZE,
        **({"ContinuationToken": after} if after else {}),
    )
    return render_template(
        "console/objects.html",
        bucket=bucket,
        prefix=prefix,
        folders=[entry["Prefix"] for entry in listed.get("CommonPrefixes", ())],
        objects=listed.get("Contents", []),
        next_page=listed.get("NextContinuationToken"),
    )
