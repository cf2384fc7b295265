"""A bucket's policy: presets, an editor that names the line of a mistake, and the policy in plain words."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.documents import DocumentError, line_of, read_document, write_document
from s3portal.console.drafts import draft_of, keep_draft
from s3portal.console.errors import sentence_of
from s3portal.console.policy_presets import presets
from s3portal.console.policy_words import sentences_of
from s3portal.console.texts import gettext as _
from s3portal.console.visit import console, visit

policy_pages = Blueprint("policies", __name__)


@policy_pages.get("/buckets/<bucket>/policy")
def show(bucket: str) -> AnyResponse:
    kept = _kept(bucket)
    chosen = request.args.get("preset", "")
    offered = _presets(bucket)
    draft = draft_of(console().database, visit().identity["Arn"], bucket) if chosen == "custom" else None
    text = draft or (write_document(offered[chosen]) if offered.get(chosen) else kept)
    return _page(bucket, text, kept, chosen=chosen)


@policy_pages.post("/buckets/<bucket>/policy")
def save(bucket: str) -> AnyResponse:
    text, kept = request.form.get("policy", ""), _kept(bucket)
    if request.form.get("what") == "remove" or not text.strip():
        visit().s3.delete_bucket_policy(Bucket=bucket)
        flash(_("The policy is removed: the bucket is private, except for what users' own policies allow."))
        return redirect(url_for("policies.show", bucket=bucket), 303)
    keep_draft(console().database, visit().identity["Arn"], bucket, text)
    try:
        document = read_document(text)
        visit().s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))
    except DocumentError as wrong:
        return _page(bucket, text, kept, problem=str(wrong), line=wrong.line)
    except ClientError as refused:
        sentence = sentence_of(refused)
        return _page(bucket, text, kept, problem=sentence, line=line_of(text, sentence))
    flash(_("The policy is saved, and counts from now on."))
    return redirect(url_for("policies.show", bucket=bucket), 303)


def _kept(bucket: str) -> str:
    try:
        return write_document(json.loads(visit().s3.get_bucket_policy(Bucket=bucket)["Policy"]))
    except ClientError as none:
        if none.response["Error"]["Code"] == "NoSuchBucketPolicy":
            return ""
        raise


def _presets(bucket: str) -> dict[str, dict[str, object] | None]:
    return presets(bucket, f"arn:aws:iam::{visit().identity['Account']}:user/NAME", "https://www.example.org")


def _page(
    bucket: str, text: str, kept: str, *, chosen: str = "", problem: str = "", line: int | None = None
) -> AnyResponse:
    words = {
        "private": _("Private: no policy"),
        "public-read": _("Public: everybody may list and read"),
        "read-only-for-a-user": _("Read-only for one user"),
        "referer": _("For the pages of one site (by Referer, which anybody can forge)"),
        "upload-only": _("Upload-only for one user"),
    }
    lines = text.splitlines()
    page = render_template(
        "console/policy.html",
        bucket=bucket,
        text=text,
        kept=kept,
        chosen=chosen,
        presets=[(name, words[name]) for name in _presets(bucket)],
        sentences=sentences_of(json.loads(kept)) if kept else [],
        problem=problem,
        line=line,
        wrong_line=lines[line - 1].strip() if line and line <= len(lines) else "",
    )
    return Response(page, 400 if problem else 200)
