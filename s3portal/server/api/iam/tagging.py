"""Tags of users, roles and managed policies.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from s3portal.server.api.caller_permissions import request_tags
from s3portal.server.api.iam.answers import members, page
from s3portal.server.api.iam.asked import (
    named,
    named_policy,
    parameters_of,
    tags_of,
    with_tags,
    without_tags,
)
from s3portal.server.api.iam.row import row
from s3portal.server.api.query_parameters import Parameters
from s3portal.server.authority.identity_keys import TAG_KEYS
from s3portal.server.gateway.call import Call
from s3portal.server.iam import identities, managed_policies
from s3portal.server.iam.records import Kind
from s3portal.server.wire.xml_documents import fields

_KINDS = (Kind.USER, Kind.ROLE)


def _tag(kind: Kind) -> Callable[[Call], None]:
    def tag(call: Call) -> None:
        parameters = parameters_of(call)
        added = tags_of(parameters)
        values = request_tags(added)
        found = named(call, parameters, kind, f"Tag{kind.title}", changes=True, values=values)
        call.service.people.change(
            lambda rows: identities.set_tags(
                rows, found, with_tags(identities.require_there(rows, found).tags, added)
            )
        )

    return tag


def _untag(kind: Kind) -> Callable[[Call], None]:
    def untag(call: Call) -> None:
        parameters = parameters_of(call)
        removed = parameters.members("TagKeys")
        values = {TAG_KEYS: removed}
        found = named(call, parameters, kind, f"Untag{kind.title}", changes=True, values=values)
        call.service.people.change(
            lambda rows: identities.set_tags(
                rows, found, without_tags(identities.require_there(rows, found).tags, removed)
            )
        )

    return untag


def _list(kind: Kind) -> Callable[[Call], str]:
    def list_tags(call: Call) -> str:
        parameters = parameters_of(call)
        found = named(call, parameters, kind, f"List{kind.title}Tags")
        return _page_of(parameters, found.tags)

    return list_tags


def _tag_policy(call: Call) -> None:
    parameters = parameters_of(call)
    added = tags_of(parameters)
    policy = named_policy(call, parameters, "TagPolicy", changes=True, values=request_tags(added))
    tags = with_tags(policy.tags, added)
    call.service.people.change(lambda rows: managed_policies.set_tags(rows, policy, tags))


def _untag_policy(call: Call) -> None:
    parameters = parameters_of(call)
    removed = parameters.members("TagKeys")
    policy = named_policy(call, parameters, "UntagPolicy", changes=True, values={TAG_KEYS: removed})
    tags = without_tags(policy.tags, removed)
    call.service.people.change(lambda rows: managed_policies.set_tags(rows, policy, tags))


def _list_policy_tags(call: Call) -> str:
    parameters = parameters_of(call)
    return _page_of(parameters, named_policy(call, parameters, "ListPolicyTags").tags)


def _page_of(parameters: Parameters, tags: Mapping[str, str]) -> str:
    there = sorted(tags.items(), key=lambda tag: tag[0].lower())
    shown, more = page(parameters, there, lambda tag: tag[0])
    return members("Tags", (fields(("Key", key), ("Value", value)) for key, value in shown)) + more


OPERATIONS = (
    *(row(f"Tag{kind.title}", _tag(kind)) for kind in _KINDS),
    *(row(f"Untag{kind.title}", _untag(kind)) for kind in _KINDS),
    *(row(f"List{kind.title}Tags", _list(kind)) for kind in _KINDS),
    row("TagPolicy", _tag_policy),
    row("UntagPolicy", _untag_policy),
    row("ListPolicyTags", _list_policy_tags),
)
