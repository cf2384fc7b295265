"""``/kms/keys…``: the key management by MyFSIO's routes. Its operations are those of the KMS API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from s3portal.server.api.kms.operations import perform
from s3portal.server.api.myfsio.documents import document_of
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.dialects.myfsio import json_reply
from s3portal.server.http.values import whole_number
from s3portal.server.kms.key_errors import invalid
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.reply import Reply

WAITING_PARAMETER = "waiting_period_days"
_KEY = re.compile(r"kms/keys/(?P<key_id>[^/]+)(?:/.*)?", re.DOTALL)


def create_key(call: Call) -> Reply:
    """Makes a key, and its alias where one is given."""
    asked = document_of(call)
    alias = _given(asked, "alias", "Alias")
    parameters = {"Description": _given(asked, "description", "Description") or ""}
    made = perform(call, "CreateKey", parameters)["KeyMetadata"]
    if alias is not None:
        name = alias if isinstance(alias, str) and alias.startswith("alias/") else f"alias/{alias}"
        try:
            perform(call, "CreateAlias", {"AliasName": name, "TargetKeyId": made["KeyId"]})
        except Exception:
            # A key that nobody was told of would be there for ever.
            call.service.keys.change(made["KeyId"], lambda key: replace(key, deletion_at=now_ms()))
            call.service.keys.delete_expired()
            raise
    return json_reply(_described(made))


def list_keys(call: Call) -> Reply:
    found = perform(call, "ListKeys", {"Limit": 1000})
    shown = list(found["Keys"])
    while found["Truncated"]:
        found = perform(call, "ListKeys", {"Limit": 1000, "Marker": found["NextMarker"]})
        shown += found["Keys"]
    return json_reply({"Keys": shown, "keys": shown, "Truncated": False})


def describe_key(call: Call) -> Reply:
    return json_reply(_described(perform(call, "DescribeKey", _named(call))["KeyMetadata"]))


def rotate_key(call: Call) -> Reply:
    perform(call, "RotateKeyOnDemand", _named(call))
    return json_reply(_named(call))


def enable_key(call: Call) -> Reply:
    perform(call, "EnableKey", _named(call))
    return json_reply(_named(call))


def disable_key(call: Call) -> Reply:
    perform(call, "DisableKey", _named(call))
    return json_reply(_named(call))


def delete_key(call: Call) -> Reply:
    """Schedules the deletion of a key, with AWS's 30 days unless the query says otherwise."""
    parameters = dict(_named(call))
    days = call.parameter(WAITING_PARAMETER)
    if days is not None:
        count = whole_number(days)
        if count is None:
            raise invalid(f"{WAITING_PARAMETER} must be a whole number of days")
        parameters["PendingWindowInDays"] = count
    return json_reply(perform(call, "ScheduleKeyDeletion", parameters))


def _named(call: Call) -> dict[str, Any]:
    match = _KEY.fullmatch(call.request.route or "")
    assert match is not None
    return {"KeyId": match["key_id"]}


def _given(document: Mapping[str, Any], *names: str) -> Any:
    return next((document[name] for name in names if document.get(name) is not None), None)


def _described(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A key as AWS describes it, and its id where MyFSIO's clients look for it."""
    return {"KeyMetadata": metadata, "KeyId": metadata["KeyId"], "key_id": metadata["KeyId"]}
