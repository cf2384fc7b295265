"""HTTPS: everything works as without, the certificate is read again, policies learn of it."""

from __future__ import annotations

import io
import socket
import ssl
from contextlib import suppress

import boto3
import pytest
from botocore.config import Config
from certificates import write_certificate
from click.testing import CliRunner
from cryptography import x509
from s3_callers import BUCKET, MIB, code_of

from s3portal.server.command import server_command
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer


@pytest.fixture
def files(tmp_path):
    return write_certificate(tmp_path)


@pytest.fixture
def secure(tmp_path, files):
    with RunningServer(tmp_path / "s3", server_config() | {"tls": files}) as server:
        yield server


def client(server, files, user="portal"):
    keys = server.users[user]
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        verify=files["certificate"],
        config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}),
    )


def connect(server, files):
    context = ssl.create_default_context(cafile=files["certificate"])
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    return context.wrap_socket(sock, server_hostname="127.0.0.1")


def name_shown(server):
    pem = ssl.get_server_certificate(("127.0.0.1", server.port), timeout=60)
    return x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string()


def test_objects_small_and_large_go_in_and_out(secure, files):
    assert secure.endpoint.startswith("https://127.0.0.1:")
    s3 = client(secure, files)
    for size in (0, 1000, 9 * MIB + 1):
        content = bytes(range(256)) * (size // 256 + 1)
        s3.upload_fileobj(io.BytesIO(content), BUCKET, "k")
        assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == content
    ranged = s3.get_object(Bucket=BUCKET, Key="k", Range="bytes=1000000-9000000")["Body"].read()
    assert ranged == content[1_000_000:9_000_001]
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


def test_a_connection_is_ended_in_order(secure, files):
    with connect(secure, files) as sock:
        sock.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b""
        # Without close_notify, reading would raise instead of ending.
        while chunk := sock.recv(4096):
            answer += chunk
    assert b"NoSuchBucket" in answer


def test_a_new_certificate_is_shown_without_a_restart(secure, files, tmp_path):
    with connect(secure, files) as before:
        assert name_shown(secure) == "CN=s3.example.org"
        write_certificate(tmp_path, "new.example.org")
        assert name_shown(secure) == "CN=new.example.org"
        before.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert before.recv(4096).startswith(b"HTTP/1.1 404")


def test_a_certificate_that_cannot_be_read_leaves_the_one_before(secure, tmp_path, caplog):
    (tmp_path / "cert.pem").write_text("not a certificate")
    assert name_shown(secure) == "CN=s3.example.org"
    assert "cannot be read again" in caplog.text
    write_certificate(tmp_path, "third.example.org")
    assert name_shown(secure) == "CN=third.example.org"


def test_whoever_speaks_plain_http_or_nothing_keeps_nobody_waiting(secure, files):
    with socket.create_connection(("127.0.0.1", secure.port), timeout=60) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        with suppress(ConnectionResetError):
            received = plain.recv(4096)
        assert b"HTTP" not in received
    with socket.create_connection(("127.0.0.1", secure.port)):
        assert client(secure, files).list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_policies_ask_about_it(tmp_path, files):
    conditions = {
        "Bool": {"aws:SecureTransport": "true"},
        "NumericGreaterThanEquals": {"s3:TlsVersion": "1.2"},
    }
    config = server_config() | {"tls": files}
    config["users"][1]["policy"]["Statement"][0]["Condition"] = conditions
    with RunningServer(tmp_path / "s3", config) as server:
        client(server, files).list_objects_v2(Bucket=BUCKET)
    del config["tls"]
    with RunningServer(tmp_path / "s3", config) as server:
        assert code_of(client(server, files).list_objects_v2, Bucket=BUCKET) == "AccessDenied"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_files_that_do_not_go_are_told_at_the_start(tmp_path, workers):
    encrypted = write_certificate(tmp_path, password=b"secret")
    cases = [
        (["--tls-cert", encrypted["certificate"]], "--tls-cert and --tls-key must be given together"),
        (["--tls-cert", encrypted["certificate"], "--tls-key", encrypted["key"]], "the key is encrypted"),
        (["--tls-cert", encrypted["key"], "--tls-key", encrypted["key"]], "cannot be used"),
        (["--tls-cert", str(tmp_path / "no"), "--tls-key", encrypted["key"]], "No such file"),
        (["--trusted-proxy", "proxy.example.org"], "--trusted-proxy"),
    ]
    for options, says in cases:
        arguments = ["--root", str(tmp_path / "s3"), "--port", "0", "--workers", workers, *options]
        result = CliRunner().invoke(server_command, arguments)
        assert (result.exit_code, says in result.output) == (1, True), result.output
