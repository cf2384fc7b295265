"""Managed policies and their versions.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
"""

from __future__ import annotations

import re

from s3portal.server.api.caller_permissions import request_tags, require
from s3portal.server.api.iam.answers import members, page, policy_fields, version_fields
from s3portal.server.api.iam.asked import (
    NAME,
    PATH,
    PATH_LIMIT,
    PATH_PREFIX,
    POLICY_NAME_LIMIT,
    document_of,
    named_policy,
    parameters_of,
    tags_of,
)
from s3portal.server.api.iam.roles import DESCRIPTION, DESCRIPTION_LIMIT
from s3portal.server.api.iam.row import row
from s3portal.server.api.query_parameters import Parameters, invalid_value
from s3portal.server.authority.arns import identity_arn
from s3portal.server.gateway.call import Call
from s3portal.server.iam import aws_managed, managed_policies
from s3portal.server.iam.records import ManagedPolicy
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import element

_VERSION_ID = re.compile(r"v([1-9][0-9]{0,8})(?:\.[A-Za-z0-9-]*)?")
_SCOPES = ("All", "AWS", "Local")
_USAGES = ("PermissionsPolicy", "PermissionsBoundary")


def _create_policy(call: Call) -> str:
    parameters = parameters_of(call)
    asked = ManagedPolicy(
        policy_id="",
        account_id=call.account_id,
        name=parameters.required("PolicyName", NAME, most=POLICY_NAME_LIMIT),
        path=parameters.text("Path", PATH, most=PATH_LIMIT) or "/",
        created_at=0,
        updated_at=0,
        description=parameters.text("Description", DESCRIPTION, most=DESCRIPTION_LIMIT),
        tags=tags_of(parameters),
        default_version=1,
    )
    values = request_tags(asked.tags)
    require(call, "iam:CreatePolicy", asked.arn, values)
    if asked.tags:
        require(call, "iam:TagPolicy", asked.arn, values)
    document = document_of(parameters)
    made = call.service.people.change(lambda rows: managed_policies.create(rows, asked, document))
    return element("Policy", policy_fields(made))


def _get_policy(call: Call) -> str:
    return element("Policy", policy_fields(named_policy(call, parameters_of(call), "GetPolicy")))


def _list_policies(call: Call) -> str:
    parameters = parameters_of(call)
    prefix = parameters.text("PathPrefix", PATH_PREFIX, most=PATH_LIMIT) or "/"
    require(call, "iam:ListPolicies", identity_arn(call.account_id, "policy", "", prefix))
    scope = parameters.choice("Scope", _SCOPES) or "All"
    usage = parameters.choice("PolicyUsageFilter", _USAGES)
    only_attached = parameters.flag("OnlyAttached")
    found = call.service.people.read(lambda rows: managed_policies.find_all(rows, call.account_id))
    there = []
    for policy in found:
        is_of_aws = policy.account_id == aws_managed.OWNER
        in_use = (policy.attachment_count, policy.boundary_count)
        fits_usage = usage is None or in_use[_USAGES.index(usage)] > 0
        fits_scope = scope == "All" or (scope == "AWS") == is_of_aws
        fits = fits_scope and fits_usage and (any(in_use) or not only_attached)
        if fits and policy.path.startswith(prefix):
            there.append(policy)
    there.sort(key=lambda policy: policy.arn.lower())
    shown, more = page(parameters, there, lambda policy: policy.arn)
    return members("Policies", (policy_fields(policy, whole=False) for policy in shown)) + more


def _delete_policy(call: Call) -> None:
    policy = named_policy(call, parameters_of(call), "DeletePolicy", changes=True)
    call.service.people.change(lambda rows: managed_policies.delete(rows, policy), frees_space=True)


def _create_version(call: Call) -> str:
    parameters = parameters_of(call)
    policy = named_policy(call, parameters, "CreatePolicyVersion", changes=True)
    document, as_default = document_of(parameters), parameters.flag("SetAsDefault")
    if as_default:
        require(call, "iam:SetDefaultPolicyVersion", policy.arn)
    made = call.service.people.change(
        lambda rows: managed_policies.add_version(rows, policy, document, as_default=as_default)
    )
    return element("PolicyVersion", version_fields(made))


def _get_version(call: Call) -> str:
    parameters = parameters_of(call)
    policy = named_policy(call, parameters, "GetPolicyVersion")
    number = _number(parameters)
    versions = call.service.people.read(lambda rows: managed_policies.versions_of(rows, policy))
    found = next((version for version in versions if version.number == number), None)
    if found is None:
        raise S3Error("NoSuchEntity", f"Policy {policy.arn} version v{number} does not exist.")
    return element("PolicyVersion", version_fields(found, with_document=True))


def _list_versions(call: Call) -> str:
    parameters = parameters_of(call)
    policy = named_policy(call, parameters, "ListPolicyVersions")
    versions = call.service.people.read(lambda rows: managed_policies.versions_of(rows, policy))
    # The newest first: a name that sorts so.
    shown, more = page(parameters, versions, lambda version: f"{10**9 - version.number:010}")
    return members("Versions", (version_fields(version) for version in shown)) + more


def _set_default(call: Call) -> None:
    parameters = parameters_of(call)
    policy = named_policy(call, parameters, "SetDefaultPolicyVersion", changes=True)
    number = _number(parameters)
    call.service.people.change(lambda rows: managed_policies.set_default(rows, policy, number))


def _delete_version(call: Call) -> None:
    parameters = parameters_of(call)
    policy = named_policy(call, parameters, "DeletePolicyVersion", changes=True)
    number = _number(parameters)
    call.service.people.change(
        lambda rows: managed_policies.delete_version(rows, policy, number), frees_space=True
    )


def _number(parameters: Parameters) -> int:
    text = parameters.required("VersionId", most=64)
    match = _VERSION_ID.fullmatch(text)
    if match is None:
        raise invalid_value("VersionId", text, f"satisfy regular expression pattern: {_VERSION_ID.pattern}")
    return int(match[1])


OPERATIONS = (
    row("CreatePolicy", _create_policy),
    row("GetPolicy", _get_policy),
    row("ListPolicies", _list_policies),
    row("DeletePolicy", _delete_policy),
    row("CreatePolicyVersion", _create_version),
    row("GetPolicyVersion", _get_version),
    row("ListPolicyVersions", _list_versions),
    row("SetDefaultPolicyVersion", _set_default),
    row("DeletePolicyVersion", _delete_version),
)
