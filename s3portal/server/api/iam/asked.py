"""What IAM's calls name: users, groups, roles, policies, found and allowed; names, paths, tags, documents."""

from __future__ import annotations

from collections.abc import Mapping

from s3portal.server.api.caller_permissions import request_tags, require, resource_tags
from s3portal.server.api.query_parameters import Parameters, missing
from s3portal.server.authority.arns import identity_arn
from s3portal.server.authority.callers import SessionKind
from s3portal.server.authority.decision import Answer, Decision
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.authority.identity_keys import BOUNDARY
from s3portal.server.authority.policy import PolicyError, read_policy
from s3portal.server.authority.policy_patterns import Values
from s3portal.server.gateway.call import Call
from s3portal.server.iam import aws_managed, managed_policies
from s3portal.server.iam.configured import unmodifiable
from s3portal.server.iam.identities import no_such
from s3portal.server.iam.records import Identity, Kind, ManagedPolicy
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.tag_sets import checked_tags

NAME = r"[A-Za-z0-9_+=,.@-]+"
NAME_LIMITS = {Kind.USER: 64, Kind.GROUP: 128, Kind.ROLE: 64}
POLICY_NAME_LIMIT = 128
PATH = r"/|/[\x21-\x7e]+/"
PATH_LIMIT = 512
PATH_PREFIX = r"/[\x21-\x7e]*"
ARN_LIMIT = 2048
DOCUMENT_LIMIT = 131_072
# The characters of a policy document: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html
DOCUMENT = r"[\x09\x0a\x0d\x20-\xff]+"


def parameters_of(call: Call) -> Parameters:
    """Returns the parameters of a call. Raises AccessDenied for those whose credentials IAM does not take.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html
    """
    caller = call.proof.caller
    if caller.session in (SessionKind.OWN, SessionKind.FEDERATED):
        action = f"iam:{call.request.parameter('Action')}"
        decision = Decision(Answer.DENIED, action, "*", f"the kind of session of {caller.arn}")
        raise AccessDenied(
            decision, f"Credentials of GetSessionToken or GetFederationToken cannot call {action}"
        )
    return Parameters(dict(call.request.query))


def named(
    call: Call,
    parameters: Parameters,
    kind: Kind,
    action: str,
    *,
    changes: bool = False,
    default_is_caller: bool = False,
    values: Mapping[str, Values] | None = None,
) -> Identity:
    """Returns the user, group or role that a call names, once the caller may do ``action`` to it.

    Raises AccessDenied, also where it does not exist; NoSuchEntity; UnmodifiableEntity for one of the
    configuration file that the call would change.
    """
    element = f"{kind.title}Name"
    if default_is_caller and not parameters.given.get(element):
        name = _own_name(call)
    else:
        name = parameters.required(element, NAME, most=NAME_LIMITS[kind])
    found = call.service.people.find(kind, call.account_id, name)
    arn = found.arn if found else identity_arn(call.account_id, kind.value, name)
    told = dict(values or {})
    if found is not None:
        told |= resource_tags(found.tags)
        if found.boundary is not None:
            told.setdefault(BOUNDARY, found.boundary)
    require(call, f"iam:{action}", arn, told)
    if found is None:
        raise no_such(kind, name)
    if changes and found.configured:
        raise unmodifiable(found)
    return found


def _own_name(call: Call) -> str:
    caller = call.proof.caller
    if caller.role is not None:
        raise S3Error("ValidationError", "Must specify userName when calling with non-User credentials")
    return caller.name


def named_policy(
    call: Call,
    parameters: Parameters,
    action: str,
    *,
    changes: bool = False,
    values: Mapping[str, Values] | None = None,
) -> ManagedPolicy:
    """Returns the managed policy whose ARN a call names, once the caller may do ``action`` to it.

    Raises AccessDenied, NoSuchEntity, and, for one of AWS's that the call would change, UnmodifiableEntity.
    """
    arn = parameters.required("PolicyArn", most=ARN_LIMIT, least=20)
    found = find_policy(call, arn)
    require(call, f"iam:{action}", arn, dict(values or {}) | resource_tags(found.tags if found else {}))
    if found is None:
        raise managed_policies.no_such_policy(arn)
    if changes and found.account_id == aws_managed.OWNER:
        raise S3Error("UnmodifiableEntity", f"Policy {arn} is one of AWS's and cannot be changed.")
    return found


def find_policy(call: Call, policy_arn: str) -> ManagedPolicy | None:
    """Returns a policy of the caller's account, or one of AWS's."""
    found = call.service.people.read(lambda rows: managed_policies.find(rows, policy_arn))
    return found if found and found.account_id in (call.account_id, aws_managed.OWNER) else None


def new_identity(call: Call, parameters: Parameters, kind: Kind) -> Identity:
    """Returns the identity that a call wants to be made, once the caller may make it. Raises ValidationError,
    AccessDenied, NoSuchEntity for a boundary that does not exist."""
    name = parameters.required(f"{kind.title}Name", NAME, most=NAME_LIMITS[kind])
    path = parameters.text("Path", PATH, most=PATH_LIMIT) or "/"
    tags = {} if kind is Kind.GROUP else tags_of(parameters)
    boundary = (
        None if kind is Kind.GROUP else parameters.text("PermissionsBoundary", most=ARN_LIMIT, least=20)
    )
    values = request_tags(tags) | ({BOUNDARY: boundary} if boundary else {})
    asked = Identity("", kind, call.account_id, name, path, 0, tags, boundary)
    require(call, f"iam:Create{kind.title}", asked.arn, values)
    if tags:
        require(call, f"iam:Tag{kind.title}", asked.arn, values)
    require_boundary(call, boundary)
    return asked


def require_boundary(call: Call, policy_arn: str | None) -> None:
    """Raises NoSuchEntity for a boundary that is no policy."""
    if policy_arn is not None and find_policy(call, policy_arn) is None:
        raise S3Error("NoSuchEntity", f"Scope ARN: {policy_arn} does not exist or is not attachable.")


def tags_of(parameters: Parameters) -> Mapping[str, str]:
    """Returns the tags of a call. Raises ValidationError, InvalidInput for a key that comes twice."""
    pairs = parameters.pairs("Tags")
    if len({key.lower() for key, _ in pairs}) < len(pairs):
        raise S3Error(
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        )
    try:
        return checked_tags(pairs)
    except S3Error as refused:
        raise S3Error("ValidationError", f"{refused.message}: {refused.facts.get('TagKey', '')}") from refused


def with_tags(tags: Mapping[str, str], added: Mapping[str, str]) -> Mapping[str, str]:
    """Returns tags with others added, whose keys are compared without case."""
    return without_tags(tags, added) | dict(added)


def without_tags(tags: Mapping[str, str], removed: Mapping[str, str] | list[str]) -> dict[str, str]:
    gone = {key.lower() for key in removed}
    return {key: value for key, value in tags.items() if key.lower() not in gone}


def document_of(parameters: Parameters, name: str = "PolicyDocument") -> str:
    """Returns the policy of an identity. Raises MalformedPolicyDocument, ValidationError."""
    document = parameters.given.get(name)
    if not document:
        raise missing(name)
    return checked_document(parameters.required(name, DOCUMENT, most=DOCUMENT_LIMIT))


def checked_document(document: str) -> str:
    try:
        read_policy(document, strict=True)
    except PolicyError as problem:
        raise S3Error("MalformedPolicyDocument", str(problem)) from problem
    return document
