"""Who may do what with versions: each operation needs the action that AWS documents for it."""

from __future__ import annotations

import pytest
from s3_callers import BUCKET, client_of, code_of, refusal_of
from versioned_buckets import set_versioning

from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

BUCKET_ARN = f"arn:aws:s3:::{BUCKET}"


@pytest.fixture
def server_for(tmp_path):
    """Starts a server whose user ``narrow`` has only the actions that are given."""
    servers = []

    def start(*actions):
        config = server_config()
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": [BUCKET_ARN, f"{BUCKET_ARN}/*"]}
        config["users"].append(
            {
                "name": "narrow",
                "access_key_id": "narrow-key",
                "secret_access_key": "narrow-secret",
                "policy": {"Statement": [statement]},
            }
        )
        servers.append(RunningServer(tmp_path / "s3", config).__enter__())
        return servers[-1]

    yield start
    for server in servers:
        server.__exit__(None, None, None)


def with_two_versions(server):
    """Returns the ids of an object's two versions and of the marker over it."""
    s3 = client_of(server)
    set_versioning(s3, "Enabled")
    ids = [s3.put_object(Bucket=BUCKET, Key="k", Body=body)["VersionId"] for body in (b"1", b"2")]
    return (*ids, s3.delete_object(Bucket=BUCKET, Key="k")["VersionId"])


# The operation, its arguments (FIRST is the id of a version), and the action it needs.
FIRST = object()
NEEDED = [
    ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}, "s3:PutBucketVersioning"),
    ("get_bucket_versioning", {}, "s3:GetBucketVersioning"),
    ("list_object_versions", {}, "s3:ListBucketVersions"),
    ("get_object", {"Key": "k", "VersionId": FIRST}, "s3:GetObjectVersion"),
    ("head_object", {"Key": "k", "VersionId": FIRST}, "s3:GetObjectVersion"),
    ("delete_object", {"Key": "k", "VersionId": FIRST}, "s3:DeleteObjectVersion"),
    ("delete_object", {"Key": "k"}, "s3:DeleteObject"),
]


@pytest.mark.parametrize(("operation", "arguments", "action"), NEEDED)
def test_an_operation_needs_its_action_and_no_other(server_for, operation, arguments, action):
    others = sorted({needed for _, _, needed in NEEDED} - {action})
    for actions, refused in ((others, True), ([action], False)):
        server = server_for(*actions)
        first, *_ = with_two_versions(server)
        call = getattr(client_of(server, "narrow"), operation)
        given = {name: first if value is FIRST else value for name, value in arguments.items()}
        if refused:
            assert refusal_of(call, Bucket=BUCKET, **given).status == 403
        else:
            call(Bucket=BUCKET, **given)
        server.__exit__(None, None, None)


def test_the_source_of_a_copy_needs_the_action_on_versions(server_for):
    server = server_for("s3:PutObject", "s3:GetObject")
    first, *_ = with_two_versions(server)
    source = {"Bucket": BUCKET, "Key": "k", "VersionId": first}
    narrow, everything = client_of(server, "narrow"), client_of(server)
    assert code_of(narrow.copy_object, Bucket=BUCKET, Key="n", CopySource=source) == "AccessDenied"
    everything.copy_object(Bucket=BUCKET, Key="n", CopySource=source)


def test_who_may_not_list_does_not_learn_what_is_missing(server_for):
    server = server_for("s3:GetObject", "s3:GetObjectVersion")
    *_, marker = with_two_versions(server)
    narrow = client_of(server, "narrow")
    for named in ({}, {"VersionId": "0" * 32}):
        refusal = refusal_of(narrow.get_object, Bucket=BUCKET, Key="k", **named)
        assert (refusal.status, refusal.code) == (403, "AccessDenied")
    # Who names a marker knows of it.
    assert refusal_of(narrow.get_object, Bucket=BUCKET, Key="k", VersionId=marker).status == 405


def test_of_many_deletions_each_needs_its_action(server_for):
    server = server_for("s3:DeleteObject")
    first, *_ = with_two_versions(server)
    asked = [{"Key": "k", "VersionId": first}, {"Key": "k"}]
    answer = client_of(server, "narrow").delete_objects(Bucket=BUCKET, Delete={"Objects": asked})
    assert [(e["VersionId"], e["Code"]) for e in answer["Errors"]] == [(first, "AccessDenied")]
    assert [deleted["DeleteMarker"] for deleted in answer["Deleted"]] == [True]
