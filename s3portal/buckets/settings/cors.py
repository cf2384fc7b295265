"""CORS rules: which sites' pages may talk to the bucket. Source: S3 API Reference, PutBucketCors."""

from typing import Any

from s3portal.buckets.problems import Refused, Unusable, asking
from s3portal.buckets.settings.change import Change
from s3portal.buckets.settings.reading import read_setting
from s3portal.portal.doctor import serialised_origin, with_portal_rule, with_readers_rule
from s3portal.transfer import Store

Rule = dict[str, Any]
_WHAT = "CORS rules"


def read_cors(store: Store) -> list[Rule]:
    """The bucket's rules, none where it has none. Raises Refused, NotOffered."""
    client = store.client()
    found = read_setting(
        store,
        "s3:GetBucketCORS",
        _WHAT,
        lambda: client.get_bucket_cors(Bucket=store.bucket)["CORSRules"],
        ("NoSuchCORSConfiguration",),
    )
    return [dict(rule) for rule in found or ()]


def with_rules(rules: list[Rule], origins: tuple[str, ...], *, public_read: bool) -> list[Rule]:
    """The rules with those for uploads from these origins first, and with the one by which pages of every
    site read, by ranges too: what map viewers, DuckDB and Zarr readers need.

    Raises Unusable for what is no origin, Refused where there is no room.
    """
    wanted: list[Any] = list(rules)
    try:
        if public_read:
            wanted = with_readers_rule(wanted)
        # After it, since S3 answers by the first rule that fits, which then has to expose what both would.
        for origin in reversed(origins):
            if not origin.startswith(("http://", "https://")):
                raise Unusable(f"--origin {origin}: write scheme and host, as in https://data.example.org")
            wanted = with_portal_rule(wanted, serialised_origin(origin))
    except ValueError as error:
        raise Refused(str(error), "delete rules that are no longer needed") from error
    return wanted


def cors_change(store: Store, wanted: list[Rule], text: str) -> Change:
    """The change to these rules; none remove the setting. Raises Refused, NotOffered."""
    return Change(text, read_cors(store), wanted, lambda: _write(store, wanted))


def _write(store: Store, rules: list[Rule]) -> None:
    client = store.client()
    if not rules:
        with asking(store, "s3:PutBucketCORS", what=_WHAT):
            client.delete_bucket_cors(Bucket=store.bucket)
        return
    with asking(store, "s3:PutBucketCORS", what=_WHAT):
        document: Any = {"CORSRules": rules}
        client.put_bucket_cors(Bucket=store.bucket, CORSConfiguration=document)
