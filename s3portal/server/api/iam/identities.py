"""Users, groups and roles: create, get, list, rename, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from s3portal.server.api.caller_permissions import require, resource_tags
from s3portal.server.api.iam.answers import identity_fields, members, page
from s3portal.server.api.iam.asked import (
    NAME,
    NAME_LIMITS,
    PATH,
    PATH_LIMIT,
    PATH_PREFIX,
    named,
    new_identity,
    parameters_of,
)
from s3portal.server.api.iam.row import row
from s3portal.server.api.query_parameters import Parameters
from s3portal.server.authority.arns import identity_arn
from s3portal.server.gateway.call import Call
from s3portal.server.iam import identities, memberships
from s3portal.server.iam.configured import unmodifiable
from s3portal.server.iam.records import Identity, Kind
from s3portal.server.wire.xml_documents import element


def _create(kind: Kind) -> Callable[[Call], str]:
    def create(call: Call) -> str:
        made = call.service.people.create(new_identity(call, parameters_of(call), kind))
        return element(kind.title, identity_fields(made))

    return create


def _get_user(call: Call) -> str:
    found = named(call, parameters_of(call), Kind.USER, "GetUser", default_is_caller=True)
    return element("User", identity_fields(found))


def _get_role(call: Call) -> str:
    return element("Role", identity_fields(named(call, parameters_of(call), Kind.ROLE, "GetRole")))


def _get_group(call: Call) -> str:
    """Answers with the users in it, page by page."""
    parameters = parameters_of(call)
    group = named(call, parameters, Kind.GROUP, "GetGroup")
    users = call.service.people.read(lambda rows: memberships.users_of(rows, group))
    shown, more = page(parameters, users, lambda user: user.name)
    return element("Group", identity_fields(group)) + _list_of("Users", shown) + more


def _list(kind: Kind) -> Callable[[Call], str]:
    def list_all(call: Call) -> str:
        parameters = parameters_of(call)
        prefix = parameters.text("PathPrefix", PATH_PREFIX, most=PATH_LIMIT) or "/"
        require(call, f"iam:List{kind.title}s", identity_arn(call.account_id, kind.value, "", prefix))
        found = call.service.people.find_all(kind, call.account_id)
        there = [one for one in found if one.path.startswith(prefix)]
        shown, more = page(parameters, there, lambda one: one.name)
        return _list_of(f"{kind.title}s", shown) + more

    return list_all


def _list_groups_for_user(call: Call) -> str:
    parameters = parameters_of(call)
    user = named(call, parameters, Kind.USER, "ListGroupsForUser")
    groups: Sequence[Identity] = ()
    if not user.configured:
        groups = call.service.people.read(lambda rows: memberships.groups_of(rows, user))
    shown, more = page(parameters, groups, lambda group: group.name)
    return _list_of("Groups", shown) + more


def _list_of(name: str, found: Sequence[Identity]) -> str:
    return members(name, (identity_fields(one, with_tags=False) for one in found))


def _rename(kind: Kind) -> Callable[[Call], None]:
    """Gives a user or group another name or path. Needs the permission on both names, as on AWS."""

    def rename(call: Call) -> None:
        parameters, action = parameters_of(call), f"Update{kind.title}"
        found = named(call, parameters, kind, action, changes=True)
        name, path = _new_name(parameters, found)
        target = identity_arn(found.account_id, kind.value, name, path)
        require(call, f"iam:{action}", target, resource_tags(found.tags))
        people = call.service.people
        people.refuse_configured_name(kind, found.account_id, name)
        people.rename(found, name, path)

    return rename


def _new_name(parameters: Parameters, found: Identity) -> tuple[str, str]:
    name = parameters.text(f"New{found.kind.title}Name", NAME, most=NAME_LIMITS[found.kind])
    path = parameters.text("NewPath", PATH, most=PATH_LIMIT)
    return name or found.name, path or found.path


def _delete(kind: Kind) -> Callable[[Call], None]:
    def delete(call: Call) -> None:
        found = named(call, parameters_of(call), kind, f"Delete{kind.title}", changes=True)
        call.service.people.delete(found)

    return delete


def _membership(action: str, change: Callable[..., None]) -> Callable[[Call], None]:
    """Decided on the group, as on AWS: the user is only named."""

    def change_membership(call: Call) -> None:
        parameters, people = parameters_of(call), call.service.people
        group = named(call, parameters, Kind.GROUP, action, changes=True)
        name = parameters.required("UserName", NAME, most=NAME_LIMITS[Kind.USER])
        user = people.find(Kind.USER, call.account_id, name)
        if user is None:
            raise identities.no_such(Kind.USER, name)
        if user.configured:
            raise unmodifiable(user)
        people.change(lambda rows: change(rows, group, user))

    return change_membership


OPERATIONS = (
    row("CreateUser", _create(Kind.USER)),
    row("CreateGroup", _create(Kind.GROUP)),
    row("GetUser", _get_user),
    row("GetGroup", _get_group),
    row("GetRole", _get_role),
    *(row(f"List{kind.title}s", _list(kind)) for kind in Kind),
    row("ListGroupsForUser", _list_groups_for_user),
    row("UpdateUser", _rename(Kind.USER)),
    row("UpdateGroup", _rename(Kind.GROUP)),
    *(row(f"Delete{kind.title}", _delete(kind)) for kind in Kind),
    row("AddUserToGroup", _membership("AddUserToGroup", memberships.add)),
    row("RemoveUserFromGroup", _membership("RemoveUserFromGroup", memberships.remove)),
)
