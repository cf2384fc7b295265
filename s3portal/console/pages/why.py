"""May X do Y on Z, and why?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError
from flask import Blueprint, render_template, request, url_for

from s3portal.console.deciding import ANONYMOUS, Decision, NamedPolicy, Question, decide
from s3portal.console.documents import write_document
from s3portal.console.errors import is_denied, sentence_of
from s3portal.console.pages.acls import acls_are_on
from s3portal.console.pages.people import kinds
from s3portal.console.texts import gettext as _
from s3portal.console.visit import visit
from s3portal.server.operator_view import AuditRecord

_ACTIONS = (
    *("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetObjectVersion"),
    *("s3:AbortMultipartUpload", "s3:ListBucketMultipartUploads", "s3:PutBucketPolicy", "s3:CreateBucket"),
    *(
        "s3:DeleteBucket",
        "s3:ListAllMyBuckets",
        "s3:PutObjectTagging",
        "s3:GetBucketPolicy",
        "iam:CreateUser",
    ),
)

#: Operations whose permission has another name.
_ACTION_OF = {
    "HeadObject": "GetObject",
    "CopyObject": "PutObject",
    "PostObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
}

why_pages = Blueprint("why", __name__)


@why_pages.get("/why")
def show() -> str:
    asked = request.args
    who, action = asked.get("who", "").strip(), asked.get("action", "").strip()
    resource = asked.get("resource", "").strip().removeprefix("s3://").removeprefix("arn:aws:s3:::")
    decision, problem, question = None, "", None
    if action:
        try:
            question = _question(who, action, resource)
            decision = decide(visit().iam, question)
        except ClientError as refused:
            problem = (
                _("You may not ask this: it needs iam:SimulateCustomPolicy and to read the policies.")
                if is_denied(refused)
                else sentence_of(refused)
            )
    return render_template(
        "console/why.html",
        asked=asked,
        people=list(_people()),
        actions=_ACTIONS,
        decision=decision,
        lines=_lines(decision),
        advice=_advice(decision, question),
        acl_url=_acl_url(resource) if decision and not decision.is_allowed else "",
        is_blocked=bool(decision and decision.is_allowed and who == ANONYMOUS and _blocks(resource)),
        problem=problem,
    )


def why_url(record: AuditRecord) -> str:
    """Returns the page with the question that a refused line of the audit log asks."""
    path = f"{record.bucket}/{record.key}" if record.key else record.bucket
    address = record.source_ip
    action = _ACTION_OF.get(record.action, record.action)
    who = _who_is(record.user or "")
    return url_for("why.show", who=who, action=f"s3:{action}", resource=path, address=address)


def refused_url(operation: str) -> str:
    """Returns the page with the question why the visitor's own request was refused this operation."""
    page = request.path.removeprefix("/ui/").partition("/")[0]
    service = {"people": "iam", "keys": "kms"}.get(page, "s3")
    bucket, key = (request.view_args or {}).get("bucket", ""), request.values.get("key", "")
    return url_for(
        "why.show",
        who=_who_is(visit().identity["Arn"]),
        action=f"{service}:{_ACTION_OF.get(operation, operation)}",
        resource=f"{bucket}/{key}" if bucket and key else bucket or None,
    )


def _who_is(arn: str) -> str:
    """Returns who an ARN names, as the form says it; a session is of its role."""
    kind, _slash, name = arn.rpartition(":")[2].partition("/")
    if kind == "user":
        return f"user/{name.rpartition('/')[2]}"
    return f"role/{name.partition('/')[0]}" if kind == "assumed-role" else ANONYMOUS


def _question(who: str, action: str, resource: str) -> Question:
    bucket = resource.partition("/")[0]
    context = {
        name: value
        for name, value in (
            ("aws:SourceIp", request.args.get("address", "").strip()),
            ("aws:CurrentTime", request.args.get("time", "").strip()),
        )
        if value
    }
    of_bucket = _bucket_policy(bucket) if bucket else None
    arn = f"arn:aws:s3:::{resource}" if resource else "*"
    kind, _slash, name = who.partition("/")
    if kind not in ("user", "role"):
        return Question(ANONYMOUS, action, arn, (), of_bucket, context)
    policies = list(_policies(f"{kind}s", name))
    entry = kinds()[f"{kind}s"].call("get_KIND", name)[kind.capitalize()]
    bounds = entry.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    boundary = _managed(bounds) if bounds else None
    return Question(entry["Arn"], action, arn, policies, of_bucket, context, boundary)


def _policies(kind: str, name: str) -> Iterator[NamedPolicy]:
    """What a user or a role may do: by policies of their own, attached ones, and those of groups."""
    chosen, iam = kinds()[kind], visit().iam
    where = url_for("people.show", kind=kind, name=name)
    for policy_name in chosen.call("list_KIND_policies", name)["PolicyNames"]:
        document = chosen.call("get_KIND_policy", name, PolicyName=policy_name)["PolicyDocument"]
        yield NamedPolicy(f"{name}: {policy_name}", document, where)
    for attached in chosen.call("list_attached_KIND_policies", name)["AttachedPolicies"]:
        yield _managed(attached["PolicyArn"])
    if kind == "users":
        for group in iam.list_groups_for_user(UserName=name)["Groups"]:
            yield from _policies("groups", group["GroupName"])


def _managed(arn: str) -> NamedPolicy:
    iam = visit().iam
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    return NamedPolicy(policy["PolicyName"], version["Document"], url_for("managed.show", arn=arn))


def _bucket_policy(bucket: str) -> NamedPolicy | None:
    try:
        text = visit().s3.get_bucket_policy(Bucket=bucket)["Policy"]
    except ClientError as none:
        if none.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    where = url_for("policies.show", bucket=bucket)
    return NamedPolicy(_("the policy of the bucket %(name)s", name=bucket), json.loads(text), where, True)


def _acl_url(resource: str) -> str:
    """Where ACLs count, which no simulation knows, the page of the one that does; '' elsewhere."""
    bucket, _slash, key = resource.partition("/")
    try:
        if not bucket or not acls_are_on(bucket):
            return ""
    except ClientError:
        return ""
    return url_for("acls.show", bucket=bucket, key=key or None)


def _blocks(resource: str) -> bool:
    """Whether the bucket's public access block keeps strangers out although its policy is public."""
    try:
        block = visit().s3.get_public_access_block(Bucket=resource.partition("/")[0])
    except ClientError:
        return False
    return bool(block["PublicAccessBlockConfiguration"].get("RestrictPublicBuckets"))


def _people() -> Iterator[tuple[str, str]]:
    yield ANONYMOUS, _("Anybody, without signing in")
    for kind in ("user", "role"):
        try:
            listed = getattr(visit().iam, f"list_{kind}s")()[f"{kind.capitalize()}s"]
        except ClientError:
            continue
        for entry in listed:
            name = entry[f"{kind.capitalize()}Name"]
            yield f"{kind}/{name}", f"{kinds()[f'{kind}s'].one} {name}"


def _lines(decision: Decision | None) -> list[tuple[str, bool]]:
    """The deciding document's lines, and whether each belongs to the deciding statement."""
    if decision is None or decision.policy is None or decision.statement is None:
        return []
    document = dict(decision.policy.document)
    statements: Any = document.get("Statement", [])
    document["Statement"] = statements if isinstance(statements, list) else [statements]
    lines = write_document(document).splitlines()
    # Statements begin and end in the fourth column.
    starts = [number for number, line in enumerate(lines) if line == "    {"]
    ends = [number for number, line in enumerate(lines) if line in ("    }", "    },")]
    start, end = starts[decision.statement], ends[decision.statement]
    return [(line, start <= number <= end) for number, line in enumerate(lines)]


def _advice(decision: Decision | None, question: Question | None) -> str:
    if decision is None or question is None:
        return ""
    if decision.is_allowed:
        return _(
            "To forbid it, change the marked statement, or add one with the effect Deny: that always wins."
        )
    if decision.is_out_of_bounds and decision.policy is not None:
        return _(
            "Their policies allow it, but their permissions boundary “%(name)s” does not. To allow it, add "
            "it there, too.",
            name=decision.policy.name,
        )
    if decision.policy is not None:
        return _("The marked statement forbids it, and no other can allow what one forbids: change that one.")
    statement = {"Effect": "Allow", "Action": question.action, "Resource": question.resource_arn}
    if question.caller_arn == ANONYMOUS:
        statement = {"Effect": "Allow", "Principal": "*", **statement}
        return _(
            "No statement covers this. To allow it, add this to the policy of the bucket: %(statement)s",
            statement=json.dumps(statement),
        )
    return _(
        "No statement covers this. To allow it, add this to one of their policies: %(statement)s",
        statement=json.dumps(statement),
    )
