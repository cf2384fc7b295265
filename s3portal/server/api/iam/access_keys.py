"""Access keys of users. A secret is in one answer only: that of CreateAccessKey.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html
"""

from __future__ import annotations

from s3portal.server.api.caller_permissions import require, resource_tags
from s3portal.server.api.iam.answers import key_fields, members, moment, page
from s3portal.server.api.iam.asked import named, parameters_of
from s3portal.server.api.iam.row import row
from s3portal.server.api.query_parameters import Parameters, missing
from s3portal.server.gateway.call import Call
from s3portal.server.iam import access_keys
from s3portal.server.iam.names import new_access_key_id, new_secret_access_key
from s3portal.server.iam.records import Kind
from s3portal.server.wire.xml_documents import element, field, fields

_KEY_ID = r"[A-Za-z0-9_.-]+"
_UNKNOWN = "N/A"
_ACTIVE = {"Active": True, "Inactive": False}


def _create_access_key(call: Call) -> str:
    user = named(
        call, parameters_of(call), Kind.USER, "CreateAccessKey", changes=True, default_is_caller=True
    )
    people, key_id, secret = call.service.people, new_access_key_id(), new_secret_access_key()
    sealed = access_keys.SECRETS.seal(people.master_key, secret.encode(), access_key_id=key_id)
    made = people.change(lambda rows: access_keys.add(rows, user, key_id, sealed))
    return element("AccessKey", key_fields(user, made), field("SecretAccessKey", secret))


def _list_access_keys(call: Call) -> str:
    parameters = parameters_of(call)
    user = named(call, parameters, Kind.USER, "ListAccessKeys", default_is_caller=True)
    keys = sorted(call.service.people.access_keys_of(user), key=lambda key: key.access_key_id.lower())
    shown, more = page(parameters, keys, lambda key: key.access_key_id)
    return members("AccessKeyMetadata", (key_fields(user, key) for key in shown)) + more


def _update_access_key(call: Call) -> None:
    parameters = parameters_of(call)
    user = named(call, parameters, Kind.USER, "UpdateAccessKey", changes=True, default_is_caller=True)
    key_id, status = _key_id(parameters), parameters.choice("Status", tuple(_ACTIVE))
    if status is None:
        raise missing("Status")
    call.service.people.change(
        lambda rows: access_keys.set_active(rows, user, key_id, is_active=_ACTIVE[status])
    )


def _delete_access_key(call: Call) -> None:
    parameters = parameters_of(call)
    user = named(call, parameters, Kind.USER, "DeleteAccessKey", changes=True, default_is_caller=True)
    key_id = _key_id(parameters)
    call.service.people.change(lambda rows: access_keys.delete(rows, user, key_id), frees_space=True)


def _get_access_key_last_used(call: Call) -> str:
    """Answers when a key was used last, to the minute."""
    key_id = _key_id(parameters_of(call))
    found = call.service.people.user_of_key(key_id)
    if found is None or found[0].account_id != call.account_id:
        require(call, "iam:GetAccessKeyLastUsed", "*")
        raise access_keys.no_such_key(key_id)
    user, key = found
    require(call, "iam:GetAccessKeyLastUsed", user.arn, resource_tags(user.tags))
    used = fields(
        ("LastUsedDate", None if key.used_at is None else moment(key.used_at)),
        ("ServiceName", key.used_service or _UNKNOWN),
        ("Region", key.used_region or _UNKNOWN),
    )
    return field("UserName", user.name) + element("AccessKeyLastUsed", used)


def _key_id(parameters: Parameters) -> str:
    return parameters.required("AccessKeyId", _KEY_ID, most=128, least=3)


OPERATIONS = (
    row("CreateAccessKey", _create_access_key),
    row("ListAccessKeys", _list_access_keys),
    row("UpdateAccessKey", _update_access_key),
    row("DeleteAccessKey", _delete_access_key),
    row("GetAccessKeyLastUsed", _get_access_key_last_used),
)
