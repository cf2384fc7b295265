"""A bucket's settings: switches on one page, documents in an editor each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError, ParamValidationError
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.documents import DocumentError, line_of, read_document, write_document
from s3portal.console.errors import is_denied, sentence_of
from s3portal.console.pages.acls import acls_are_on
from s3portal.console.pages.buckets import quota_of
from s3portal.console.pages.object import pairs_of
from s3portal.console.texts import gettext as _
from s3portal.console.visit import visit

BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")

setting_pages = Blueprint("settings", __name__)


@dataclass(frozen=True)
class DocumentSetting:
    """A setting that is a document. ``read``, ``write`` and ``remove`` are the S3 operations; ``field`` is
    the parameter that has the document, ``example`` one to begin with."""

    name: str
    title: str
    about: str
    read: str
    write: str
    remove: str
    field: str
    example: dict[str, Any]


def document_settings() -> dict[str, DocumentSetting]:
    """The settings that are documents, by name, in the visitor's language."""
    settings = (
        DocumentSetting(
            "cors",
            _("CORS"),
            _("Which web pages of other sites may reach this bucket from a browser."),
            "get_bucket_cors",
            "put_bucket_cors",
            "delete_bucket_cors",
            "CORSConfiguration",
            {
                "CORSRules": [
                    {
                        "AllowedOrigins": ["https://www.example.org"],
                        "AllowedMethods": ["GET", "HEAD"],
                        "AllowedHeaders": ["Range"],
                        "ExposeHeaders": ["ETag", "Content-Range"],
                        "MaxAgeSeconds": 3600,
                    }
                ]
            },
        ),
        DocumentSetting(
            "lifecycle",
            _("Lifecycle"),
            _("What is deleted by itself after a time: old objects, earlier versions, unfinished uploads."),
            "get_bucket_lifecycle_configuration",
            "put_bucket_lifecycle_configuration",
            "delete_bucket_lifecycle",
            "LifecycleConfiguration",
            {
                "Rules": [
                    {
                        "ID": "abort-unfinished-uploads",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 8},
                    }
                ]
            },
        ),
        DocumentSetting(
            "notifications",
            _("Notifications"),
            _("Who is told of changes: the targets are named in the server's configuration."),
            "get_bucket_notification_configuration",
            "put_bucket_notification_configuration",
            "",
            "NotificationConfiguration",
            {
                "QueueConfigurations": [
                    {
                        "Id": "new-files",
                        "QueueArn": "arn:aws:sqs:us-east-1:000000000000:TARGET",
                        "Events": ["s3:ObjectCreated:*"],
                    }
                ]
            },
        ),
    )
    return {setting.name: setting for setting in settings}


@setting_pages.get("/buckets/<bucket>/settings")
def show(bucket: str) -> AnyResponse:
    return _page(bucket)


@setting_pages.post("/buckets/<bucket>/settings/<name>")
def save(bucket: str, name: str) -> AnyResponse:
    write = _WRITERS.get(name) or abort(404)
    try:
        write(bucket)
    except (ClientError, ParamValidationError, ValueError) as refused:
        return _page(bucket, sentence_of(refused) if isinstance(refused, ClientError) else str(refused))
    flash(_("Saved."))
    return redirect(url_for("settings.show", bucket=bucket), 303)


@setting_pages.get("/buckets/<bucket>/documents/<name>")
def show_document(bucket: str, name: str) -> AnyResponse:
    setting = document_settings().get(name) or abort(404)
    kept = _kept(setting, bucket)
    text = kept or write_document(setting.example)
    return _document_page(bucket, setting, text, bool(kept))


@setting_pages.post("/buckets/<bucket>/documents/<name>")
def save_document(bucket: str, name: str) -> AnyResponse:
    setting = document_settings().get(name) or abort(404)
    text, s3 = request.form.get("document", ""), visit().s3
    try:
        if request.form.get("what") != "remove":
            getattr(s3, setting.write)(Bucket=bucket, **{setting.field: read_document(text)})
        elif setting.remove:
            getattr(s3, setting.remove)(Bucket=bucket)
        else:
            getattr(s3, setting.write)(Bucket=bucket, **{setting.field: {}})
    except DocumentError as wrong:
        return _document_page(bucket, setting, text, True, str(wrong), wrong.line)
    except (ClientError, ParamValidationError, RuntimeError) as refused:
        # RuntimeError is botocore's, for a time that no calendar has.
        sentence = sentence_of(refused)
        return _document_page(bucket, setting, text, True, sentence, line_of(text, sentence))
    flash(_("Saved."))
    return redirect(url_for("settings.show_document", bucket=bucket, name=name), 303)


def _kept(setting: DocumentSetting, bucket: str) -> str:
    try:
        answer = getattr(visit().s3, setting.read)(Bucket=bucket)
    except ClientError as none:
        status, code = none.response["ResponseMetadata"]["HTTPStatusCode"], none.response["Error"]["Code"]
        if status != 404 or code == "NoSuchBucket":
            raise
        return ""
    answer.pop("ResponseMetadata", None)
    answer.pop("TransitionDefaultMinimumObjectSize", None)
    return write_document(answer) if answer else ""


def _document_page(
    bucket: str,
    setting: DocumentSetting,
    text: str,
    is_kept: bool,
    problem: str = "",
    line: int | None = None,
) -> AnyResponse:
    page = render_template(
        "console/document.html",
        bucket=bucket,
        setting=setting,
        text=text,
        is_kept=is_kept,
        problem=problem,
        line=line,
    )
    return Response(page, 400 if problem else 200)


def _page(bucket: str, problem: str = "") -> AnyResponse:
    s3 = visit().s3
    _require_something_known(bucket)
    rules = (
        _known(s3.get_bucket_encryption, bucket).get("ServerSideEncryptionConfiguration", {}).get("Rules", ())
    )
    lock = _known(s3.get_object_lock_configuration, bucket).get("ObjectLockConfiguration")
    page = render_template(
        "console/settings.html",
        bucket=bucket,
        problem=problem,
        versioning=_known(s3.get_bucket_versioning, bucket).get("Status", ""),
        block=_known(s3.get_public_access_block, bucket).get("PublicAccessBlockConfiguration", {}),
        blocks=BLOCKS,
        ownership=_ownership(bucket),
        has_acl=acls_are_on(bucket),
        encryption=rules[0]["ApplyServerSideEncryptionByDefault"] if rules else {},
        bucket_key=bool(rules and rules[0].get("BucketKeyEnabled")),
        lock=lock,
        default_lock=(lock or {}).get("Rule", {}).get("DefaultRetention", {}),
        tags="\n".join(
            f"{tag['Key']}={tag['Value']}" for tag in _known(s3.get_bucket_tagging, bucket).get("TagSet", ())
        ),
        quota=quota_of(bucket),
        documents=document_settings().values(),
    )
    return Response(page, 400 if problem else 200)


def _ownership(bucket: str) -> str:
    answer = _known(visit().s3.get_bucket_ownership_controls, bucket)
    rules = answer.get("OwnershipControls", {}).get("Rules", ())
    return rules[0]["ObjectOwnership"] if rules else ""


def _known(ask: Callable[..., dict[str, Any]], bucket: str) -> dict[str, Any]:
    try:
        return ask(Bucket=bucket)
    except ClientError as none:
        if none.response["Error"]["Code"] == "NoSuchBucket":
            raise
        return {}


def _require_something_known(bucket: str) -> None:
    """Raises the refusal where the visitor may know nothing of a bucket: a page of defaults would look like
    its settings."""
    s3, refusal = visit().s3, None
    for ask in (s3.get_bucket_versioning, s3.get_bucket_location, s3.head_bucket, s3.get_bucket_tagging):
        try:
            ask(Bucket=bucket)
        except ClientError as refused:
            if is_denied(refused):
                refusal = refusal or refused
                continue
            if refused.response["Error"]["Code"] == "NoSuchBucket":
                raise
        return
    if refusal is not None and quota_of(bucket) is None:
        raise refusal


def _write_versioning(bucket: str) -> None:
    status = "Enabled" if "keep" in request.form else "Suspended"
    visit().s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def _write_block(bucket: str) -> None:
    wanted = {name: name in request.form for name in BLOCKS}
    visit().s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=wanted)


def _write_ownership(bucket: str) -> None:
    rule = {"ObjectOwnership": request.form.get("ownership", "")}
    visit().s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [rule]})


def _write_encryption(bucket: str) -> None:
    kind, key = request.form.get("encryption", ""), request.form.get("key_id", "").strip()
    if not kind:
        visit().s3.delete_bucket_encryption(Bucket=bucket)
        return
    by_default = {"SSEAlgorithm": kind, **({"KMSMasterKeyID": key} if key and kind == "aws:kms" else {})}
    rule = {
        "ApplyServerSideEncryptionByDefault": by_default,
        "BucketKeyEnabled": "bucket_key" in request.form,
    }
    visit().s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def _write_lock(bucket: str) -> None:
    days = request.form.get("days", "").strip()
    wanted: dict[str, Any] = {"ObjectLockEnabled": "Enabled"}
    if days:
        if not days.isdecimal() or not 1 <= int(days) <= 36_500:
            raise ValueError(_("The number of days has to be between 1 and 36,500."))
        mode = "COMPLIANCE" if request.form.get("mode") == "COMPLIANCE" else "GOVERNANCE"
        wanted["Rule"] = {"DefaultRetention": {"Mode": mode, "Days": int(days)}}
    visit().s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=wanted)


def _write_tags(bucket: str) -> None:
    tags = [{"Key": name, "Value": value} for name, value in pairs_of(request.form.get("tags", ""))]
    if tags:
        visit().s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    else:
        visit().s3.delete_bucket_tagging(Bucket=bucket)


def _write_quota(bucket: str) -> None:
    limits: dict[str, int | None] = {}
    for field, factor in (("max_bytes", 1_000_000), ("max_objects", 1)):
        text = request.form.get(field, "").strip()
        if text and not text.isdecimal():
            raise ValueError(_("A quota is a whole number, or empty for none."))
        limits[field] = int(text) * factor if text else None
    answer = visit().call("PUT", f"/{quote(bucket, safe='')}", "quota=", json.dumps(limits).encode())
    if answer.status_code == 403:
        raise ValueError(_("Only administrators change quotas."))
    if answer.status_code >= 300:
        raise ValueError(_("The quota was refused."))


_WRITERS: dict[str, Callable[[str], None]] = {
    "versioning": _write_versioning,
    "block": _write_block,
    "ownership": _write_ownership,
    "encryption": _write_encryption,
    "lock": _write_lock,
    "tags": _write_tags,
    "quota": _write_quota,
}
