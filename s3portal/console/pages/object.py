"""One object: what there is to know of it, its versions, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from botocore.exceptions import ClientError
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.errors import sentence_of
from s3portal.console.pages.acls import acls_are_on
from s3portal.console.pages.objects import crumbs_of
from s3portal.console.texts import gettext as _
from s3portal.console.visit import visit

#: A link to download is followed at once.
DOWNLOAD_S = 60
_VERSIONS_LIMIT = 100
_CHECKSUMS = ("CRC64NVME", "CRC32C", "CRC32", "SHA256", "SHA1")

one_object_pages = Blueprint("object", __name__)


@dataclass(frozen=True)
class Version:
    """A version as the page lists it; a delete marker has no size."""

    version_id: str
    changed_at: datetime
    is_latest: bool
    is_marker: bool
    size_bytes: int | None


@one_object_pages.get("/buckets/<bucket>/object")
def show(bucket: str) -> AnyResponse:
    return _page(bucket, request.args.get("key", ""), request.args.get("version"))


@one_object_pages.get("/buckets/<bucket>/object/download")
def download(bucket: str) -> AnyResponse:
    key, version = request.args.get("key", ""), request.args.get("version")
    name = key.rstrip("/").rpartition("/")[2] or "object"
    url = visit().link(
        "get_object",
        {
            **_named(bucket, key, version),
            "ResponseContentDisposition": disposition(name),
            "ResponseContentType": "application/octet-stream",
        },
        DOWNLOAD_S,
    )
    return redirect(url, 303)


@one_object_pages.post("/buckets/<bucket>/object/delete")
def delete(bucket: str) -> AnyResponse:
    key, version = request.form.get("key", ""), request.form.get("version") or None
    try:
        visit().s3.delete_object(**_named(bucket, key, version))
    except ClientError as refused:
        return _page(bucket, key, version, sentence_of(refused))
    flash(_("%(key)s is deleted.", key=key) if version is None else _("The version is deleted for good."))
    if version is not None and _versions(bucket, key):
        return redirect(url_for("object.show", bucket=bucket, key=key), 303)
    folder = key.rpartition("/")[0]
    return redirect(
        url_for("objects.show_folder", bucket=bucket, prefix=f"{folder}/" if folder else None), 303
    )


@one_object_pages.post("/buckets/<bucket>/object/restore")
def restore(bucket: str) -> AnyResponse:
    """Makes an earlier version the present one again, by a copy of it; a marker is taken away."""
    key, version = request.form.get("key", ""), request.form.get("version", "")
    try:
        if "marker" in request.form:
            visit().s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
        else:
            visit().s3.copy_object(
                Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": key, "VersionId": version}
            )
    except ClientError as refused:
        return _page(bucket, key, None, sentence_of(refused))
    flash(_("%(key)s is restored.", key=key))
    return redirect(url_for("object.show", bucket=bucket, key=key), 303)


@one_object_pages.post("/buckets/<bucket>/object/tags")
def put_tags(bucket: str) -> AnyResponse:
    key, version = request.form.get("key", ""), request.form.get("version") or None
    try:
        tags = [{"Key": name, "Value": value} for name, value in pairs_of(request.form.get("tags", ""))]
        visit().s3.put_object_tagging(**_named(bucket, key, version), Tagging={"TagSet": tags})
    except (ClientError, ValueError) as refused:
        return _page(bucket, key, version, _problem(refused))
    flash(_("The tags are saved."))
    return redirect(url_for("object.show", bucket=bucket, key=key, version=version), 303)


@one_object_pages.post("/buckets/<bucket>/object/metadata")
def put_metadata(bucket: str) -> AnyResponse:
    """S3 changes metadata by a copy of the object onto itself."""
    key = request.form.get("key", "")
    try:
        metadata = dict(pairs_of(request.form.get("metadata", "")))
        visit().s3.copy_object(
            Bucket=bucket,
            Key=key,
            CopySource={"Bucket": bucket, "Key": key},
            MetadataDirective="REPLACE",
            Metadata=metadata,
            ContentType=request.form.get("content_type", "").strip() or "application/octet-stream",
            CopySourceIfMatch=request.form.get("etag", ""),
        )
    except (ClientError, ValueError) as refused:
        return _page(bucket, key, None, _problem(refused))
    flash(_("The metadata is saved."))
    return redirect(url_for("object.show", bucket=bucket, key=key), 303)


@one_object_pages.post("/buckets/<bucket>/object/lock")
def put_lock(bucket: str) -> AnyResponse:
    form, s3 = request.form, visit().s3
    key, version = form.get("key", ""), form.get("version") or None
    named = _named(bucket, key, version)
    try:
        s3.put_object_legal_hold(**named, LegalHold={"Status": "ON" if "hold" in form else "OFF"})
        if form.get("until"):
            until = datetime.fromisoformat(form["until"]).replace(tzinfo=timezone.utc)
            mode = "COMPLIANCE" if form.get("mode") == "COMPLIANCE" else "GOVERNANCE"
            s3.put_object_retention(**named, Retention={"Mode": mode, "RetainUntilDate": until})
    except (ClientError, ValueError) as refused:
        return _page(bucket, key, version, _problem(refused))
    flash(_("The lock is saved."))
    return redirect(url_for("object.show", bucket=bucket, key=key, version=version), 303)


def disposition(name: str) -> str:
    """Returns a Content-Disposition that saves a file under its name (RFC 6266)."""
    from urllib.parse import quote

    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def pairs_of(text: str) -> list[tuple[str, str]]:
    """Reads lines of ``name=value``. Raises ValueError with a sentence for a line that is none."""
    pairs = []
    for line in filter(str.strip, text.splitlines()):
        name, sign, value = line.partition("=")
        if not sign or not name.strip():
            raise ValueError(_("Each line must be name=value: %(line)s", line=line))
        pairs.append((name.strip(), value.strip()))
    return pairs


def _page(bucket: str, key: str, version: str | None, problem: str = "") -> AnyResponse:
    s3, named = visit().s3, _named(bucket, key, version)
    versions = _versions(bucket, key)
    shown = next((v for v in versions if v.version_id == version), versions[0] if versions else None)
    facts: dict[str, Any] | None = None
    if shown is None or not shown.is_marker:
        facts = s3.head_object(**named, ChecksumMode="ENABLED")
    tags = _known(s3.get_object_tagging, named).get("TagSet", []) if facts else []
    page = render_template(
        "console/object.html",
        bucket=bucket,
        key=key,
        version=version,
        name=key.rpartition("/")[2] or key,
        crumbs=list(crumbs_of(key)),
        facts=facts,
        checksums=[
            (name, facts[f"Checksum{name}"]) for name in _CHECKSUMS if facts and f"Checksum{name}" in facts
        ],
        tags="\n".join(f"{tag['Key']}={tag['Value']}" for tag in tags),
        metadata="\n".join(f"{name}={value}" for name, value in (facts or {}).get("Metadata", {}).items()),
        versions=versions,
        lock=_known(s3.get_object_lock_configuration, {"Bucket": bucket}).get("ObjectLockConfiguration"),
        has_acl=acls_are_on(bucket),
        problem=problem,
    )
    return Response(page, 400 if problem else 200)


def _versions(bucket: str, key: str) -> list[Version]:
    """The versions of one object, newest first; none where the visitor may not list them."""
    listed = _known(
        visit().s3.list_object_versions, {"Bucket": bucket, "Prefix": key, "MaxKeys": _VERSIONS_LIMIT}
    )
    found = [
        Version(entry["VersionId"], entry["LastModified"], entry["IsLatest"], is_marker, entry.get("Size"))
        for name, is_marker in (("Versions", False), ("DeleteMarkers", True))
        for entry in listed.get(name, ())
        if entry["Key"] == key
    ]
    return sorted(found, key=lambda version: (not version.is_latest, -version.changed_at.timestamp()))


def _named(bucket: str, key: str, version: str | None) -> dict[str, str]:
    return {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}


def _known(ask: Callable[..., dict[str, Any]], parameters: dict[str, Any]) -> dict[str, Any]:
    """What the server says; nothing where there is nothing, or the visitor may not know it."""
    try:
        return ask(**parameters)
    except ClientError:
        return {}


def _problem(problem: ClientError | ValueError) -> str:
    return sentence_of(problem) if isinstance(problem, ClientError) else str(problem)
