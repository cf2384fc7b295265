"""The session policy that narrows a role to one upload's key, or to one dataset's prefix. Pure."""

import json

#: What a multipart upload needs, and nothing else: create, parts and complete are s3:PutObject
#: (S3 User Guide, "Multipart upload API and permissions").
UPLOAD_ACTIONS = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")

#: STS API Reference, AssumeRole, Policy.
MAX_POLICY_CHARACTERS = 2048

# IAM User Guide, "IAM policy elements: Variables and tags": the characters that would otherwise be wildcards,
# or begin a variable.
_ESCAPES = str.maketrans({"*": "${*}", "?": "${?}", "$": "${$}"})


def upload_policy(bucket: str, key: str, partition: str = "aws") -> str:
    """Lets parts be uploaded to exactly this key. Raises ValueError where it is longer than STS takes."""
    return _policy(bucket, key.translate(_ESCAPES), partition)


def prefix_policy(bucket: str, prefix: str, partition: str = "aws") -> str:
    """Lets parts be uploaded to every key under ``prefix``, which ends in ``/`` (one is added where it does
    not).

    Raises ValueError for an empty prefix, which would open the whole bucket, and where the policy would be
    too long.
    """
    folder = prefix.strip("/")
    if not folder:
        raise ValueError("an empty prefix would open the whole bucket")
    return _policy(bucket, f"{folder.translate(_ESCAPES)}/*", partition)


def _policy(bucket: str, resource: str, partition: str) -> str:
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": list(UPLOAD_ACTIONS),
                    "Resource": f"arn:{partition}:s3:::{bucket}/{resource}",
                }
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
