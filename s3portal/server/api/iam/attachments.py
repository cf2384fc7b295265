"""To whom managed policies are attached, and whose boundary they are.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachUserPolicy.html
"""

from __future__ import annotations

from collections.abc import Callable

from s3portal.server.api.iam.answers import members, page
from s3portal.server.api.iam.asked import (
    ARN_LIMIT,
    PATH_LIMIT,
    PATH_PREFIX,
    find_policy,
    named,
    named_policy,
    parameters_of,
    require_boundary,
)
from s3portal.server.api.iam.row import row
from s3portal.server.authority.identity_keys import BOUNDARY, POLICY_ARN
from s3portal.server.gateway.call import Call
from s3portal.server.iam import identities, managed_policies
from s3portal.server.iam.records import Identity, Kind
from s3portal.server.wire.xml_documents import fields

_FILTERS = {"User": Kind.USER, "Group": Kind.GROUP, "Role": Kind.ROLE}
_OTHER_FILTERS = ("LocalManagedPolicy", "AWSManagedPolicy")
_USAGES = ("PermissionsPolicy", "PermissionsBoundary")


def _attach(kind: Kind) -> Callable[[Call], None]:
    def attach(call: Call) -> None:
        parameters = parameters_of(call)
        arn = parameters.required("PolicyArn", most=ARN_LIMIT, least=20)
        values = {POLICY_ARN: arn}
        found = named(call, parameters, kind, f"Attach{kind.title}Policy", changes=True, values=values)
        if find_policy(call, arn) is None:
            raise managed_policies.no_such_policy(arn)
        call.service.people.change(lambda rows: managed_policies.attach(rows, found, arn))

    return attach


def _detach(kind: Kind) -> Callable[[Call], None]:
    def detach(call: Call) -> None:
        parameters = parameters_of(call)
        arn = parameters.required("PolicyArn", most=ARN_LIMIT, least=20)
        values = {POLICY_ARN: arn}
        found = named(call, parameters, kind, f"Detach{kind.title}Policy", changes=True, values=values)
        call.service.people.change(lambda rows: managed_policies.detach(rows, found, arn), frees_space=True)

    return detach


def _list_attached(kind: Kind) -> Callable[[Call], str]:
    def list_attached(call: Call) -> str:
        parameters = parameters_of(call)
        found = named(call, parameters, kind, f"ListAttached{kind.title}Policies")
        prefix = parameters.text("PathPrefix", PATH_PREFIX, most=PATH_LIMIT) or "/"
        arns = call.service.people.read(lambda rows: managed_policies.attached_to(rows, found.identity_id))
        there = sorted(arn for arn in arns if arn.partition(":policy")[2].startswith(prefix))
        shown, more = page(parameters, sorted(there, key=str.lower), lambda arn: arn)
        return members("AttachedPolicies", map(attached_fields, shown)) + more

    return list_attached


def attached_fields(policy_arn: str) -> str:
    return fields(("PolicyName", policy_arn.rpartition("/")[2]), ("PolicyArn", policy_arn))


def _list_entities(call: Call) -> str:
    parameters = parameters_of(call)
    policy = named_policy(call, parameters, "ListEntitiesForPolicy")
    wanted = parameters.choice("EntityFilter", (*_FILTERS, *_OTHER_FILTERS))
    prefix = parameters.text("PathPrefix", PATH_PREFIX, most=PATH_LIMIT) or "/"
    usage = parameters.choice("PolicyUsageFilter", _USAGES) or _USAGES[0]
    found = call.service.people.read(
        lambda rows: managed_policies.identities_with(rows, policy.arn, as_boundary=usage == _USAGES[1])
    )
    there = [
        one
        for one in found
        if one.account_id == call.account_id
        and one.path.startswith(prefix)
        and (wanted is None or one.kind is _FILTERS.get(wanted))
    ]
    there.sort(key=_place)
    shown, more = page(parameters, there, _place)
    lists = (
        members(f"Policy{kind.title}s", (_entity(one) for one in shown if one.kind is kind)) for kind in Kind
    )
    return "".join(lists) + more


def _place(identity: Identity) -> str:
    return f"{identity.kind.value}/{identity.name}".lower()


def _entity(identity: Identity) -> str:
    title = identity.kind.title
    return fields((f"{title}Name", identity.name), (f"{title}Id", identity.identity_id))


def _put_boundary(kind: Kind) -> Callable[[Call], None]:
    def put(call: Call) -> None:
        parameters = parameters_of(call)
        arn = parameters.required("PermissionsBoundary", most=ARN_LIMIT, least=20)
        action, values = f"Put{kind.title}PermissionsBoundary", {BOUNDARY: arn}
        found = named(call, parameters, kind, action, changes=True, values=values)
        require_boundary(call, arn)
        call.service.people.change(lambda rows: identities.set_boundary(rows, found, arn))

    return put


def _delete_boundary(kind: Kind) -> Callable[[Call], None]:
    def delete(call: Call) -> None:
        action = f"Delete{kind.title}PermissionsBoundary"
        found = named(call, parameters_of(call), kind, action, changes=True)
        call.service.people.change(lambda rows: identities.set_boundary(rows, found, None), frees_space=True)

    return delete


_BOUNDED = (Kind.USER, Kind.ROLE)
OPERATIONS = (
    *(row(f"Attach{kind.title}Policy", _attach(kind)) for kind in Kind),
    *(row(f"Detach{kind.title}Policy", _detach(kind)) for kind in Kind),
    *(row(f"ListAttached{kind.title}Policies", _list_attached(kind)) for kind in Kind),
    row("ListEntitiesForPolicy", _list_entities),
    *(row(f"Put{kind.title}PermissionsBoundary", _put_boundary(kind)) for kind in _BOUNDED),
    *(row(f"Delete{kind.title}PermissionsBoundary", _delete_boundary(kind)) for kind in _BOUNDED),
)
