"""What an account has altogether, and what no account has here.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html
"""

from __future__ import annotations

from collections.abc import Callable

from s3portal.server.api.caller_permissions import require
from s3portal.server.api.iam.answers import (
    encoded,
    identity_fields,
    members,
    page,
    policy_fields,
    texts,
    version_fields,
)
from s3portal.server.api.iam.asked import named, parameters_of
from s3portal.server.api.iam.attachments import attached_fields
from s3portal.server.api.iam.inline_policies import documents_of
from s3portal.server.api.iam.row import row
from s3portal.server.gateway.call import Call
from s3portal.server.iam import aws_managed, limits, managed_policies, memberships
from s3portal.server.iam.records import Identity, Kind, ManagedPolicy
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import element, field, fields

_FILTERS = {"User": Kind.USER, "Group": Kind.GROUP, "Role": Kind.ROLE}
_POLICY_FILTERS = ("LocalManagedPolicy", "AWSManagedPolicy")


def _get_account_summary(call: Call) -> str:
    parameters_of(call)
    require(call, "iam:GetAccountSummary", "*")
    people, account_id = call.service.people, call.account_id
    policies = people.read(lambda rows: managed_policies.find_all(rows, account_id))
    own = [policy for policy in policies if policy.account_id == account_id]
    counts = {f"{kind.title}s": len(people.find_all(kind, account_id)) for kind in Kind}
    counts |= {f"{kind.title}sQuota": limits.IDENTITIES[kind] for kind in Kind}
    counts |= {
        "Policies": len(own),
        "PoliciesQuota": limits.MANAGED_POLICIES,
        "PolicySizeQuota": limits.MANAGED_CHARACTERS,
        "UserPolicySizeQuota": limits.INLINE_CHARACTERS[Kind.USER],
        "GroupPolicySizeQuota": limits.INLINE_CHARACTERS[Kind.GROUP],
        "RolePolicySizeQuota": limits.INLINE_CHARACTERS[Kind.ROLE],
        "AssumeRolePolicySizeQuota": limits.TRUST_CHARACTERS,
        "AttachedPoliciesPerUserQuota": limits.ATTACHED_POLICIES,
        "AttachedPoliciesPerGroupQuota": limits.ATTACHED_POLICIES,
        "AttachedPoliciesPerRoleQuota": limits.ATTACHED_POLICIES,
        "AccessKeysPerUserQuota": limits.ACCESS_KEYS_OF_USER,
        "GroupsPerUserQuota": limits.GROUPS_OF_USER,
        "VersionsPerPolicyQuota": limits.POLICY_VERSIONS,
        "MFADevices": 0,
        "AccountMFAEnabled": 0,
    }
    entries = (
        element("entry", fields(("key", name), ("value", count))) for name, count in sorted(counts.items())
    )
    return element("SummaryMap", *entries)


def _get_account_authorization_details(call: Call) -> str:
    """Everybody and every policy of the account, in pages that go on from list to list."""
    parameters, people = parameters_of(call), call.service.people
    require(call, "iam:GetAccountAuthorizationDetails", "*")
    wanted = parameters.members("Filter")
    unknown = [name for name in wanted if name not in (*_FILTERS, *_POLICY_FILTERS)]
    if unknown:
        raise S3Error("ValidationError", f"Filter cannot be {', '.join(unknown)}")
    there: list[tuple[str, Identity | ManagedPolicy]] = []
    for number, (name, kind) in enumerate(_FILTERS.items()):
        if not wanted or name in wanted:
            there += [
                (f"{number}/{identity.name}".lower(), identity)
                for identity in people.find_all(kind, call.account_id)
            ]
    for policy in people.read(lambda rows: managed_policies.find_all(rows, call.account_id)):
        of_aws = policy.account_id == aws_managed.OWNER
        if not wanted or _POLICY_FILTERS[of_aws] in wanted:
            there.append((f"9/{policy.arn}".lower(), policy))
    there.sort(key=lambda one: one[0])
    shown, more = page(parameters, there, lambda one: one[0])
    found = [one for _, one in shown]
    lists = (
        members(
            f"{kind.title}DetailList",
            (_details(call, one) for one in found if isinstance(one, Identity) and one.kind is kind),
        )
        for kind in Kind
    )
    policies = (_policy_details(call, one) for one in found if isinstance(one, ManagedPolicy))
    return "".join(lists) + members("Policies", policies) + more


def _details(call: Call, identity: Identity) -> str:
    people, title = call.service.people, identity.kind.title
    inline = (
        fields(("PolicyName", name), ("PolicyDocument", encoded(document)))
        for name, document in documents_of(call, identity).items()
    )
    attached = people.read(lambda rows: managed_policies.attached_to(rows, identity.identity_id))
    details = (
        identity_fields(identity)
        + members(f"{title}PolicyList", inline)
        + members("AttachedManagedPolicies", map(attached_fields, attached))
    )
    if identity.kind is Kind.USER:
        groups = people.read(lambda rows: memberships.groups_of(rows, identity))
        details += texts("GroupList", (group.name for group in groups))
    return details + (members("InstanceProfileList", ()) if identity.kind is Kind.ROLE else "")


def _policy_details(call: Call, policy: ManagedPolicy) -> str:
    versions = call.service.people.read(lambda rows: managed_policies.versions_of(rows, policy))
    shown = (version_fields(version, with_document=True) for version in versions)
    return policy_fields(policy) + members("PolicyVersionList", shown)


def _none_of_user(action: str, element_name: str) -> Callable[[Call], str]:
    """There are no such things here; tools that remove a user look for them first."""

    def list_none(call: Call) -> str:
        named(call, parameters_of(call), Kind.USER, action, default_is_caller=True)
        return members(element_name, ()) + field("IsTruncated", False)

    return list_none


def _get_login_profile(call: Call) -> str:
    user = named(call, parameters_of(call), Kind.USER, "GetLoginProfile", default_is_caller=True)
    raise S3Error("NoSuchEntity", f"Login Profile for User {user.name} cannot be found.")


def _list_account_aliases(call: Call) -> str:
    parameters_of(call)
    require(call, "iam:ListAccountAliases", "*")
    return members("AccountAliases", ()) + field("IsTruncated", False)


OPERATIONS = (
    row("GetAccountSummary", _get_account_summary),
    row("GetAccountAuthorizationDetails", _get_account_authorization_details),
    row("ListAccountAliases", _list_account_aliases),
    row("GetLoginProfile", _get_login_profile),
    row("ListMFADevices", _none_of_user("ListMFADevices", "MFADevices")),
    row("ListSigningCertificates", _none_of_user("ListSigningCertificates", "Certificates")),
    row("ListSSHPublicKeys", _none_of_user("ListSSHPublicKeys", "SSHPublicKeys")),
    row(
        "ListServiceSpecificCredentials",
        _none_of_user("ListServiceSpecificCredentials", "ServiceSpecificCredentials"),
    ),
)
