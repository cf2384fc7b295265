"""What the server's tests share: clients of each user, raw connections, and the server's own errors."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from s3portal.server.pytest_plugin import ROLE_ARN
from s3portal.server.testing import RunningServer

BUCKET = "test-bucket"
MIB = 1024 * 1024


def client_of(server: RunningServer, user: str = "portal", service: str = "s3", **options: Any) -> Any:
    """Returns a boto3 client that does not try again: a test wants the first answer."""
    keys = {name: options.pop(name) for name in list(options) if name.startswith("aws_")}
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        config=Config(
            signature_version="s3v4" if service == "s3" else None,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            **options,
        ),
        **(
            keys
            or {
                "aws_access_key_id": server.users[user].access_key_id,
                "aws_secret_access_key": server.users[user].secret_access_key,
            }
        ),
    )


def session_client(server: RunningServer, credentials: Mapping[str, str], service: str = "s3") -> Any:
    """Returns a client with what AssumeRole answered."""
    return client_of(
        server,
        service=service,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def client_allowed(server: RunningServer, *actions: str) -> Any:
    """Returns a client of a session that may do only these actions, in the bucket of the tests."""
    arns = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": arns}
    answer = client_of(server, service="sts").assume_role(
        RoleArn=ROLE_ARN,
        RoleSessionName="narrow",
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    return session_client(server, answer["Credentials"])


@dataclass(frozen=True)
class Refusal:
    """An error answer: HTTP status, S3's code, and everything else it said."""

    status: int
    code: str
    error: dict[str, Any]


def refusal_of(call: Callable[..., Any], **arguments: Any) -> Refusal:
    """Returns the error that a boto3 call ends with; fails when it ends well."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return Refusal(
        response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]
    )


def code_of(call: Callable[..., Any], **arguments: Any) -> str:
    return refusal_of(call, **arguments).code


def send(
    server: RunningServer,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
) -> tuple[int, dict[str, str], bytes]:
    """Sends one request as given, unsigned; returns status, headers (lower case) and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        connection.request(method, target.removeprefix(server.endpoint), body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def signed_headers(
    server: RunningServer,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    user: str = "portal",
) -> dict[str, str]:
    """Returns the headers of a request signed by botocore, the given ones included."""
    keys = server.users[user]
    request = AWSRequest(method, url, dict(headers or {}), body)
    signer = S3SigV4Auth(Credentials(keys.access_key_id, keys.secret_access_key), "s3", "us-east-1")
    payload_hash = (headers or {}).get("x-amz-content-sha256")
    if payload_hash is not None:
        signer.payload = lambda request: payload_hash
    signer.add_auth(request)
    return {"Host": urlsplit(url).netloc, **dict(request.headers.items())}


def signed_send(
    server: RunningServer,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    user: str = "portal",
) -> tuple[int, dict[str, str], bytes]:
    """Sends one request signed in its headers."""
    url = server.endpoint + path
    return send(server, method, path, signed_headers(server, method, url, headers, body, user), body)


def content_md5(body: bytes) -> dict[str, str]:
    """Returns the header that some requests must have."""
    return {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}


def raw_exchange(server: RunningServer, sent: bytes, *, half_close: bool = False) -> bytes:
    """Sends bytes as they are and returns everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as sock:
        sock.sendall(sent)
        if half_close:
            sock.shutdown(socket.SHUT_WR)
        received = bytearray()
        while chunk := sock.recv(65536):
            received += chunk
        return bytes(received)
