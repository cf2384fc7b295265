"""Settings of a bucket that tests tell apart by a mark of their own in each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

TARGET = "hook"
TARGET_ARN = f"arn:aws:sns:us-east-1:000000000000:{TARGET}"


@dataclass(frozen=True)
class Setting:
    """``put`` and ``delete`` are methods of boto3's client, ``document`` the arguments that carry a mark, and
    ``mark`` what finds it in the answer of ``get``."""

    put: str
    get: str
    delete: str | None
    document: Callable[[str, str], dict[str, Any]]
    mark: Callable[[dict[str, Any]], str | None]

    def find(self, s3: Any, bucket: str) -> str | None:
        """Returns the mark of the setting, None where the bucket has none."""
        try:
            return self.mark(getattr(s3, self.get)(Bucket=bucket))
        except ClientError as refused:
            code = refused.response["Error"]["Code"]
            assert code.startswith("NoSuch") and code != "NoSuchBucket", code
            return None


def _policy(bucket: str, mark: str) -> dict[str, Any]:
    statement = {
        "Sid": mark,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetBucketLogging",
        "Resource": f"arn:aws:s3:::{bucket}",
        "Condition": {"StringEquals": {"aws:username": "nobody"}},
    }
    return {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}


def _lifecycle(bucket: str, mark: str) -> dict[str, Any]:
    rule = {"ID": mark, "Status": "Enabled", "Filter": {"Prefix": "none/"}, "Expiration": {"Days": 3}}
    return {"LifecycleConfiguration": {"Rules": [rule]}}


def _notification(bucket: str, mark: str) -> dict[str, Any]:
    name = {"Name": "prefix", "Value": "none/"}
    rule = {
        "Id": mark,
        "TopicArn": TARGET_ARN,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [name]}},
    }
    return {"NotificationConfiguration": {"TopicConfigurations": [rule]}}


MARKS = {
    "cors": Setting(
        "put_bucket_cors",
        "get_bucket_cors",
        "delete_bucket_cors",
        lambda bucket, mark: {
            "CORSConfiguration": {
                "CORSRules": [{"AllowedOrigins": [f"https://{mark}.example"], "AllowedMethods": ["GET"]}]
            }
        },
        lambda answer: answer["CORSRules"][0]["AllowedOrigins"][0][8:].partition(".")[0],
    ),
    "policy": Setting(
        "put_bucket_policy",
        "get_bucket_policy",
        "delete_bucket_policy",
        _policy,
        lambda answer: json.loads(answer["Policy"])["Statement"][0]["Sid"],
    ),
    "tagging": Setting(
        "put_bucket_tagging",
        "get_bucket_tagging",
        "delete_bucket_tagging",
        lambda bucket, mark: {"Tagging": {"TagSet": [{"Key": "mark", "Value": mark}]}},
        lambda answer: answer["TagSet"][0]["Value"],
    ),
    "lifecycle": Setting(
        "put_bucket_lifecycle_configuration",
        "get_bucket_lifecycle_configuration",
        "delete_bucket_lifecycle",
        _lifecycle,
        lambda answer: answer["Rules"][0]["ID"],
    ),
    "website": Setting(
        "put_bucket_website",
        "get_bucket_website",
        "delete_bucket_website",
        lambda bucket, mark: {"WebsiteConfiguration": {"IndexDocument": {"Suffix": mark}}},
        lambda answer: answer["IndexDocument"]["Suffix"],
    ),
    "logging": Setting(
        "put_bucket_logging",
        "get_bucket_logging",
        None,
        lambda bucket, mark: {
            "BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": mark}}
        },
        lambda answer: answer.get("LoggingEnabled", {}).get("TargetPrefix"),
    ),
    "notification": Setting(
        "put_bucket_notification_configuration",
        "get_bucket_notification_configuration",
        None,
        _notification,
        lambda answer: next((each["Id"] for each in answer.get("TopicConfigurations", [])), None),
    ),
}
