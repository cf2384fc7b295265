"""The policies of AWS that are there without being created, as far as they mean something here.

Source: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from s3portal.server.iam.names import stable_policy_id
from s3portal.server.iam.records import ManagedPolicy

OWNER = "aws"
# The day of their first versions on AWS, 2015-02-06T18:40:00Z.
_CREATED_AT = 1_423_248_000_000


def _allow(actions: str | Sequence[str], element: str = "Action") -> Mapping[str, Any]:
    return {"Effect": "Allow", element: actions, "Resource": "*"}


_READING_S3 = ["s3:Get*", "s3:List*", "s3:Describe*"]
_READING_IAM = [
    *("iam:GenerateCredentialReport", "iam:GenerateServiceLastAccessedDetails", "iam:Get*", "iam:List*"),
    *("iam:SimulateCustomPolicy", "iam:SimulatePrincipalPolicy"),
]
_STATEMENTS: Mapping[str, tuple[str, Sequence[Mapping[str, Any]]]] = {
    "AdministratorAccess": ("Provides full access to AWS services and resources.", [_allow("*")]),
    "PowerUserAccess": (
        "Provides full access to AWS services and resources, but does not allow management of Users and "
        "groups.",
        [_allow(["iam:*", "organizations:*", "account:*"], "NotAction"), _allow(["iam:ListRoles"])],
    ),
    "ReadOnlyAccess": (
        "Provides read-only access to AWS services and resources.",
        [_allow([*_READING_S3, *_READING_IAM, "kms:Describe*", "kms:Get*", "kms:List*", "sts:Get*"])],
    ),
    "AmazonS3FullAccess": (
        "Provides full access to all buckets via the AWS Management Console.",
        [_allow(["s3:*", "s3-object-lambda:*"])],
    ),
    "AmazonS3ReadOnlyAccess": (
        "Provides read only access to all buckets via the AWS Management Console.",
        [_allow([*_READING_S3, "s3-object-lambda:Get*", "s3-object-lambda:List*"])],
    ),
    "IAMFullAccess": ("Provides full access to IAM via the AWS Management Console.", [_allow(["iam:*"])]),
    "IAMReadOnlyAccess": (
        "Provides read only access to IAM via the AWS Management Console.",
        [_allow(_READING_IAM)],
    ),
    "AWSKeyManagementServicePowerUser": (
        "Provides access to AWS Key Management Service (KMS).",
        [
            _allow(
                [
                    *(
                        "kms:CreateAlias",
                        "kms:CreateKey",
                        "kms:DeleteAlias",
                        "kms:Describe*",
                        "kms:GenerateRandom",
                    ),
                    *("kms:Get*", "kms:List*", "kms:TagResource", "kms:UntagResource"),
                    *("iam:ListGroups", "iam:ListRoles", "iam:ListUsers"),
                ]
            )
        ],
    ),
}
#: By their ARNs.
POLICIES: Mapping[str, ManagedPolicy] = {
    policy.arn: policy
    for policy in (
        ManagedPolicy(
            policy_id=stable_policy_id(name),
            account_id=OWNER,
            name=name,
            path="/",
            created_at=_CREATED_AT,
            updated_at=_CREATED_AT,
            description=description,
            tags={},
            default_version=1,
        )
        for name, (description, _) in sorted(_STATEMENTS.items())
    )
}
#: The JSON of each, by its ARN.
DOCUMENTS: Mapping[str, str] = {
    arn: json.dumps({"Version": "2012-10-17", "Statement": _STATEMENTS[policy.name][1]}, indent=4)
    for arn, policy in POLICIES.items()
}
