"""What several objects and folders at once can be: deleted, or copied.

A thousand objects a step, so that a page with its progress comes after each; where scripts run, one step
follows the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.errors import is_denied, sentence_of
from s3portal.console.texts import gettext as _
from s3portal.console.texts import ngettext
from s3portal.console.visit import visit

STEP = 1000
#: So many objects of folders are counted before anybody is asked: for more, a page would take seconds.
COUNTED_LIMIT = 50_000
#: What stands before a key in a form: a folder is everything below it, and an object may end in "/" too.
FOLDER, OBJECT = "f:", "o:"
_SHOWN_FAILURES = 20

chosen_pages = Blueprint("chosen", __name__)


@dataclass(frozen=True)
class Step:
    """What one step did. ``after`` is the last key that was dealt with of the first of ``left``."""

    done: int
    failures: list[str]
    left: list[str]
    after: str


@chosen_pages.post("/buckets/<bucket>/chosen")
def ask(bucket: str) -> AnyResponse:
    """Shows what was chosen, and asks once more."""
    keys, prefix = request.form.getlist("key"), request.form.get("prefix", "")
    if not keys:
        flash(_("Choose objects or folders first."), "bad")
        return redirect(url_for("objects.show_folder", bucket=bucket, prefix=prefix or None), 303)
    template = (
        "console/chosen_copy.html" if request.form.get("what") == "copy" else "console/chosen_delete.html"
    )
    versioned = visit().s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"
    page = render_template(
        template, bucket=bucket, keys=keys, prefix=prefix, versioned=versioned, total=_total(bucket, keys)
    )
    return Response(page)


@chosen_pages.post("/buckets/<bucket>/chosen/delete")
def delete(bucket: str) -> AnyResponse:
    step = _step(bucket, _delete)
    return _next(bucket, step, "chosen.delete", {})


@chosen_pages.post("/buckets/<bucket>/chosen/copy")
def copy(bucket: str) -> AnyResponse:
    target, folder = request.form.get("target", "").strip(), request.form.get("folder", "").strip()
    prefix = request.form.get("prefix", "")
    if folder and not folder.endswith("/"):
        folder += "/"

    chosen = [key[len(FOLDER) :] for key in request.form.getlist("key") if key.startswith(FOLDER)]
    if target == bucket and any(folder.startswith(key) for key in chosen):
        abort(400, _("A folder cannot be copied into itself."))

    def copy_all(bucket: str, keys: Sequence[str]) -> list[str]:
        failures = []
        for key in keys:
            try:
                visit().s3.copy_object(
                    Bucket=target,
                    Key=folder + key.removeprefix(prefix),
                    CopySource={"Bucket": bucket, "Key": key},
                )
            except ClientError as refused:
                failures.append(f"{key}: {sentence_of(refused)}")
        return failures

    return _next(bucket, _step(bucket, copy_all), "chosen.copy", {"target": target, "folder": folder})


def _total(bucket: str, keys: Sequence[str]) -> int | None:
    """How many objects were chosen, those in folders among them; None where they are too many to be counted,
    or the visitor may not list them."""
    folders = [key[len(FOLDER) :] for key in keys if key.startswith(FOLDER)]
    total = len(keys) - len(folders)
    try:
        for folder in folders:
            pages = visit().s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
            for listed in pages:
                total += listed["KeyCount"]
                if total > COUNTED_LIMIT:
                    return None
    except ClientError as refused:
        if not is_denied(refused):
            raise
        return None
    return total


def _step(bucket: str, act: Any) -> Step:
    """Does something to the next thousand objects of what was chosen."""
    left, after = request.form.getlist("key"), request.form.get("after", "")
    done = _number("done")
    keys: list[str] = []
    while left and len(keys) < STEP:
        if not left[0].startswith(FOLDER):
            keys.append(left.pop(0)[len(OBJECT) :])
            continue
        listed = visit().s3.list_objects_v2(
            Bucket=bucket,
            Prefix=left[0][len(FOLDER) :],
            MaxKeys=STEP - len(keys),
            **({"StartAfter": after} if after else {}),
        )
        found = [entry["Key"] for entry in listed.get("Contents", ())]
        keys += found
        after = found[-1] if found else after
        if not listed["IsTruncated"]:
            left.pop(0)
            after = ""
    failures = act(bucket, keys) if keys else []
    return Step(done + len(keys) - len(failures), failures, left, after)


def _delete(bucket: str, keys: Sequence[str]) -> list[str]:
    answer = visit().s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
    )
    return [f"{error['Key']}: {error['Message']}" for error in answer.get("Errors", ())]


def _next(bucket: str, step: Step, endpoint: str, kept: dict[str, str]) -> AnyResponse:
    failures = request.form.getlist("failure") + step.failures
    failed = _number("failed") + len(step.failures)
    prefix = request.form.get("prefix", "")
    if step.left or failures:
        page = render_template(
            "console/chosen_progress.html",
            bucket=bucket,
            step=step,
            failures=failures[:_SHOWN_FAILURES],
            # Few of them are shown, and go along to the next step.
            failed=failed,
            total=_total_of(step, failed),
            action=url_for(endpoint, bucket=bucket),
            kept=kept,
            prefix=prefix,
        )
        return Response(page)
    flash(
        ngettext("%(number)d object is done.", "%(number)d objects are done.", step.done)
        if endpoint == "chosen.copy"
        else ngettext("%(number)d object is deleted.", "%(number)d objects are deleted.", step.done)
    )
    return redirect(url_for("objects.show_folder", bucket=bucket, prefix=prefix or None), 303)


def _total_of(step: Step, failed: int) -> int:
    """How many objects there are to be done, 0 where nobody knows: those that were chosen, unless there turn
    out to be more."""
    total, objects_left = _number("total"), sum(not key.startswith(FOLDER) for key in step.left)
    return total if total >= step.done + failed + objects_left else 0


def _number(field: str) -> int:
    """What a step before has counted; nothing where somebody wrote something else into the form."""
    text = request.form.get(field, "")
    return int(text) if text.isdecimal() and len(text) < 12 else 0
