"""PutBucketReplication and its kin: what is taken, refused and shown, and who may do it."""

from __future__ import annotations

import pytest
from replicating_servers import HERE, THERE, client, connection_to, document_of, replicating_config, statuses
from s3_callers import client_of, code_of, refusal_of

from s3portal.server.testing import RunningServer

FILTERED = {"Filter": {"And": {"Prefix": "a/", "Tags": [{"Key": "x", "Value": "y"}]}},
            "DeleteMarkerReplication": {"Status": "Disabled"}}  # fmt: skip


def user(name, *actions):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    keys = {"access_key_id": f"{name}-key", "secret_access_key": f"{name}-secret"}
    return {"name": name, "policy": policy, **keys}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents")
    with RunningServer(folder / "target", replicating_config(THERE)) as target:
        config = replicating_config(HERE, "plain")
        config["buckets"][1].pop("versioning")
        config["users"] += [
            user("pauser", "s3:GetReplicationConfiguration", "s3:PutReplicationConfiguration"),
            user("passer", "s3:PutReplicationConfiguration", "iam:PassRole"),
        ]
        config["replication"]["connections"] = [connection_to(target) | {"account": "111122223333"}]
        with RunningServer(folder / "source", config) as source:
            yield source


@pytest.fixture
def s3(server):
    s3 = client(server)
    yield s3
    s3.delete_bucket_replication(Bucket=HERE)


def put(s3, document, bucket=HERE):
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration=document)


@pytest.mark.parametrize(
    "document",
    [
        document_of(),
        document_of(**FILTERED, ExistingObjectReplication={"Status": "Enabled"}),
        document_of("arn:aws:s3:::there", Status="Disabled"),
        document_of(
            Destination={
                "Bucket": "arn:aws:s3:::there",
                "Account": "111122223333",
                "StorageClass": "STANDARD_IA",
                "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
                "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
            },
            SourceSelectionCriteria={"ReplicaModifications": {"Status": "Enabled"}},
        ),
    ],
)
def test_a_document_is_shown_as_it_was_put(s3, document):
    put(s3, document)
    assert s3.get_bucket_replication(Bucket=HERE)["ReplicationConfiguration"] == document


def test_a_document_without_filters_replicates_a_prefix(s3):
    rule = {"ID": "old", "Prefix": "p", "Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::there"}}
    document = {"Role": "arn:aws:iam::000000000000:role/r", "Rules": [rule]}
    put(s3, document)
    assert s3.get_bucket_replication(Bucket=HERE)["ReplicationConfiguration"] == document
    s3.put_object(Bucket=HERE, Key="pq", Body=b"1")
    s3.put_object(Bucket=HERE, Key="q", Body=b"1")
    assert [statuses(s3, HERE, key) for key in ("pq", "q")] == ["PENDING", None]


@pytest.mark.parametrize(
    "document, code",
    [
        ({"Role": "", "Rules": []}, "MalformedXML"),
        ({**document_of(), "Role": "somebody"}, "InvalidArgument"),
        (document_of("there"), "InvalidArgument"),
        (document_of("arn:s3portal:replication::nobody:there"), "InvalidRequest"),
        (document_of(Destination={"Bucket": "arn:aws:s3:::there", "Account": "999"}), "InvalidArgument"),
        (document_of(Destination={"Bucket": "arn:aws:s3:::there", "Account": "9" * 12}), "InvalidRequest"),
        (document_of(Status="Perhaps"), "MalformedXML"),
        (document_of(ID="x" * 256), "InvalidArgument"),
        (document_of(Filter={"Tag": {"Key": "a", "Value": "b"}}), "InvalidRequest"),
        (document_of(Filter={"And": {"Prefix": "a"}}), "MalformedXML"),
        ({**document_of(), "Rules": document_of()["Rules"] * 2}, "InvalidArgument"),
        ({**document_of(), "Rules": [*document_of()["Rules"], document_of(ID="2")["Rules"][0]]},
        "InvalidArgument"),
    ],
)  # fmt: skip
def test_what_s3_refuses_is_refused(s3, document, code):
    assert code_of(s3.put_bucket_replication, Bucket=HERE, ReplicationConfiguration=document) == code
    missing = "ReplicationConfigurationNotFoundError"
    assert code_of(s3.get_bucket_replication, Bucket=HERE) == missing


def test_a_bucket_must_keep_versions(s3):
    refusal = refusal_of(s3.put_bucket_replication, Bucket="plain", ReplicationConfiguration=document_of())
    assert (refusal.status, refusal.code) == (400, "InvalidRequest")
    assert "Versioning" in refusal.error["Message"]


def test_who_may_put_it_may_pause_and_resume_and_no_more(server, s3):
    put(s3, document_of())
    pauser = client_of(server, "pauser")
    put(pauser, document_of(Status="Disabled"))
    assert s3.get_bucket_replication(Bucket=HERE)["ReplicationConfiguration"] == document_of(
        Status="Disabled"
    )
    put(pauser, document_of())
    for other in (
        document_of(ID="two"),
        document_of(Filter={"Prefix": "x"}),
        document_of("arn:aws:s3:::elsewhere"),
    ):
        assert (
            code_of(pauser.put_bucket_replication, Bucket=HERE, ReplicationConfiguration=other)
            == "AccessDenied"
        )
    assert code_of(pauser.delete_bucket_replication, Bucket=HERE) == "AccessDenied"
    assert s3.get_bucket_replication(Bucket=HERE)["ReplicationConfiguration"] == document_of()


def test_who_may_pass_the_role_may_make_rules(server, s3):
    put(client_of(server, "passer"), document_of())
    assert s3.get_bucket_replication(Bucket=HERE)["ReplicationConfiguration"] == document_of()
