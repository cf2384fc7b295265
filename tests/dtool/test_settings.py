"""dtool's settings: where they are looked for, and what is said of those that cannot be used."""

import json
from pathlib import Path

import dtoolcore.utils
import pytest

from s3portal.dtool.errors import BucketSettingsError, PublishingRefused
from s3portal.dtool.settings import (
    BucketSettings,
    cache_directory,
    publish_expiry_s,
    read_bucket_settings,
    store_of,
)

COMPLETE = {
    "DTOOL_S3_ENDPOINT_my-bucket": "http://blueberry.famous.uni.ac.uk",
    "DTOOL_S3_ACCESS_KEY_ID_my-bucket": "olssont",
    "DTOOL_S3_SECRET_ACCESS_KEY_my-bucket": "some-secret-token",
    "DTOOL_S3_DATASET_PREFIX_my-bucket": "u/olssont",
}


@pytest.fixture
def config_file(home):
    """Writes ``~/.config/dtool/dtool.json``."""

    def write(content):
        path = Path(dtoolcore.utils.DEFAULT_CONFIG_PATH)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def test_a_uri_without_a_bucket_is_said_to_be_one():
    with pytest.raises(BucketSettingsError, match="does not name a bucket"):
        read_bucket_settings("")


def test_settings_come_from_the_file(config_file):
    config_file(COMPLETE)
    settings = read_bucket_settings("my-bucket")
    assert (
        settings.endpoint,
        settings.access_key_id,
        settings.secret_access_key,
        settings.dataset_prefix,
    ) == (
        "http://blueberry.famous.uni.ac.uk",
        "olssont",
        "some-secret-token",
        "u/olssont",
    )
    assert "some-secret-token" not in repr(settings)


def test_the_environment_comes_first(config_file, monkeypatch):
    config_file(COMPLETE)
    monkeypatch.setenv("DTOOL_S3_DATASET_PREFIX_my-bucket", "elsewhere/")
    assert read_bucket_settings("my-bucket").dataset_prefix == "elsewhere/"


def test_a_file_given_by_the_caller_comes_before_the_users_own(config_file, tmp_path):
    config_file(COMPLETE)
    given = tmp_path / "given.json"
    given.write_text(json.dumps({"DTOOL_S3_DATASET_PREFIX_my-bucket": "given/"}))
    settings = read_bucket_settings("my-bucket", str(given))
    assert (settings.dataset_prefix, settings.access_key_id) == ("given/", "olssont")


def test_without_settings_boto3_finds_endpoint_region_and_keys(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    store = store_of(read_bucket_settings("my-bucket"))
    assert store.settings.on_aws
    assert store.region == "eu-west-2"
    assert store.credentials().access_key == "AKIDEXAMPLE"


def test_half_of_the_settings_are_refused_with_what_is_missing(config_file):
    config_file({"DTOOL_S3_ENDPOINT_my-bucket": "http://localhost"})
    with pytest.raises(BucketSettingsError) as refused:
        read_bucket_settings("my-bucket")
    assert "DTOOL_S3_ACCESS_KEY_ID_my-bucket and DTOOL_S3_SECRET_ACCESS_KEY_my-bucket missing" in str(
        refused.value
    )


@pytest.mark.parametrize("written", ["DTOOL_S3_ACCESS_KEY_my-bucket", "DTOOL_S3_ACCESS_KEY_ID_my_bucket"])
def test_a_setting_that_is_misspelt_is_recognised(config_file, written):
    settings = {**COMPLETE, written: "olssont"}
    del settings["DTOOL_S3_ACCESS_KEY_ID_my-bucket"]
    config_file(settings)
    with pytest.raises(BucketSettingsError) as refused:
        read_bucket_settings("my-bucket")
    assert f"{written} is set but not read; did you mean DTOOL_S3_ACCESS_KEY_ID_my-bucket?" in str(
        refused.value
    )


def test_an_endpoint_that_is_no_address_is_refused_by_its_name(config_file):
    config_file({**COMPLETE, "DTOOL_S3_ENDPOINT_my-bucket": "blueberry"})
    with pytest.raises(BucketSettingsError, match="DTOOL_S3_ENDPOINT_my-bucket"):
        store_of(read_bucket_settings("my-bucket"))


NAMES = [*COMPLETE, "DTOOL_S3_ANONYMOUS_my-bucket", "DTOOL_S3_PUBLISH_EXPIRY", "DTOOL_CACHE_DIRECTORY"]


@pytest.mark.parametrize("name", NAMES)
def test_null_is_a_setting_that_is_not_set(config_file, tmp_path, home, name):
    config_file({name: None})
    settings = read_bucket_settings("my-bucket")
    assert settings == BucketSettings("my-bucket", "", "", "", "")
    assert publish_expiry_s() is None
    assert cache_directory() == home / ".cache/dtool"


def test_null_in_a_given_file_leaves_the_users_own(config_file, tmp_path):
    config_file(COMPLETE)
    given = tmp_path / "given.json"
    given.write_text(json.dumps(dict.fromkeys(COMPLETE)))
    assert read_bucket_settings("my-bucket", str(given)) == read_bucket_settings("my-bucket")


@pytest.mark.parametrize("value", [True, ["u/olssont/"], {"prefix": "u/olssont/"}], ids=repr)
def test_what_is_no_text_is_refused_by_its_name(config_file, value):
    config_file({**COMPLETE, "DTOOL_S3_DATASET_PREFIX_my-bucket": value})
    with pytest.raises(BucketSettingsError, match="DTOOL_S3_DATASET_PREFIX_my-bucket must be a text"):
        read_bucket_settings("my-bucket")


def test_a_number_is_read_as_it_is_written(config_file):
    config_file({"DTOOL_S3_PUBLISH_EXPIRY": 3600})
    assert publish_expiry_s() == 3600


@pytest.mark.parametrize(("value", "anonymous"), [(True, True), ("Yes", True), (False, False), ("", False)])
def test_reading_without_a_key_is_switched_on_and_off(config_file, value, anonymous):
    config_file({**COMPLETE, "DTOOL_S3_ANONYMOUS_my-bucket": value})
    settings = read_bucket_settings("my-bucket")
    assert settings.anonymous is anonymous
    assert bool(settings.access_key_id) is not anonymous


def test_an_endpoint_without_a_key_says_how_to_read_without_one(config_file):
    config_file({"DTOOL_S3_ENDPOINT_my-bucket": "http://localhost"})
    with pytest.raises(BucketSettingsError, match="DTOOL_S3_ANONYMOUS_my-bucket"):
        read_bucket_settings("my-bucket")


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_broken_file_is_named(config_file, content):
    path = config_file(content)
    with pytest.raises(BucketSettingsError, match=str(path)):
        read_bucket_settings("my-bucket")


def test_a_dataset_is_published_for_good_unless_a_time_is_set(monkeypatch):
    assert publish_expiry_s() is None
    monkeypatch.setenv("DTOOL_S3_PUBLISH_EXPIRY", "3600")
    assert publish_expiry_s() == 3600


@pytest.mark.parametrize("expiry", ["soon", "0", "-5", "604801"])
def test_a_time_that_s3_cannot_sign_for_is_refused(monkeypatch, expiry):
    monkeypatch.setenv("DTOOL_S3_PUBLISH_EXPIRY", expiry)
    with pytest.raises(PublishingRefused, match="DTOOL_S3_PUBLISH_EXPIRY"):
        publish_expiry_s()


def test_the_cache_can_be_elsewhere(monkeypatch, tmp_path, home):
    assert cache_directory() == home / ".cache/dtool"
    monkeypatch.setenv("DTOOL_CACHE_DIRECTORY", str(tmp_path / "cache"))
    assert cache_directory() == tmp_path / "cache"
