"""Amazon resource names, as policies and answers write them."""

from __future__ import annotations


def bucket_arn(bucket: str) -> str:
    return f"arn:aws:s3:::{bucket}"


def object_arn(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}/{key}"


def user_arn(account_id: str, name: str, path: str = "/") -> str:
    return identity_arn(account_id, "user", name, path)


def role_arn(account_id: str, name: str, path: str = "/") -> str:
    return identity_arn(account_id, "role", name, path)


def identity_arn(account_id: str, kind: str, name: str, path: str = "/") -> str:
    """Returns the ARN of a ``user``, ``group``, ``role`` or managed ``policy``; ``path`` begins and ends with
    a slash."""
    return f"arn:aws:iam::{account_id}:{kind}{path}{name}"


def session_arn(account_id: str, role_name: str, session_name: str) -> str:
    return f"arn:aws:sts::{account_id}:assumed-role/{role_name}/{session_name}"


def federated_user_arn(account_id: str, name: str) -> str:
    return f"arn:aws:sts::{account_id}:federated-user/{name}"


def oidc_provider_arn(account_id: str, provider: str) -> str:
    """``provider`` is an issuer's URL without its scheme."""
    return f"arn:aws:iam::{account_id}:oidc-provider/{provider}"
