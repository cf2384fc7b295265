"""The condition keys of requests to IAM and STS, and the actions that each of them speaks about.

Pure. Sources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
and https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
"""

from __future__ import annotations

_ASSUMING = frozenset({"sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"})
_SESSION_TAGGING = _ASSUMING | {"sts:GetFederationToken", "sts:TagSession"}
_TAGGING = _SESSION_TAGGING | {
    f"iam:{verb}{kind}" for verb in ("Create", "Tag") for kind in ("Policy", "Role", "User")
}
_UNTAGGING = frozenset({"iam:UntagPolicy", "iam:UntagRole", "iam:UntagUser"})
_ATTACHING = frozenset(
    f"iam:{verb}{kind}Policy" for verb in ("Attach", "Detach") for kind in ("Group", "Role", "User")
)
_BOUNDED = frozenset(
    {
        *(
            f"iam:{verb}{kind}Policy"
            for verb in ("Attach", "Delete", "Detach", "Put")
            for kind in ("Role", "User")
        ),
        *(f"iam:{verb}{kind}PermissionsBoundary" for verb in ("Delete", "Put") for kind in ("Role", "User")),
        "iam:CreateRole",
        "iam:CreateUser",
    }
)
#: What is done to a user, role or policy that is there, whose tags can be asked about.
_TAGGED = _ASSUMING | _ATTACHING | _BOUNDED | _TAGGING | _UNTAGGING | frozenset(
    f"iam:{name}"
    for name in (
        "CreateAccessKey", "CreatePolicyVersion", "DeleteAccessKey", "DeletePolicy", "DeletePolicyVersion",
        "DeleteRole", "DeleteUser", "GetPolicy", "GetPolicyVersion", "GetRole", "GetRolePolicy", "GetUser",
        "GetUserPolicy", "ListAccessKeys", "ListAttachedRolePolicies", "ListAttachedUserPolicies",
        "ListEntitiesForPolicy", "ListGroupsForUser", "ListPolicyTags", "ListPolicyVersions",
        "ListRolePolicies", "ListRoleTags", "ListUserPolicies", "ListUserTags", "SetDefaultPolicyVersion",
        "UpdateAccessKey", "UpdateAssumeRolePolicy", "UpdateRole", "UpdateRoleDescription", "UpdateUser",
    )
)  # fmt: skip

TAG_KEYS = "aws:tagkeys"
REQUEST_TAG, RESOURCE_TAG = "aws:requesttag/", "aws:resourcetag/"
IAM_RESOURCE_TAG = "iam:resourcetag/"
EXTERNAL_ID, ROLE_SESSION_NAME = "sts:externalid", "sts:rolesessionname"
SOURCE_IDENTITY, TRANSITIVE_TAG_KEYS = "sts:sourceidentity", "sts:transitivetagkeys"
DURATION_S = "sts:durationseconds"
POLICY_ARN, BOUNDARY = "iam:policyarn", "iam:permissionsboundary"

IDENTITY_KEYS = {
    EXTERNAL_ID: frozenset({"sts:AssumeRole"}),
    ROLE_SESSION_NAME: _ASSUMING,
    SOURCE_IDENTITY: _ASSUMING | {"sts:SetSourceIdentity"},
    TRANSITIVE_TAG_KEYS: _SESSION_TAGGING,
    DURATION_S: _ASSUMING | {"sts:GetFederationToken", "sts:GetSessionToken"},
    TAG_KEYS: _TAGGING | _UNTAGGING,
    POLICY_ARN: _ATTACHING,
    BOUNDARY: _BOUNDED,
}
IDENTITY_PREFIXES = {REQUEST_TAG: _TAGGING, RESOURCE_TAG: _TAGGED, IAM_RESOURCE_TAG: _TAGGED}
MULTIVALUED_IDENTITY_KEYS = frozenset({TAG_KEYS, TRANSITIVE_TAG_KEYS})
