"""Servers that replicate to each other, and the comparison of what they have."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

from s3_callers import client_of

from s3portal.server.background.replication.managing import Replicator
from s3portal.server.pytest_plugin import server_config
from s3portal.server.replication import states
from s3portal.server.testing import RunningServer

HERE, THERE = "here", "there"


def replicating_config(*buckets, versioned=True, users=("admin",)):
    """The configuration of a server with buckets, to which ``users`` replicate."""
    versioning = {"versioning": "Enabled"} if versioned else {}
    config = server_config()
    config["buckets"] = [{"name": bucket, **versioning} for bucket in buckets]
    config["replication"] = {"users": list(users)}
    return config


def connection_to(server, name="peer", user="admin"):
    """What connects to a server as one of its users, as the configuration file has it."""
    keys = server.users[user]
    return {
        "name": name,
        "endpoint": server.endpoint,
        "access_key_id": keys.access_key_id,
        "secret_access_key": keys.secret_access_key,
    }


def rule_to(bucket, target_bucket, name="peer", **fields):
    return {
        "bucket": bucket,
        "id": f"to-{name}",
        "connection": name,
        "target_bucket": target_bucket,
        **fields,
    }


@contextmanager
def one_way(folder, *, versioned=True, honoured=True, **fields):
    """Yields two servers: what is in the bucket of the first one is replicated to the second one's."""
    users = ("admin",) if honoured else ()
    with ExitStack() as servers:
        target = servers.enter_context(
            RunningServer(folder / "target", replicating_config(THERE, versioned=versioned, users=users))
        )
        config = replicating_config(HERE, versioned=versioned)
        config["replication"] |= {
            "connections": [connection_to(target)],
            "rules": [rule_to(HERE, THERE, **fields)],
        }
        yield servers.enter_context(RunningServer(folder / "source", config)), target


def client(server):
    return client_of(server, "admin")


def keys_in(server, bucket=THERE):
    return {entry["Key"] for entry in client(server).list_objects_v2(Bucket=bucket).get("Contents", ())}


def replicator_of(server):
    return Replicator(server._server.storage, server._server.master_key)


def report_of(server):
    (report,) = states.reports(server._server.storage)
    return report


def operations_of(server):
    return [record.operation for record in server.requests]


def history_of(s3, bucket):
    """Returns all versions of a bucket by key, the newest first: what each is, and of objects their bytes,
    metadata and tags."""
    found = {}
    paginator = s3.get_paginator("list_object_versions")
    for page in paginator.paginate(Bucket=bucket):
        for version in page.get("Versions", ()):
            named = {"Bucket": bucket, "Key": version["Key"], "VersionId": version["VersionId"]}
            got = s3.get_object(**named)
            entry = (
                version["LastModified"],
                version["VersionId"],
                version["ETag"],
                got["Body"].read(),
                tuple(sorted(got["Metadata"].items())),
                got["ContentType"],
                tuple(sorted((tag["Key"], tag["Value"]) for tag in s3.get_object_tagging(**named)["TagSet"])),
                version["IsLatest"],
            )
            found.setdefault(version["Key"], []).append(entry)
        for marker in page.get("DeleteMarkers", ()):
            entry = (marker["LastModified"], marker["VersionId"], "a delete marker", marker["IsLatest"])
            found.setdefault(marker["Key"], []).append(entry)
    return {key: sorted(entries, key=lambda entry: entry[:2], reverse=True) for key, entries in found.items()}


def statuses(s3, bucket, key, **named):
    return s3.head_object(Bucket=bucket, Key=key, **named).get("ReplicationStatus")


def document_of(target="arn:s3portal:replication::peer:there", **fields):
    """PutBucketReplication's configuration with one rule."""
    rule = {
        "ID": "one",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "Status": "Enabled",
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {"Bucket": target},
    }
    return {"Role": "arn:aws:iam::000000000000:role/replication", "Rules": [rule | fields]}
