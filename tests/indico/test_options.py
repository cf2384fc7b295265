"""The options of an entry of STORAGE_BACKENDS."""

import logging
import re
from pathlib import Path

import pytest
from indico.core.storage import StorageError

from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.options import (
    NGINX,
    REDIRECT,
    STREAM,
    DynamicOptions,
    StaticOptions,
    open_backend_store,
    open_internal_store,
    read_options,
)
from indico_plugin.readonly import ReadOnlyDynamicS3Storage
from indico_plugin.storage import S3Storage
from s3portal.transfer import declared_settings


@pytest.fixture
def aws_folder(tmp_path, monkeypatch):
    """Empty ~/.aws files; what a test writes there counts."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path


def test_a_bucket_is_enough(aws_folder):
    options = read_options(StaticOptions, "bucket=files")
    assert (options.bucket, options.proxy, options.expires, options.meta) == ("files", REDIRECT, 300, None)
    store = open_backend_store(options, "files")
    assert (store.region, store.settings.s3_checksums) == ("us-east-1", "when_required")
    assert store.client().meta.config.signature_version == "s3v4"


def test_every_option_is_read():
    text = (
        "host=s3.example.org, public_host=https://files.example.org,region=eu-west-1,profile=,access_key=key,"
        "secret_key=secret,addressing_style=virtual,bucket_policy_file=/etc/policy.json,bucket_versioning=yes,"
        "proxy=nginx,meta=for backups,expires=10 minutes,sse=aws:kms:key/1,part_size=16 MiB,bucket=files,"
    )
    options = read_options(StaticOptions, text)
    assert options == StaticOptions(
        host="https://s3.example.org",
        public_host="https://files.example.org",
        region="eu-west-1",
        access_key="key",
        secret_key="secret",
        addressing_style="virtual",
        bucket_policy_file="/etc/policy.json",
        bucket_versioning=True,
        proxy=NGINX,
        meta="for backups",
        expires=600,
        sse="aws:kms:key/1",
        part_size=16 * 1024 * 1024,
        bucket="files",
    )
    assert open_backend_store(options, "files").address.host == "files.files.example.org"
    assert open_internal_store(options, "files").address.host == "files.s3.example.org"


@pytest.mark.parametrize(
    ("value", "mode"),
    [(value, STREAM) for value in ("1", "true", "yes", "on")]
    + [(value, NGINX) for value in ("nginx", "xaccelredirect")]
    + [(value, REDIRECT) for value in ("", "0", "false", "no", "off", "True", "local")],
)
def test_proxy_means_what_it_meant_to_the_plugin_that_is_replaced(value, mode):
    assert read_options(StaticOptions, f"bucket=files,proxy={value}").proxy == mode


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("buckett=files,bucket=files", "buckett is not an option; did you mean bucket?"),
        ("bucket=files,proxy=True", "proxy=True is not one of: .*; it is treated as off"),
        ("bucket=files,nonsense", "'nonsense' is not of the form option=value"),
    ],
)
def test_what_can_be_lived_with_is_logged_once(options, sentence, caplog, monkeypatch):
    read_options.cache_clear()
    logger = logging.getLogger("indico.plugin.storage_s3")
    monkeypatch.setattr(logger, "parent", logging.getLogger())
    with caplog.at_level(logging.WARNING):
        read_options(StaticOptions, options)
        read_options(StaticOptions, options)
    assert len([record for record in caplog.records if record.name == logger.name]) == 1
    assert re.search(sentence, caplog.text)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("", "bucket is missing"),
        ("bucket=" + "b" * 64, "bucket is too long: at most 63 characters"),
        ("bucket=b,expires=soon", "expires = soon is not a time"),
        ("bucket=b,part_size=1 MiB", "part_size = 1 MiB is too small: at least 5 MiB"),
        ("bucket=b,sse=rot13", "sse = rot13 is not one of"),
        ("bucket=b,host=https://", "host = https:// is not a URL"),
    ],
)
def test_what_cannot_work_is_said_with_its_name(options, sentence):
    with pytest.raises(StorageError, match=f"STORAGE_BACKENDS: {sentence}"):
        S3Storage(options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("bucket_template=indico,bucket_secret=x", "no placeholder"),
        ("bucket_template=" + "b" * 43 + "<year>,bucket_secret=x", "more than 46 characters"),
        ("bucket_template=indico-<year>", "bucket_secret is missing"),
    ],
)
def test_what_cannot_work_in_dynamic_buckets_is_said(options, sentence, aws_folder):
    with pytest.raises(StorageError, match=sentence):
        DynamicS3Storage(options)


def test_a_read_only_dynamic_backend_needs_no_secret(aws_folder):
    ReadOnlyDynamicS3Storage("bucket_template=indico-<year>")


def test_the_secret_region_keys_and_style_come_from_the_profile(aws_folder):
    (aws_folder / "credentials").write_text(
        "[indico]\naws_access_key_id = AKPROFILE\naws_secret_access_key = s\nindico_bucket_secret = hidden\n"
    )
    (aws_folder / "config").write_text(
        "[profile indico]\nregion = eu-central-1\ns3 =\n    addressing_style = path\n"
    )
    storage = DynamicS3Storage("bucket_template=t-<year>,profile=indico")
    assert storage.bucket_secret == "hidden"
    store = storage.store("t-2026")
    assert (store.region, store.settings.s3_addressing_style) == ("eu-central-1", "path")
    assert store.credentials().access_key == "AKPROFILE"


def test_a_profile_that_is_not_there_is_said_with_its_name(aws_folder):
    with pytest.raises(StorageError, match="profile=nobody"):
        S3Storage("bucket=files,profile=nobody").store("files")


def test_indico_makes_a_storage_for_each_call_and_all_share_one_client():
    first, second = (
        S3Storage("bucket=files,access_key=a,secret_key=b"),
        S3Storage("bucket=files,access_key=a,secret_key=b"),
    )
    assert first.store("files").client() is second.store("other").client()


def test_the_documentation_has_every_option_and_the_nginx_block():
    page = (Path(__file__).parents[2] / "docs" / "indico.md").read_text("utf-8")
    for declaration in (*declared_settings(StaticOptions), *declared_settings(DynamicOptions)):
        assert f"`{declaration.name}`" in page, declaration.name
    assert (Path(__file__).parent / "nginx-block.conf").read_text().strip() in page
