"""How the store encrypts what it is not told about. Source: S3 API Reference, PutBucketEncryption."""

from typing import Any

from s3portal.buckets.problems import Unusable, asking
from s3portal.buckets.settings.change import Change
from s3portal.buckets.settings.reading import read_setting
from s3portal.transfer import Store

_WHAT = "default encryption"
_KMS = ("aws:kms", "aws:kms:dsse")


def read_encryption(store: Store) -> list[dict[str, Any]]:
    """The bucket's rules, none where it has none. Raises Refused, NotOffered."""
    client = store.client()
    found = read_setting(
        store,
        "s3:GetEncryptionConfiguration",
        _WHAT,
        lambda: client.get_bucket_encryption(Bucket=store.bucket)["ServerSideEncryptionConfiguration"][
            "Rules"
        ],
        ("ServerSideEncryptionConfigurationNotFoundError",),
    )
    return [dict(rule) for rule in found or ()]


def algorithms(rules: list[dict[str, Any]]) -> str:
    """What the rules encrypt with, and with which key: ``aws:kms 1234abcd-…``; "" where there is none."""
    defaults = [rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in rules]
    words = ((each.get("SSEAlgorithm", ""), each.get("KMSMasterKeyID", "")) for each in defaults)
    return ", ".join(" ".join(filter(None, each)) for each in words)


def encryption_rule(how: str, key: str = "", *, bucket_key: bool = True) -> dict[str, Any]:
    """The rule for ``AES256`` or ``aws:kms``, with a KMS key's id. Raises Unusable."""
    if how == "AES256":
        if key:
            raise Unusable("--key: AES256 has no key of yours; that is aws:kms")
        return {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": how}, "BucketKeyEnabled": False}
    if how not in _KMS:
        raise Unusable(f"{how}: write AES256, or aws:kms with --key")
    default = {"SSEAlgorithm": how, **({"KMSMasterKeyID": key} if key else {})}
    # Bucket keys save most requests to KMS, and what they cost.
    return {
        "ApplyServerSideEncryptionByDefault": default,
        "BucketKeyEnabled": bucket_key and how == "aws:kms",
    }


def encryption_change(store: Store, rule: dict[str, Any]) -> Change:
    """What is written from now on is encrypted so; what is there stays as it is. Raises Refused."""
    how = rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
    text = f"encrypt new objects of {store.bucket} with {how}; those that are there stay as they are"
    return Change(text, read_encryption(store), [rule], lambda: _write(store, rule))


def _write(store: Store, rule: dict[str, Any]) -> None:
    document: Any = {"Rules": [rule]}
    with asking(store, "s3:PutEncryptionConfiguration", what=_WHAT):
        store.client().put_bucket_encryption(Bucket=store.bucket, ServerSideEncryptionConfiguration=document)
