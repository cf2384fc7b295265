"""A folder goes to a server under TLS and comes back: large files by ranges, through memory."""

import pytest
from bucket_commands import Said
from certificates import write_certificate
from click.testing import CliRunner
from random_files import random_file

from s3portal.cli import main
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer
from s3portal.transfer import MIB


@pytest.fixture
def secure(tmp_path):
    with RunningServer(tmp_path / "s3", server_config() | {"tls": write_certificate(tmp_path)}) as server:
        yield server


@pytest.fixture
def run(secure, tmp_path, monkeypatch):
    admin = secure.users["admin"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", secure.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", admin.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", admin.secret_access_key)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "cert.pem"))

    def run(*arguments):
        result = CliRunner().invoke(main, [str(word) for word in arguments])
        return Said(result.exit_code, result.stdout, result.stderr)

    return run


def test_there_and_back(run, secure, tmp_path):
    source, back = tmp_path / "source", tmp_path / "back"
    source.mkdir()
    large = random_file(source / "large.bin", 40 * MIB + 3)
    small = random_file(source / "small.bin", 1000)
    assert secure.endpoint.startswith("https://")
    assert run("sync", source, "s3://test-bucket").code == 0
    said = run("sync", "s3://test-bucket", back, "--verify")
    assert said.code == 0, said.err
    assert (back / "large.bin").read_bytes() == large.read_bytes()
    assert (back / "small.bin").read_bytes() == small.read_bytes()
    assert sorted(path.name for path in back.iterdir()) == ["large.bin", "small.bin"]


def test_a_server_that_nobody_vouches_for_gets_and_gives_nothing(run, secure, tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_CA_BUNDLE")
    source = tmp_path / "source"
    source.mkdir()
    random_file(source / "large.bin", 1000)
    said = run("sync", source, "s3://test-bucket")
    assert said.code == 3 and "certificate" in said.err.lower(), said
    assert [each.operation for each in secure.requests] == []
