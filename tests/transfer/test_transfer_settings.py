"""The settings of the transfers: few are needed, and those that cannot work are refused at start."""

import pytest

from s3portal.transfer import SettingsError, TransferSettings, read_settings
from s3portal.transfer.sizes import GIB, MIB, TIB

PREFIX = "ckanext.s3multipart."


def read(**values: str) -> TransferSettings:
    named = {f"{PREFIX}{name}": value for name, value in {"s3_bucket": "river-data", **values}.items()}
    return read_settings(TransferSettings, named, PREFIX)


def test_a_bucket_is_enough() -> None:
    settings = read()

    assert settings.on_aws
    assert settings.s3_region == "us-east-1"
    assert settings.part_size == 5 * MIB
    assert settings.concurrency == 4
    assert settings.url_expires == 900
    assert settings.credentials_expires == 3600
    assert settings.checksum_mode == "when_supported"
    assert settings.size_limit == (10_000 * 5 * GIB, "max_object_size")


def test_another_store_than_aws_is_asked_for_less() -> None:
    settings = read(s3_endpoint="https://s3.example.org")

    assert not settings.on_aws
    assert settings.checksum_mode == "when_required"
    assert settings.max_object_size_bytes == 5 * TIB
    assert settings.browser_endpoint == settings.sts_endpoint == "https://s3.example.org"


def test_browsers_and_sts_may_have_addresses_of_their_own() -> None:
    settings = read(
        s3_endpoint="http://10.0.0.7:9000",
        s3_public_endpoint="https://files.example.org",
        s3_sts_endpoint="http://10.0.0.8",
        s3_checksums="when_supported",
        max_object_size="48.8 TiB",
    )

    assert settings.browser_endpoint == "https://files.example.org"
    assert settings.sts_endpoint == "http://10.0.0.8"
    assert settings.checksum_mode == "when_supported"
    assert settings.max_object_size_bytes > 48 * TIB


@pytest.mark.parametrize(
    ("max_upload_size", "limit"),
    [
        ("0", (5 * TIB, "max_object_size")),
        ("5 GB", (5_000_000_000, "max_upload_size")),
        ("6 TiB", (5 * TIB, "max_object_size")),
    ],
)
def test_the_smaller_limit_counts_and_names_its_setting(max_upload_size: str, limit: tuple[int, str]) -> None:
    settings = read(s3_endpoint="https://s3.example.org", max_upload_size=max_upload_size)

    assert settings.size_limit == limit


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("s3_bucket", ""),
        ("s3_bucket", "https://s3.example.org/bucket"),
        ("s3_bucket", "a"),
        ("s3_region", "Sydney, Australia"),
        ("s3_role", "uploads"),
        ("s3_prefix", "a//b"),
        ("s3_prefix", "a/../b"),
        ("s3_prefix", "a/*"),
        ("s3_prefix", "a b"),
        ("s3_prefix", "a" * 600),
        ("s3_endpoint", "s3.example.org"),
        ("s3_addressing_style", "host"),
        ("s3_access_key_id", "AKIA"),
        ("s3_secret_access_key", "secret"),
        ("s3_session_token", "token"),
        ("s3_checksums", "never"),
        ("max_object_size", "49 TiB"),
        ("part_size", "4 MiB"),
        ("part_size", "6 GiB"),
        ("concurrency", "0"),
        ("concurrency", "7"),
        ("upload_mode", "iam"),
        ("upload_mode", "sts"),
        ("url_expires", "8 days"),
        ("download_expires", "0"),
        ("credentials_expires", "10 minutes"),
        ("credentials_expires", "13 hours"),
        ("upload_expires", "1 minute"),
    ],
)
def test_what_cannot_work_is_refused_by_its_full_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(**{name: value})

    (problem,) = refusal.value.problems
    halves_of_the_keys = (f"{PREFIX}s3_access_key_id", f"{PREFIX}s3_secret_access_key")
    if f"{PREFIX}{name}" in halves_of_the_keys:
        assert problem.setting in halves_of_the_keys
        assert problem.given is None
    else:
        assert problem.setting == f"{PREFIX}{name}"


@pytest.mark.parametrize("prefix", ["", "/", "portal", "/portal/files/", "a" * 512])
def test_usual_prefixes_are_taken(prefix: str) -> None:
    assert read(s3_prefix=prefix).s3_prefix == prefix


def test_secrets_are_not_in_the_repr() -> None:
    settings = read(s3_access_key_id="AKIA", s3_secret_access_key="hunter2", s3_session_token="t0ken")

    assert "hunter2" not in repr(settings)
    assert "t0ken" not in repr(settings)
