"""The list of buckets, a new one, and the end of one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError, ParamValidationError
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.errors import is_denied, sentence_of
from s3portal.console.pages.acls import is_public_by_acl
from s3portal.console.texts import gettext as _
from s3portal.console.visit import visit

_ABORTING = {
    "ID": "abort-unfinished-uploads",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 8},
}

bucket_pages = Blueprint("buckets", __name__)


@dataclass(frozen=True)
class BucketLine:
    """A bucket as the list shows it. What the visitor may not know is None, or a dash; ``url`` is its first
    page that they may see, '' for none."""

    name: str
    created_at: datetime
    versioning: str
    access: str
    is_public: bool
    url: str
    object_count: int | None = None
    size_bytes: int | None = None
    quota_bytes: int | None = None


@bucket_pages.get("/buckets")
def show_all() -> str:
    try:
        return render_template("console/buckets.html", buckets=list(_lines()))
    except ClientError as refused:
        if not is_denied(refused):
            raise
        # Who may not see the list may still know a name.
        return render_template("console/buckets.html", buckets=[], may_not_list=True)


@bucket_pages.get("/buckets/open")
def open_by_name() -> AnyResponse:
    return redirect(url_for("objects.show_folder", bucket=request.args.get("name", "").strip() or "-"))


@bucket_pages.get("/buckets/new")
def new() -> str:
    return render_template("console/bucket_new.html", name="", versioning=False, object_lock=False)


@bucket_pages.post("/buckets/new")
def create() -> AnyResponse:
    form, s3 = request.form, visit().s3
    name, locked = form.get("name", "").strip(), "object_lock" in form
    try:
        s3.create_bucket(Bucket=name, **({"ObjectLockEnabledForBucket": True} if locked else {}))
    except (ClientError, ParamValidationError) as refused:
        page = render_template(
            "console/bucket_new.html",
            name=name,
            versioning="versioning" in form,
            object_lock=locked,
            problem=sentence_of(refused),
        )
        if not isinstance(refused, ClientError):
            return Response(page, 400)
        return Response(page, refused.response["ResponseMetadata"]["HTTPStatusCode"])
    s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        ),
    )
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [_ABORTING]})
    if "versioning" in form and not locked:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    flash(_("The bucket %(name)s is there.", name=name))
    return redirect(url_for("objects.show_folder", bucket=name), 303)


@bucket_pages.get("/buckets/<bucket>/delete")
def ask_to_delete(bucket: str) -> str:
    return render_template("console/bucket_delete.html", bucket=bucket)


@bucket_pages.post("/buckets/<bucket>/delete")
def delete(bucket: str) -> AnyResponse:
    problem = ""
    if request.form.get("name", "").strip() != bucket:
        problem = _("This is not the name of the bucket: nothing was deleted.")
    else:
        try:
            visit().s3.delete_bucket(Bucket=bucket)
        except ClientError as refused:
            problem = sentence_of(refused)
    if problem:
        return Response(render_template("console/bucket_delete.html", bucket=bucket, problem=problem), 409)
    flash(_("The bucket %(name)s is deleted.", name=bucket))
    return redirect(url_for("buckets.show_all"), 303)


def _lines() -> Iterator[BucketLine]:
    s3 = visit().s3
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        status = _answer(s3.get_bucket_policy_status, name).get("PolicyStatus", {})
        is_public = status.get("IsPublic", False) or is_public_by_acl(name)
        versioning = _answer(s3.get_bucket_versioning, name).get("Status", "")
        used = quota_of(name)
        yield BucketLine(
            name=name,
            created_at=bucket["CreationDate"],
            versioning={"Enabled": _("kept"), "Suspended": _("no longer kept")}.get(
                versioning, _("not kept")
            ),
            access=_("public") if is_public else _("private"),
            is_public=is_public,
            url=_url(name, is_known=bool(versioning) or used is not None),
            object_count=used["usage"]["current_objects"] if used else None,
            size_bytes=used["usage"]["bytes"] if used else None,
            quota_bytes=used["max_bytes"] if used else None,
        )


def _url(name: str, is_known: bool) -> str:
    """Returns where a bucket is opened, '' for nowhere; ``is_known`` tells whether settings can be seen."""
    try:
        # Whom S3 answers this may list objects.
        visit().s3.head_bucket(Bucket=name)
    except ClientError:
        return url_for("settings.show", bucket=name) if is_known else ""
    return url_for("objects.show_folder", bucket=name)


def quota_of(bucket: str) -> dict[str, Any] | None:
    """The quota of a bucket and what is used of it, None where the visitor may not know."""
    answer = visit().call("GET", f"/{quote(bucket, safe='')}", "quota=")
    return json.loads(answer.content) if answer.status_code == 200 else None


def _answer(ask: Callable[..., dict[str, Any]], bucket: str) -> dict[str, Any]:
    """What the server says of a bucket; nothing where the visitor may not know it or it is not there."""
    try:
        return ask(Bucket=bucket)
    except ClientError:
        return {}
