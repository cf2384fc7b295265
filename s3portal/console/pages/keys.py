"""KMS keys: what objects are encrypted with."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import ClientError
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.documents import DocumentError, read_document, write_document
from s3portal.console.errors import sentence_of
from s3portal.console.texts import gettext as _
from s3portal.console.visit import visit

_LISTED = 1000

key_pages = Blueprint("keys", __name__)


@key_pages.get("/keys")
def show_all() -> AnyResponse:
    return _list_page()


@key_pages.post("/keys")
def create() -> AnyResponse:
    alias, kms = request.form.get("alias", "").strip(), visit().kms
    try:
        key = kms.create_key(Description=request.form.get("description", "").strip())["KeyMetadata"]
        if alias:
            kms.create_alias(AliasName=f"alias/{alias.removeprefix('alias/')}", TargetKeyId=key["KeyId"])
    except ClientError as refused:
        return _list_page(sentence_of(refused))
    flash(_("The key is there."))
    return redirect(url_for("keys.show", id=key["KeyId"]), 303)


@key_pages.get("/keys/one")
def show() -> AnyResponse:
    return _page(request.args.get("id", ""))


@key_pages.post("/keys/one/<what>")
def change(what: str) -> AnyResponse:
    key_id, act = request.args.get("id", ""), _CHANGES.get(what) or abort(404)
    try:
        act(visit().kms, key_id)
    except (ClientError, DocumentError) as refused:
        return _page(key_id, sentence_of(refused) if isinstance(refused, ClientError) else str(refused))
    flash(_("Saved."))
    return redirect(url_for("keys.show", id=key_id), 303)


def _schedule(kms: Any, key_id: str) -> None:
    if request.form.get("typed", "").strip() != key_id:
        raise DocumentError(_("This is not the id of the key: nothing was changed."), None)
    days = request.form.get("days", "30")
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=int(days) if days.isdecimal() else 0)


def _put_policy(kms: Any, key_id: str) -> None:
    document = read_document(request.form.get("document", ""))
    kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=json.dumps(document))


_CHANGES: dict[str, Callable[[Any, str], Any]] = {
    "enable": lambda kms, key_id: kms.enable_key(KeyId=key_id),
    "disable": lambda kms, key_id: kms.disable_key(KeyId=key_id),
    "rotate": lambda kms, key_id: kms.rotate_key_on_demand(KeyId=key_id),
    "rotation-on": lambda kms, key_id: kms.enable_key_rotation(KeyId=key_id),
    "rotation-off": lambda kms, key_id: kms.disable_key_rotation(KeyId=key_id),
    "cancel": lambda kms, key_id: kms.cancel_key_deletion(KeyId=key_id),
    "schedule": _schedule,
    "put-policy": _put_policy,
}


def _list_page(problem: str = "") -> AnyResponse:
    kms = visit().kms
    aliases: dict[str, list[str]] = {}
    for alias in kms.list_aliases(Limit=100).get("Aliases", ()):
        aliases.setdefault(alias.get("TargetKeyId", ""), []).append(alias["AliasName"])
    keys = []
    for entry in kms.list_keys(Limit=_LISTED)["Keys"]:
        facts = _known(partial(kms.describe_key, KeyId=entry["KeyId"])).get("KeyMetadata")
        keys.append((entry["KeyId"], aliases.get(entry["KeyId"], []), facts))
    return Response(
        render_template("console/keys.html", keys=keys, problem=problem, form=request.form),
        400 if problem else 200,
    )


def _page(key_id: str, problem: str = "") -> AnyResponse:
    kms = visit().kms
    facts = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    rotation = _known(lambda: kms.get_key_rotation_status(KeyId=key_id))
    policy = _known(lambda: kms.get_key_policy(KeyId=key_id, PolicyName="default")).get("Policy")
    page = render_template(
        "console/key.html",
        facts=facts,
        rotation=rotation.get("KeyRotationEnabled"),
        policy=write_document(json.loads(policy)) if policy else "",
        aliases=[a["AliasName"] for a in _known(lambda: kms.list_aliases(KeyId=key_id)).get("Aliases", ())],
        problem=problem,
    )
    return Response(page, 400 if problem else 200)


def _known(ask: Callable[[], Any]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = ask()
    except ClientError:
        return {}
    return answer
