"""Each dialect claims its own requests, by their credential and headers, and answers in its own words."""

from __future__ import annotations

import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from s3_callers import MIB, send

from s3portal.server.api.operations import OPERATIONS, QUERY_OPERATIONS
from s3portal.server.gateway.dialects.json import JsonDialect
from s3portal.server.gateway.dialects.query import QueryDialect
from s3portal.server.gateway.dialects.rest import RestDialect
from s3portal.server.wire.s3_request import read_request


def signed_for(server, service, body, headers=None, user="portal"):
    """Returns the headers of a POST / signed for a service by one of the server's users."""
    keys = server.users[user]
    request = AWSRequest("POST", server.endpoint + "/", dict(headers or {}), body)
    SigV4Auth(Credentials(keys.access_key_id, keys.secret_access_key), service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


def asked(method="POST", target="/", **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_request(
        {"REQUEST_METHOD": method, "REQUEST_URI": target, "s3portal.headers": {"host": "x"} | names}
    )


def credential(service):
    signed = f"Credential=k/20261126/us-east-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 SignedHeaders=host, {signed}, Signature={'0' * 64}"


@pytest.mark.parametrize(
    ("request_", "owner"),
    [
        (asked("GET", "/"), RestDialect),
        (asked("POST", "/bucket", authorization=credential("sts")), RestDialect),
        (asked("POST", "/bucket/key", x_amz_target="TrentService.Sign"), RestDialect),
        (asked(), QueryDialect),
        (asked(authorization=credential("sts")), QueryDialect),
        (asked(authorization=credential("s3")), RestDialect),
        (asked(target="/?X-Amz-Credential=k/20261126/r/s3/aws4_request"), RestDialect),
        (asked(target="/?X-Amz-Credential=k/20261126/r/sts/aws4_request"), QueryDialect),
        (asked(authorization="nonsense"), QueryDialect),
        (asked(authorization=credential("kms"), x_amz_target="TrentService.Sign"), JsonDialect),
    ],
)
def test_a_request_belongs_to_the_first_dialect_that_claims_it(request_, owner):
    dialects = (JsonDialect(), QueryDialect(QUERY_OPERATIONS), RestDialect(OPERATIONS))
    assert isinstance(next(d for d in dialects if d.owns(request_)), owner)


def test_the_credential_of_a_post_says_which_service_is_meant(s3_server):
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, answer = send(s3_server, "POST", "/", signed_for(s3_server, "sts", body, form), body)
    assert (status, b"user/portal" in answer) == (200, True)
    status, _, answer = send(s3_server, "POST", "/", signed_for(s3_server, "s3", body, form), body)
    assert ElementTree.fromstring(answer).tag == "Error"
    assert status == 400
    status, _, answer = send(s3_server, "POST", "/", signed_for(s3_server, "sqs", body, form), body)
    assert (status, b"ErrorResponse" in answer, b"user/portal" in answer) == (400, True, False)


def test_json_is_answered_in_json(s3_server):
    target = {"X-Amz-Target": "TrentService.Sign", "Content-Type": "application/x-amz-json-1.1"}
    status, headers, answer = send(s3_server, "POST", "/", signed_for(s3_server, "kms", b"{}", target), b"{}")
    assert (status, headers["content-type"]) == (400, "application/x-amz-json-1.1")
    assert json.loads(answer) == {
        "__type": "UnknownOperationException",
        "message": "Unknown operation: TrentService.Sign",
    }
    status, _, answer = send(s3_server, "POST", "/", target, b"{}")
    assert (status, json.loads(answer)["__type"]) == (400, "MissingAuthenticationTokenException")
    status, _, answer = send(s3_server, "POST", "/", target, b"x" * MIB)
    assert (status, json.loads(answer)["__type"]) == (400, "MaxMessageLengthExceeded")


def test_a_body_too_long_for_an_action_is_refused_in_the_words_of_sts(s3_server):
    status, _, answer = send(s3_server, "POST", "/", body=b"x" * MIB)
    assert (status, b"<ErrorResponse" in answer) == (400, True)


def test_the_names_of_operations_are_told_apart_by_their_requests():
    routes = [(o.level, o.method, frozenset(o.needs), o.copies) for o in OPERATIONS]
    assert len(set(routes)) == len(routes)
    actions = [(o.service, o.name) for o in QUERY_OPERATIONS]
    assert len(set(actions)) == len(actions)


PRODUCTION = """
import sys
from pathlib import Path
from s3portal.server import command
from s3portal.server.gateway.access_log import AccessLog
from s3portal.server.config import config_of_json
from s3portal.server.running import S3Server

config = config_of_json({"buckets": [{"name": "bucket"}]})
S3Server(Path(sys.argv[1]), config, host="127.0.0.1", port=0, access_log=AccessLog()).stop()
print([name for name in sys.modules if name.startswith("s3portal.server.testing") or name == "flask"])
"""


def test_a_production_server_imports_nothing_of_the_testing_room(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", PRODUCTION, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_a_configuration_with_faults_has_them_in_the_command_too(tmp_path):
    """The documented setting: a running server, not only a test's own."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"faults": [{"operation": "ListBuckets", "status": 503}]}))
    code = (
        "import sys; from s3portal.server.config import read_config_file; from pathlib import Path;"
        "from s3portal.server.configured_faults import around_of;"
        "around = around_of(read_config_file(Path(sys.argv[1])).faults);"
        "print(around.next_for('ListBuckets', {}).status, around.next_for('GetObject', {}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(config)], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["503", "None"]
