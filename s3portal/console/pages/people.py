"""Users, groups and roles: who there is, and what each may do. By IAM's own operations, as the visitor."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.documents import DocumentError, read_document, write_document
from s3portal.console.errors import is_denied, sentence_of
from s3portal.console.policy_words import sentences_of
from s3portal.console.sight import seen_sections
from s3portal.console.texts import gettext as _
from s3portal.console.visit import visit

_LISTED = 1000
READING = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": ["arn:aws:s3:::BUCKET", "arn:aws:s3:::BUCKET/*"],
        }
    ],
}

people_pages = Blueprint("people", __name__)


@dataclass(frozen=True)
class Kind:
    """Users, groups or roles: what IAM's operations and their parameters are called, and what people read."""

    name: str
    title: str
    one: str
    about: str

    @property
    def parameter(self) -> str:
        return f"{self.name.capitalize()}Name"

    def call(self, operation: str, name: str, **parameters: Any) -> Any:
        """Calls an IAM operation, written with ``KIND`` in its name, for one of them."""
        ask = getattr(visit().iam, operation.replace("KIND", self.name))
        return ask(**{self.parameter: name}, **parameters)


def kinds() -> dict[str, Kind]:
    """The kinds by their place in addresses."""
    return {
        "users": Kind("user", _("Users"), _("user"), _("A person or a program with access keys of its own.")),
        "groups": Kind("group", _("Groups"), _("group"), _("Users that may do the same.")),
        "roles": Kind("role", _("Roles"), _("role"), _("What others may become for a while, by AssumeRole.")),
    }


@people_pages.get("/people")
def home() -> AnyResponse:
    seen = seen_sections()
    kind = next((kind for kind in kinds() if kind in seen), None)
    if kind is None and "policies" in seen:
        return redirect(url_for("managed.show_all"))
    return redirect(url_for("people.show_all", kind=kind or "users"))


@people_pages.get("/people/<kind>")
def show_all(kind: str) -> AnyResponse:
    return _list_page(kind)


@people_pages.post("/people/<kind>")
def create(kind: str) -> AnyResponse:
    chosen, name = _kind(kind), request.form.get("name", "").strip()
    more = {"AssumeRolePolicyDocument": json.dumps(_trusting_its_account())} if kind == "roles" else {}
    try:
        chosen.call("create_KIND", name, **more)
    except (ClientError, ParamValidationError) as refused:
        return _list_page(kind, _problem(refused), name)
    flash(_("%(name)s is there, and may do nothing yet: give it a policy.", name=name))
    return redirect(url_for("people.show", kind=kind, name=name), 303)


@people_pages.get("/people/<kind>/one")
def show(kind: str) -> AnyResponse:
    return _page(kind, _name())


@people_pages.post("/people/<kind>/one/<what>")
def change(kind: str, what: str) -> AnyResponse:
    name = _name()
    act = _CHANGES.get(what) or abort(404)
    try:
        gone = act(_kind(kind), name)
    except (ClientError, ParamValidationError, DocumentError) as refused:
        return _page(kind, name, _problem(refused))
    flash(_("Saved.") if not gone else _("%(name)s is deleted.", name=name))
    if gone:
        return redirect(url_for("people.show_all", kind=kind), 303)
    return redirect(url_for("people.show", kind=kind, name=name), 303)


@people_pages.post("/people/users/one/new-key")
def new_key() -> AnyResponse:
    """The one page that has a secret: it is not kept anywhere, and not shown again."""
    name = _name()
    try:
        key = visit().iam.create_access_key(UserName=name)["AccessKey"]
    except ClientError as refused:
        return _page("users", name, sentence_of(refused))
    return Response(render_template("console/new_key.html", name=name, key=key, kinds=kinds()))


def _name() -> str:
    """Whose page it is. In the query: IAM's names may be dots, which browsers take out of paths."""
    return request.args.get("name", "")


def _put_policy(kind: Kind, name: str) -> bool:
    document = read_document(request.form.get("document", ""))
    policy_name = request.form.get("policy_name", "").strip()
    kind.call("put_KIND_policy", name, PolicyName=policy_name, PolicyDocument=json.dumps(document))
    return False


def _delete_policy(kind: Kind, name: str) -> bool:
    kind.call("delete_KIND_policy", name, PolicyName=request.form.get("policy_name", ""))
    return False


def _attach(kind: Kind, name: str) -> bool:
    kind.call("attach_KIND_policy", name, PolicyArn=request.form.get("arn", "").strip())
    return False


def _detach(kind: Kind, name: str) -> bool:
    kind.call("detach_KIND_policy", name, PolicyArn=request.form.get("arn", ""))
    return False


def _put_trust(kind: Kind, name: str) -> bool:
    document = json.dumps(read_document(request.form.get("document", "")))
    visit().iam.update_assume_role_policy(RoleName=name, PolicyDocument=document)
    return False


def _add_member(kind: Kind, name: str) -> bool:
    visit().iam.add_user_to_group(GroupName=_group(kind, name), UserName=_member(kind, name))
    return False


def _remove_member(kind: Kind, name: str) -> bool:
    visit().iam.remove_user_from_group(GroupName=_group(kind, name), UserName=_member(kind, name))
    return False


def _group(kind: Kind, name: str) -> str:
    return name if kind.name == "group" else request.form.get("other", "").strip()


def _member(kind: Kind, name: str) -> str:
    return name if kind.name == "user" else request.form.get("other", "").strip()


def _set_key(kind: Kind, name: str) -> bool:
    form = request.form
    status = "Active" if form.get("status") == "Active" else "Inactive"
    visit().iam.update_access_key(UserName=name, AccessKeyId=form.get("access_key_id", ""), Status=status)
    return False


def _delete_key(kind: Kind, name: str) -> bool:
    visit().iam.delete_access_key(UserName=name, AccessKeyId=request.form.get("access_key_id", ""))
    return False


def _delete(kind: Kind, name: str) -> bool:
    if request.form.get("typed", "").strip() != name:
        raise DocumentError(_("This is not the name: nothing was deleted."), None)
    _empty(kind, name)
    kind.call("delete_KIND", name)
    return True


def _empty(kind: Kind, name: str) -> None:
    """Takes away what IAM wants gone before somebody can be deleted."""
    iam = visit().iam
    for policy_name in kind.call("list_KIND_policies", name)["PolicyNames"]:
        kind.call("delete_KIND_policy", name, PolicyName=policy_name)
    for attached in kind.call("list_attached_KIND_policies", name)["AttachedPolicies"]:
        kind.call("detach_KIND_policy", name, PolicyArn=attached["PolicyArn"])
    if kind.name == "user":
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        for group in iam.list_groups_for_user(UserName=name)["Groups"]:
            iam.remove_user_from_group(GroupName=group["GroupName"], UserName=name)
    if kind.name == "group":
        for user in iam.get_group(GroupName=name)["Users"]:
            iam.remove_user_from_group(GroupName=name, UserName=user["UserName"])


_CHANGES: dict[str, Callable[[Kind, str], bool]] = {
    "put-policy": _put_policy,
    "delete-policy": _delete_policy,
    "attach": _attach,
    "detach": _detach,
    "put-trust": _put_trust,
    "add": _add_member,
    "remove": _remove_member,
    "set-key": _set_key,
    "delete-key": _delete_key,
    "delete": _delete,
}


def _trusting_its_account() -> dict[str, Any]:
    """A trust policy has to name somebody: the account, whose users still need a policy of their own."""
    account = visit().identity["Account"]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "sts:AssumeRole",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _kind(kind: str) -> Kind:
    found: Kind = kinds().get(kind) or abort(404)
    return found


def _list_page(kind: str, problem: str = "", name: str = "") -> AnyResponse:
    chosen = _kind(kind)
    pages = visit().iam.get_paginator(f"list_{chosen.name}s").paginate(PaginationConfig={"MaxItems": _LISTED})
    people = [entry for page in pages for entry in page[f"{chosen.name.capitalize()}s"]]
    page = render_template(
        "console/people.html",
        kind=kind,
        kinds=kinds(),
        chosen=chosen,
        people=people,
        name_of=lambda entry: entry[chosen.parameter],
        problem=problem,
        name=name,
    )
    return Response(page, 400 if problem else 200)


def _page(kind: str, name: str, problem: str = "") -> AnyResponse:
    chosen, iam = _kind(kind), visit().iam
    entry = chosen.call("get_KIND", name)
    inline = []
    for policy_name in _known(lambda: chosen.call("list_KIND_policies", name)).get("PolicyNames", ()):
        document = chosen.call("get_KIND_policy", name, PolicyName=policy_name)["PolicyDocument"]
        inline.append((policy_name, write_document(document), sentences_of(document)))
    keys = []
    for key in (
        _known(lambda: iam.list_access_keys(UserName=name)).get("AccessKeyMetadata", ())
        if kind == "users"
        else ()
    ):
        used = _known(partial(iam.get_access_key_last_used, AccessKeyId=key["AccessKeyId"]))
        keys.append((key, used.get("AccessKeyLastUsed", {}).get("LastUsedDate")))
    members = entry.get("Users", ()) if kind == "groups" else ()
    groups = (
        _known(lambda: iam.list_groups_for_user(UserName=name)).get("Groups", ()) if kind == "users" else ()
    )
    facts = entry[chosen.name.capitalize()]
    page = render_template(
        "console/person.html",
        kind=kind,
        kinds=kinds(),
        chosen=chosen,
        name=name,
        facts=facts,
        inline=inline,
        attached=_known(lambda: chosen.call("list_attached_KIND_policies", name)).get("AttachedPolicies", ()),
        policies=_known(lambda: iam.list_policies(MaxItems=_LISTED)).get("Policies", ()),
        keys=keys,
        members=members,
        groups=groups,
        trust=write_document(facts["AssumeRolePolicyDocument"]) if kind == "roles" else "",
        example=write_document(READING),
        form=request.form,
        problem=problem,
    )
    return Response(page, 400 if problem else 200)


def _known(ask: Callable[[], Any]) -> dict[str, Any]:
    """What the server says; nothing where the visitor may not know it."""
    try:
        answer: dict[str, Any] = ask()
    except ClientError as refused:
        if is_denied(refused):
            return {}
        raise
    return answer


def _problem(refused: Exception) -> str:
    return sentence_of(refused) if isinstance(refused, ClientError) else str(refused)
