"""The variables that name another store for these tests."""

import pytest
from datasets import Bucket
from foreign import NEEDS, read_foreign

KEY = {"S3_TEST_ACCESS_KEY_ID": "olssont", "S3_TEST_SECRET_ACCESS_KEY": "some-secret"}
OURS = {
    "S3PORTAL_TEST_BUCKET": "our-bucket",
    "S3PORTAL_TEST_ENDPOINT": "http://store",
    "S3PORTAL_TEST_ACCESS_KEY_ID": "anna",
    "S3PORTAL_TEST_SECRET_ACCESS_KEY": "secret",
}


@pytest.mark.parametrize(
    ("environ", "bucket"),
    [
        ({}, None),
        (OURS, Bucket("our-bucket", "http://store", "anna", "secret")),
        ({"S3_TEST_BASE_URI": "s3://b", **KEY}, Bucket("b", "", "olssont", "some-secret")),
        (
            {"S3_TEST_BASE_URI": "s3://b/", "DTOOL_S3_ENDPOINT_b": "http://store", **KEY},
            Bucket("b", "http://store", "olssont", "some-secret"),
        ),
        (
            {
                "S3_TEST_BASE_URI": "s3://b",
                "DTOOL_S3_ENDPOINT_b": "http://store",
                "DTOOL_S3_ACCESS_KEY_ID_b": "anna",
                "DTOOL_S3_SECRET_ACCESS_KEY_b": "secret",
            },
            Bucket("b", "http://store", "anna", "secret"),
        ),
        (
            {"S3_TEST_BASE_URI": "s3://b", "AWS_ENDPOINT_URL": "http://aws-url", **KEY},
            Bucket("b", "http://aws-url", "olssont", "some-secret"),
        ),
        (
            {**OURS, "S3_TEST_BASE_URI": "s3://b", **KEY},
            Bucket("our-bucket", "http://store", "anna", "secret"),
        ),
    ],
    ids=["none", "ours", "dtool-s3's", "dtool's endpoint", "dtool's key", "AWS's endpoint", "ours first"],
)
def test_the_environment_names_a_bucket(environ, bucket):
    assert read_foreign(environ) == bucket


def test_without_keys_it_is_the_aws_configuration(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    bucket = read_foreign({"S3_TEST_BASE_URI": "s3://b"})
    assert bucket == Bucket("b", "", "ASIAEXAMPLE", "secret", "token")
    assert bucket.settings["AWS_SESSION_TOKEN"] == "token"


def test_half_a_key_is_refused():
    with pytest.raises(ValueError, match="S3_TEST_SECRET_ACCESS_KEY"):
        read_foreign({"S3_TEST_BASE_URI": "s3://b", "S3_TEST_ACCESS_KEY_ID": "olssont"})


@pytest.mark.parametrize("need", NEEDS)
def test_the_bundled_server_meets_every_need(server_bucket, need):
    assert NEEDS[need](server_bucket)
