"""Policies that many buckets have, to begin with."""

from __future__ import annotations

from typing import Any


def presets(bucket: str, user_arn: str, referer: str) -> dict[str, dict[str, Any] | None]:
    """Returns policies by name; ``private`` is none at all."""
    arn = f"arn:aws:s3:::{bucket}"
    read = {"Action": ["s3:GetObject"], "Resource": [f"{arn}/*"]}
    browse = {"Action": ["s3:ListBucket"], "Resource": [arn]}
    return {
        "private": None,
        "public-read": _policy(
            {"Sid": "EverybodyMayRead", "Effect": "Allow", "Principal": "*", **read},
            {"Sid": "EverybodyMayList", "Effect": "Allow", "Principal": "*", **browse},
        ),
        "read-only-for-a-user": _policy(
            {"Sid": "OneUserMayRead", "Effect": "Allow", "Principal": {"AWS": user_arn}, **read},
            {"Sid": "OneUserMayList", "Effect": "Allow", "Principal": {"AWS": user_arn}, **browse},
        ),
        "referer": _policy(
            {
                "Sid": "PagesOfOneSiteMayShow",
                "Effect": "Allow",
                "Principal": "*",
                **read,
                "Condition": {"StringLike": {"aws:Referer": [f"{referer}/*"]}},
            }
        ),
        "upload-only": _policy(
            {
                "Sid": "OneUserMayUpload",
                "Effect": "Allow",
                "Principal": {"AWS": user_arn},
                "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
                "Resource": [f"{arn}/*"],
            }
        ),
    }


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
