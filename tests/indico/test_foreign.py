"""The variables that name another store for these tests, and how they find out what a store lacks."""

import pytest
from foreign import NEEDS, read_foreign

OURS = {
    "S3PORTAL_TEST_ENDPOINT": "http://store",
    "S3PORTAL_TEST_ACCESS_KEY_ID": "anna",
    "S3PORTAL_TEST_SECRET_ACCESS_KEY": "secret",
}


def test_the_environment_names_a_store():
    store = read_foreign({**OURS, "S3PORTAL_TEST_REGION": "eu-west-1"})
    assert store.is_foreign
    assert store.options(bucket="b") == (
        "host=http://store,access_key=anna,secret_key=secret,addressing_style=path,region=eu-west-1,bucket=b"
    )
    assert "region" not in read_foreign(OURS).options()
    assert read_foreign({**OURS, "S3PORTAL_TEST_ENDPOINT": ""}) is None


def test_half_a_key_is_refused():
    with pytest.raises(ValueError, match="S3PORTAL_TEST_SECRET_ACCESS_KEY"):
        read_foreign({**OURS, "S3PORTAL_TEST_SECRET_ACCESS_KEY": ""})


@pytest.mark.parametrize("need", NEEDS)
def test_the_bundled_server_meets_every_need(s3, bucket, need):
    if s3.is_foreign:
        pytest.skip(f"NOT RUN on {s3.endpoint}: it is about the bundled server")
    assert NEEDS[need](s3, bucket)
