"""Aliases: names of keys.

Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
"""

from __future__ import annotations

import re

from s3portal.server.api.kms.calls import Document, KeyCall, page, seconds
from s3portal.server.kms.key_errors import invalid, require_not_pending
from s3portal.server.kms.key_records import AWS, Alias, Key
from s3portal.server.kms.keys import alias_arn
from s3portal.server.wire.errors import S3Error

_NAME = re.compile(r"alias/[a-zA-Z0-9/_-]{1,250}")


def create_alias(asked: KeyCall) -> Document:
    name = _name(asked)
    key = _target(asked, "CreateAlias", name)
    asked.keys.create_alias(asked.account_id, name, key)
    return {}


def update_alias(asked: KeyCall) -> Document:
    name = _name(asked)
    key = _target(asked, "UpdateAlias", name)
    old = asked.keys.with_id(asked.keys.find_alias(asked.account_id, name).key_id)
    asked.require("UpdateAlias", old)
    asked.keys.update_alias(asked.account_id, name, key)
    return {}


def delete_alias(asked: KeyCall) -> Document:
    name = _name(asked)
    _require_alias(asked, "DeleteAlias", name)
    found = asked.keys.find_alias(asked.account_id, name)
    asked.require("DeleteAlias", asked.keys.with_id(found.key_id))
    asked.keys.delete_alias(asked.account_id, name)
    return {}


def list_aliases(asked: KeyCall) -> Document:
    asked.require_without_key("ListAliases")
    named = asked.parameters.optional_text("KeyId")
    key_id = asked.keys.find(named, asked.account_id).key_id if named else None
    found = asked.keys.aliases(asked.account_id, key_id)
    return page(asked, found, "Aliases", lambda alias: _shown(asked, alias), lambda alias: alias.name)


def _shown(asked: KeyCall, alias: Alias) -> Document:
    return {
        "AliasName": alias.name,
        "AliasArn": alias_arn(asked.keys.region, alias.account_id, alias.name),
        "TargetKeyId": alias.key_id,
        "CreationDate": seconds(alias.created_at),
        "LastUpdatedDate": seconds(alias.updated_at),
    }


def _name(asked: KeyCall) -> str:
    name = asked.parameters.text("AliasName", limit=256)
    if not name.startswith("alias/"):
        raise invalid("Invalid identifier: an alias must begin with 'alias/'")
    if not _NAME.fullmatch(name):
        raise S3Error("InvalidAliasNameException", "an alias has letters, digits and /_- behind 'alias/'")
    if name.startswith("alias/aws/"):
        raise S3Error(
            "InvalidAliasNameException", "aliases that begin with 'alias/aws/' are the server's own"
        )
    return name


def _require_alias(asked: KeyCall, action: str, name: str) -> None:
    asked.require_without_key(action, alias_arn(asked.keys.region, asked.account_id, name))


def _target(asked: KeyCall, action: str, name: str) -> Key:
    if asked.parameters.text("TargetKeyId").startswith("alias/"):
        raise invalid("Aliases must refer to keys. Not aliases")
    _require_alias(asked, action, name)
    key = asked.named_key(action, "TargetKeyId")
    if key.account_id != asked.account_id or key.manager == AWS:
        raise invalid("an alias must refer to a customer's key of the same account")
    require_not_pending(key)
    return key
