"""What ~/.aws says is read as botocore reads it, without botocore's session."""

import os
import subprocess
import sys

import boto3
import botocore.session
import pytest

from s3portal.buckets.aws_files import plain_keys, scoped_config
from s3portal.buckets.problems import Unusable

CONFIG = """
[default]
region = eu-north-1
aws_access_key_id = CONFIG
aws_secret_access_key = config-secret
[profile lab]
region = ap-southeast-2
endpoint_url = https://lab.example
s3 =
  addressing_style = path
[profile sso]
sso_start_url = https://sso.example
[profile assumed]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = lab
"""
CREDENTIALS = """
[default]
aws_access_key_id = SHARED
aws_secret_access_key = shared-secret
[lab]
aws_access_key_id = LAB
aws_secret_access_key = lab-secret
aws_session_token = lab-token
"""


@pytest.fixture(params=["both", "config", "credentials", "none"])
def files(request, tmp_path, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, variable, text in (
        ("config", "AWS_CONFIG_FILE", CONFIG),
        ("credentials", "AWS_SHARED_CREDENTIALS_FILE", CREDENTIALS),
    ):
        if request.param in ("both", name):
            (tmp_path / name).write_text(text)
        monkeypatch.setenv(variable, str(tmp_path / name))
    return request.param


@pytest.mark.parametrize("profile", ["", "default", "lab", "sso", "assumed", "nosuch"])
def test_as_botocore_has_it(files, profile):
    session = botocore.session.Session(profile=profile or None)
    try:
        wanted = session.get_scoped_config()
    except botocore.exceptions.ProfileNotFound:
        with pytest.raises(Unusable, match=profile):
            scoped_config(profile, os.environ)
        return
    found = scoped_config(profile, os.environ)
    assert found == wanted
    keys = plain_keys(found, os.environ, profile=profile)
    if profile in ("sso", "assumed"):
        assert keys is None
    elif keys is not None:
        credentials = boto3.Session(profile_name=profile or None).get_credentials().get_frozen_credentials()
        assert keys == credentials[:3]


def test_variables_come_before_the_files_but_not_before_a_profile_that_was_asked_for():
    environment = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "a", "AWS_SESSION_TOKEN": "t"}
    scoped = {"aws_access_key_id": "LAB", "aws_secret_access_key": "lab"}
    assert plain_keys(scoped, environment, profile="") == ("A", "a", "t")
    assert plain_keys(scoped, environment, profile="lab") == ("LAB", "lab", None)
    assert plain_keys({}, {}, profile="") is None


def test_listing_and_removing_load_no_boto3(server, client, s3portal):
    client.put_object(Bucket="files", Key="a", Body=b"1")
    code = (
        "import sys\nfrom s3portal.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    print(sorted({'boto3', 'botocore.session', 'urllib3', 'rich'} & set(sys.modules)))"
    )
    for words in (["ls", "-r", "s3://files"], ["bucket", "empty", "files", "--yes"]):
        ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
        assert ran.stdout.splitlines()[-1] == "[]"
    assert "Contents" not in client.list_objects_v2(Bucket="files")
