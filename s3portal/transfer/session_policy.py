"""The session policy that narrows a role to one upload's key, or to one prefix. Pure."""

import json
from collections.abc import Mapping
from typing import Any

#: What a multipart upload needs, and nothing else: create, parts and complete are s3:PutObject
#: (S3 User Guide, "Multipart upload API and permissions").
UPLOAD_ACTIONS = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")

#: S3 User Guide, "Enforce conditional writes on Amazon S3 buckets": the key is true for what creates an
#: object (PutObject, CompleteMultipartUpload, CopyObject, a posted form) and false for what begins an upload
#: and sends parts. A store that does not know the key finds no value, and then the condition is not met.
CREATES_NO_OBJECT: Mapping[str, Mapping[str, str]] = {"Bool": {"s3:ObjectCreationOperation": "false"}}

#: STS API Reference, AssumeRole, Policy.
MAX_POLICY_CHARACTERS = 2048

# IAM User Guide, "IAM policy elements: Variables and tags": the characters that would otherwise be wildcards,
# or begin a variable.
_ESCAPES = str.maketrans({"*": "${*}", "?": "${?}", "$": "${$}"})


def upload_policy(bucket: str, key: str, partition: str = "aws", *, parts_only: bool = False) -> str:
    """Lets parts be uploaded to exactly this key.

    With ``parts_only`` nothing else: no object can be created, so someone else has to complete the upload.
    Where the key is so long that the policy would be too long for STS, such a policy lets no one list or
    abort the upload either. Raises ValueError where it is still longer than STS takes.
    """
    resource = key.translate(_ESCAPES)
    if not parts_only:
        return _policy(bucket, [(UPLOAD_ACTIONS, resource, {})], partition)
    parts: _Statement = (UPLOAD_ACTIONS[:1], resource, CREATES_NO_OBJECT)
    try:
        return _policy(bucket, [parts, (UPLOAD_ACTIONS[1:], resource, {})], partition)
    except ValueError:
        return _policy(bucket, [parts], partition)


def prefix_policy(bucket: str, prefix: str, partition: str = "aws") -> str:
    """Lets parts be uploaded to every key under ``prefix``, which ends in ``/`` (one is added where it does
    not).

    Raises ValueError for an empty prefix, which would open the whole bucket, and where the policy would be
    too long.
    """
    folder = prefix.strip("/")
    if not folder:
        raise ValueError("an empty prefix would open the whole bucket")
    return _policy(bucket, [(UPLOAD_ACTIONS, f"{folder.translate(_ESCAPES)}/*", {})], partition)


_Statement = tuple[tuple[str, ...], str, Mapping[str, Any]]


def _policy(bucket: str, statements: list[_Statement], partition: str) -> str:
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": list(actions),
                    "Resource": f"arn:{partition}:s3:::{bucket}/{resource}",
                    **({"Condition": condition} if condition else {}),
                }
                for actions, resource, condition in statements
            ],
        },
        # STS counts characters and takes none beyond U+00FF.
        separators=(",", ":"),
        # Ceph RGW 16 loses blanks of a policy on the way, also those within a key.
    ).replace(" ", r"\u0020")
    if len(policy) > MAX_POLICY_CHARACTERS:
        raise ValueError(
            f"the session policy has {len(policy)} characters, and STS takes {MAX_POLICY_CHARACTERS}"
        )
    return policy
