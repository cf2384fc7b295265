"""Where store and keys come from."""

import pytest

from s3portal.buckets.access import AccessOptions, open_access
from s3portal.buckets.problems import Unusable

INDICO = """
import os
STORAGE_BACKENDS = {
    'default': 'fs:/opt/indico/archive',
    's3': 's3:bucket=materials,host=s3.example.org,access_key=KEY,secret_key=SECRET,addressing_style=path',
    'old': 's3-readonly:bucket=legacy,profile=old',
}
"""


@pytest.fixture(autouse=True)
def no_profiles(monkeypatch, tmp_path):
    for name in (
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


def opened(tmp_path, name, text, **options):
    file = tmp_path / name
    file.write_text(text)
    return open_access(AccessOptions(config=file, **options), {})


def test_a_ckan_ini(tmp_path):
    access = opened(
        tmp_path,
        "ckan.ini",
        "[DEFAULT]\ndebug = false\n[app:main]\nuse = egg:ckan\n"
        "ckanext.s3multipart.s3_bucket = portal-files\nckanext.s3multipart.s3_region = ap-southeast-2\n"
        "ckanext.s3multipart.s3_role = arn:aws:iam::123456789012:role/upload\n"
        "ckanext.s3multipart.s3_secret_access_key = 100%sure\nckanext.s3multipart.s3_access_key_id = KEY\n",
    )
    settings = access.settings
    assert access.configured_bucket == "portal-files"
    assert (settings.s3_region, settings.s3_access_key_id) == ("ap-southeast-2", "KEY")
    assert settings.s3_secret_access_key == "100%sure"
    # It is the publishers' role, and allows no administration.
    assert (settings.s3_role, access.role) == ("", "")


def test_an_indico_conf_is_read_and_not_run(tmp_path):
    text = INDICO + f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    access = opened(tmp_path, "indico.conf", text, backend="s3")
    assert access.configured_bucket == "materials"
    assert access.settings.s3_endpoint == "https://s3.example.org"
    assert access.settings.s3_addressing_style == "path"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("backend", "words"), [("", "old"), ("s4", "--backend s4")])
def test_several_backends_are_listed(tmp_path, backend, words):
    with pytest.raises(Unusable, match=words):
        opened(tmp_path, "indico.conf", INDICO, backend=backend)


def test_the_configuration_of_s3cmd(tmp_path):
    text = (
        "[default]\naccess_key = KEY\nsecret_key = SECRET\nhost_base = rgw.example.org:8080\n"
        "host_bucket = rgw.example.org:8080\nuse_https = False\nbucket_location = US\n"
    )
    settings = opened(tmp_path, ".s3cfg", text).settings
    assert settings.s3_endpoint == "http://rgw.example.org:8080"
    assert settings.s3_addressing_style == "path"
    assert (settings.s3_access_key_id, settings.s3_region) == ("KEY", "us-east-1")


def test_the_configuration_of_s3cmd_for_aws(tmp_path):
    text = (
        "[default]\naccess_key = KEY\nsecret_key = SECRET\nhost_base = s3.amazonaws.com\n"
        "host_bucket = %(bucket)s.s3.amazonaws.com\nbucket_location = EU\n"
    )
    settings = opened(tmp_path, ".s3cfg", text).settings
    assert settings.on_aws
    assert settings.s3_region == "eu-west-1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "no CKAN .ini"),
        ("[app:main]\nuse = egg:ckan\n", "s3_bucket is not set"),
        ("STORAGE_BACKENDS = {", "not valid Python"),
        ("STORAGE_BACKENDS = backends()", "is computed"),
        ("STORAGE_BACKENDS = {'default': 'fs:/x'}", "no entry with a bucket"),
    ],
)
def test_a_file_that_says_nothing_is_named(tmp_path, text, words):
    with pytest.raises(Unusable, match=words):
        opened(tmp_path, "file", text)


def test_options_come_before_the_file_and_the_file_before_the_environment(tmp_path):
    file = tmp_path / ".s3cfg"
    file.write_text("[default]\naccess_key = K\nsecret_key = S\nhost_base = file.example\n")
    environment = {"AWS_ENDPOINT_URL": "https://environment.example", "AWS_REGION": "eu-north-1"}
    assert open_access(AccessOptions(), environment).settings.s3_endpoint == "https://environment.example"
    assert open_access(AccessOptions(config=file), environment).settings.s3_endpoint == "https://file.example"
    options = AccessOptions(config=file, endpoint="https://option.example")
    assert open_access(options, environment).settings.s3_endpoint == "https://option.example"
    assert open_access(options, environment).settings.s3_region == "eu-north-1"


def test_a_profile_has_endpoint_and_region(tmp_path, monkeypatch):
    (tmp_path / "none").write_text(
        "[profile lab]\nendpoint_url = https://lab.example\nregion = eu-central-1\n"
    )
    settings = open_access(AccessOptions(profile="lab"), {}).settings
    assert (settings.s3_endpoint, settings.s3_region) == ("https://lab.example", "eu-central-1")
    with pytest.raises(Unusable, match="nosuch"):
        open_access(AccessOptions(profile="nosuch"), {})


@pytest.mark.parametrize(
    ("options", "words"),
    [({"endpoint": "s3.example.org"}, "--endpoint"), ({"region": "a b"}, "--region")],
)
def test_what_cannot_be_used_is_named_as_an_option(options, words):
    with pytest.raises(Unusable, match=words):
        open_access(AccessOptions(**options), {})
