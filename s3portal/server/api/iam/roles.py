"""What only roles have: whom they trust, how long their sessions may last.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
"""

from __future__ import annotations

from dataclasses import replace

from s3portal.server.api.iam.answers import identity_fields, members
from s3portal.server.api.iam.asked import DOCUMENT, DOCUMENT_LIMIT, named, new_identity, parameters_of
from s3portal.server.api.iam.row import row
from s3portal.server.api.named_principals import identity_exists
from s3portal.server.api.query_parameters import Parameters
from s3portal.server.authority.policy import PolicyError
from s3portal.server.authority.trust_policy import read_trust_policy
from s3portal.server.gateway.call import Call
from s3portal.server.iam import identities, limits
from s3portal.server.iam.records import Kind
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import element, field

SHORTEST_S, LONGEST_S, DEFAULT_S = 3600, 43200, 3600
DESCRIPTION = r"[\x09\x0a\x0d\x20-\x7e\xa1-\xff]*"
DESCRIPTION_LIMIT = 1000


def _create_role(call: Call) -> str:
    parameters = parameters_of(call)
    asked = new_identity(call, parameters, Kind.ROLE)
    made = call.service.people.create(
        replace(
            asked,
            trust_policy=_trust_policy(call, parameters, "AssumeRolePolicyDocument", asked.name),
            description=parameters.text("Description", DESCRIPTION, most=DESCRIPTION_LIMIT),
            max_session_s=_max_session_s(parameters, DEFAULT_S),
        )
    )
    return element("Role", identity_fields(made))


def _update_role(call: Call) -> str:
    parameters = parameters_of(call)
    role = named(call, parameters, Kind.ROLE, "UpdateRole", changes=True)
    description = role.description
    if "Description" in parameters.given:
        description = parameters.text("Description", DESCRIPTION, most=DESCRIPTION_LIMIT)
    max_session_s = _max_session_s(parameters, role.max_session_s or DEFAULT_S)
    call.service.people.change(lambda rows: identities.set_role(rows, role, description or "", max_session_s))
    return ""


def _update_role_description(call: Call) -> str:
    parameters = parameters_of(call)
    role = named(call, parameters, Kind.ROLE, "UpdateRoleDescription", changes=True)
    description = parameters.text("Description", DESCRIPTION, most=DESCRIPTION_LIMIT) or ""
    seconds = role.max_session_s or DEFAULT_S
    call.service.people.change(lambda rows: identities.set_role(rows, role, description, seconds))
    return element("Role", identity_fields(replace(role, description=description)))


def _update_assume_role_policy(call: Call) -> None:
    parameters = parameters_of(call)
    role = named(call, parameters, Kind.ROLE, "UpdateAssumeRolePolicy", changes=True)
    document = _trust_policy(call, parameters, "PolicyDocument", role.name)
    call.service.people.change(lambda rows: identities.set_trust_policy(rows, role, document))


def _list_instance_profiles_for_role(call: Call) -> str:
    """There are no machines here that could have a role."""
    named(call, parameters_of(call), Kind.ROLE, "ListInstanceProfilesForRole")
    return members("InstanceProfiles", ()) + field("IsTruncated", False)


def _max_session_s(parameters: Parameters, default: int) -> int:
    return parameters.number("MaxSessionDuration", default=default, least=SHORTEST_S, most=LONGEST_S)


def _trust_policy(call: Call, parameters: Parameters, name: str, role_name: str) -> str:
    """Returns whom a role is to trust. Raises MalformedPolicyDocument, also for somebody of the caller's
    account who does not exist; LimitExceeded, ValidationError."""
    document = parameters.required(name, DOCUMENT, most=DOCUMENT_LIMIT)
    limits.check("ACLSizePerRole", limits.length_of(document), limits.TRUST_CHARACTERS)
    try:
        policy = read_trust_policy(document, role_name)
    except PolicyError as problem:
        raise S3Error("MalformedPolicyDocument", str(problem)) from problem
    for statement in policy.statements:
        for arn in statement.principals.arns:
            if not _exists(call, arn):
                raise S3Error("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{arn}"')
    return document


def _exists(call: Call, arn: str) -> bool:
    """Whether an ARN is of somebody who can call; of another account, that is not told."""
    account_id = arn.split(":", 5)[4]
    return account_id != call.account_id or identity_exists(call, arn)


OPERATIONS = (
    row("CreateRole", _create_role),
    row("UpdateRole", _update_role),
    row("UpdateRoleDescription", _update_role_description),
    row("UpdateAssumeRolePolicy", _update_assume_role_policy),
    row("ListInstanceProfilesForRole", _list_instance_profiles_for_role),
)
