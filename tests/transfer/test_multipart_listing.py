"""Unfinished uploads are listed whatever is in their keys."""

import contextlib

import pytest
from botocore.exceptions import ClientError
from foreign_store import is_foreign

from s3portal.transfer import Store, abort_uploads, list_uploads

ODD = ["a\x00b", "a\x01b", "a\x0bb", "a b", "a%20b", "a+b", "a\uffffb", "fl\u00fcsse/*"]


@pytest.mark.skipif(is_foreign(), reason="needs a store that takes every key")
def test_odd_keys_hide_no_upload(store: Store) -> None:
    keys = sorted(f"s3portal-tests/odd/{name}" for name in ODD)
    for key in keys:
        with contextlib.suppress(ClientError):
            # The answer repeats the key, which boto3 cannot read where XML cannot hold it.
            store.client().create_multipart_upload(Bucket=store.bucket, Key=key)

    assert sorted({each.key for each in list_uploads(store, "s3portal-tests/odd/")}) == keys
    pages = (
        store.client()
        .get_paginator("list_multipart_uploads")
        .paginate(Bucket=store.bucket, Prefix="s3portal-tests/odd/", PaginationConfig={"PageSize": 1})
    )
    assert sorted({each["Key"] for page in pages for each in page["Uploads"]}) == keys

    assert abort_uploads(store, "s3portal-tests/odd/", (), exact=False) >= len(keys)
    assert list(list_uploads(store, "s3portal-tests/odd/")) == []


def test_who_asks_for_encoded_keys_gets_them(store: Store) -> None:
    store.client().create_multipart_upload(Bucket=store.bucket, Key="s3portal-tests/odd/a b")

    found = store.client().list_multipart_uploads(
        Bucket=store.bucket, Prefix="s3portal-tests/odd/", EncodingType="url"
    )

    assert [each["Key"] for each in found["Uploads"]] in (
        ["s3portal-tests/odd/a+b"],
        ["s3portal-tests/odd/a%20b"],
    )
