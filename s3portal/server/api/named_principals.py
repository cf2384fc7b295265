"""Whether those whom a policy names exist.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html and
https://repost.aws/knowledge-center/s3-invalid-principal-in-policy-error
"""

from __future__ import annotations

from s3portal.server.authority.principals import Principals
from s3portal.server.bucket_settings.canonical_users import canonical_id
from s3portal.server.gateway.call import Call
from s3portal.server.iam.records import Kind


def unknown_principal(call: Call, principals: Principals) -> str | None:
    """Returns the first user, role or canonical id that does not exist here, None where all of them do.

    The ids of accounts are not looked up: an account that nobody here belongs to may exist all the same.
    """
    for arn in sorted(principals.arns):
        if not identity_exists(call, arn):
            return arn
    for named in sorted(principals.canonical_ids):
        if not _has_account(call, named):
            return named
    return None


def identity_exists(call: Call, arn: str) -> bool:
    """Whether the ARN of a user, a role or a session names somebody who exists and can call.

    A session needs its role only, for it may begin later; a federated user is whoever gets that name.
    """
    _, _, service, _, account_id, resource = arn.split(":", 5)
    kind, *path, name = resource.split("/")
    people = call.service.people
    if service == "sts":
        return kind != "assumed-role" or people.find(Kind.ROLE, account_id, path[0]) is not None
    found = people.find(Kind(kind), account_id, name)
    return found is not None and found.arn == arn


def _has_account(call: Call, named: str) -> bool:
    if named in (call.account_id, canonical_id(call.account_id)):
        return True
    is_account_id = len(named) == len(call.account_id)
    return is_account_id or call.service.authenticator.directory.account_with_canonical_id(named) is not None
