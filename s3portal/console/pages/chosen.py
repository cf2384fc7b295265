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

from s3portal.console.errors import sentence_of
from s3portal.console.texts import gettext as _
from s3portal.console.texts import ngettext
from s3portal.console.visit import visit

STEP = 1000
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
    return Response(render_template(template, bucket=bucket, keys=keys, prefix=prefix, versioned=versioned))


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
    prefix = request.form.get("prefix", "")
    if step.left or failures:
        page = render_template(
            "console/chosen_progress.html",
            bucket=bucket,
            step=step,
            failures=failures[:_SHOWN_FAILURES],
            # Few of them are shown, and go along to the next step.
            failed=_number("failed") + len(step.failures),
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


def _number(field: str) -> int:
    """What a step before has counted; nothing where somebody wrote something else into the form."""
    text = request.form.get(field, "")
    return int(text) if text.isdecimal() and len(text) < 12 else 0
