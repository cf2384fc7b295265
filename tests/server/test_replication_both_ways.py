"""Two and three servers that replicate to each other: they converge, and nothing goes round."""

from __future__ import annotations

import random
from contextlib import ExitStack, contextmanager

import pytest
from replicating_servers import client, connection_to, history_of, replicating_config, statuses
from s3_callers import client_of

from s3portal.server.bucket_settings.replication import ReplicationRule
from s3portal.server.replication import connections, rules
from s3portal.server.replication.connections import NewConnection
from s3portal.server.testing import RunningServer

BUCKET = "both-ways"


def link(source, target, name, bucket=BUCKET, **fields):
    """Has one server replicate to another, as an administrator would."""
    storage, master_key = source._server.storage, source._server.master_key
    connections.save(storage, master_key, NewConnection(**connection_to(target, name)), lambda new: None)
    rule = ReplicationRule(f"to-{name}", name, bucket, **fields)
    rules.change(storage, bucket, lambda present: present.with_rule(rule))


@contextmanager
def mesh(folder, count, *, versioned=True, honoured=True):
    """Yields servers that each replicate to all others."""
    users = ("admin",) if honoured else ()
    with ExitStack() as running:
        servers = [
            running.enter_context(
                RunningServer(
                    folder / f"{number}", replicating_config(BUCKET, versioned=versioned, users=users)
                )
            )
            for number in range(count)
        ]
        for source in servers:
            for number, target in enumerate(servers):
                if target is not source:
                    link(source, target, f"peer-{number}")
        yield servers


def replicate(servers):
    """Runs all until nothing is left to send; fails where that has no end."""
    for _ in range(12):
        for server in servers:
            server.run_replication()
        if not any(backlog_of(server) for server in servers):
            return
    raise AssertionError("replication goes on and on")


def backlog_of(server):
    with server._server.storage.database.read() as connection:
        query = "SELECT (SELECT count(*) FROM replication_tasks) + (SELECT count(*) FROM replication_changes)"
        return connection.execute(query).fetchone()[0]


def writes_of(server):
    return sum(record.operation in ("PutObject", "DeleteObject") for record in server.requests)


def test_what_is_written_on_either_side_is_on_both(tmp_path):
    with mesh(tmp_path, 2) as (one, other):
        here, there = client(one), client(other)
        here.put_object(Bucket=BUCKET, Key="from-one", Body=b"1", Tagging="a=1")
        there.put_object(Bucket=BUCKET, Key="from-other", Body=b"2")
        replicate([one, other])
        assert history_of(here, BUCKET) == history_of(there, BUCKET)
        assert set(history_of(here, BUCKET)) == {"from-one", "from-other"}
        assert statuses(there, BUCKET, "from-one") == "REPLICA"
        # A replica is tagged and deleted by the other side's users: this goes back.
        tags = {"TagSet": [{"Key": "a", "Value": "2"}]}
        there.put_object_tagging(Bucket=BUCKET, Key="from-one", Tagging=tags)
        here.delete_object(Bucket=BUCKET, Key="from-other")
        replicate([one, other])
        assert history_of(here, BUCKET) == history_of(there, BUCKET)
        assert here.get_object_tagging(Bucket=BUCKET, Key="from-one")["TagSet"] == tags["TagSet"]


def test_replicas_are_not_replicated_on(tmp_path):
    with mesh(tmp_path, 3) as servers:
        client(servers[0]).put_object(Bucket=BUCKET, Key="k", Body=b"1")
        replicate(servers)
        assert [writes_of(server) for server in servers] == [1, 1, 1]


@pytest.mark.parametrize("versioned", [True, False], ids=["versions", "no versions"])
def test_writers_on_all_sides_converge(tmp_path, versioned):
    """Whatever is written where and in which order it travels: in the end all have the same."""
    chosen = random.Random(20261126)
    with mesh(tmp_path, 3, versioned=versioned) as servers:
        clients = [client(server) for server in servers]
        for step in range(60):
            s3, key = chosen.choice(clients), chosen.choice("abcd")
            action = chosen.random()
            if action < 0.6:
                s3.put_object(Bucket=BUCKET, Key=key, Body=f"{step}".encode(), Metadata={"step": f"{step}"})
            elif action < 0.8:
                s3.delete_object(Bucket=BUCKET, Key=key)
            elif versioned and (entries := history_of(s3, BUCKET).get(key)):
                s3.delete_object(Bucket=BUCKET, Key=key, VersionId=chosen.choice(entries)[1])
            if chosen.random() < 0.4:
                chosen.choice(servers).run_replication()
        replicate(servers)
        histories = [history_of(s3, BUCKET) for s3 in clients]
        assert histories[0]
        assert histories[0] == histories[1] == histories[2]


def test_a_user_whom_the_target_has_not_named_starts_no_loop(tmp_path):
    with mesh(tmp_path, 2, honoured=False) as servers:
        here, there = client(servers[0]), client(servers[1])
        for key in ("a", "b"):
            here.put_object(Bucket=BUCKET, Key=key, Body=b"1", Metadata={"x": "y"})
        replicate(servers)
        here.delete_object(Bucket=BUCKET, Key="b")
        replicate(servers)
        assert writes_of(servers[0]) <= 5
        assert there.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"1"
        assert "Contents" in there.list_objects_v2(Bucket=BUCKET, Prefix="a")
        assert "Contents" not in there.list_objects_v2(Bucket=BUCKET, Prefix="b")


def test_the_agent_s_name_alone_makes_no_replica(tmp_path):
    config = replicating_config(BUCKET, users=["portal"])
    with RunningServer(tmp_path, config) as server:
        agent = "S3ReplicationAgent/1.0"
        for user, user_agent, is_replica in (("admin", agent, False), ("admin", "x", False)):
            s3 = client_of(server, user, user_agent=user_agent)
            assert is_taken_for_a_replica(s3, f"{user}-{user_agent}") == is_replica
    config["replication"] = {"users": ["admin"]}
    with RunningServer(tmp_path, config) as server:
        assert is_taken_for_a_replica(client_of(server, "admin", user_agent=agent), "named")
        assert not is_taken_for_a_replica(client_of(server, "admin"), "without the agent")


def is_taken_for_a_replica(s3, key):
    """Whether an object gets the date that its sender gives it, and is called a replica."""
    given = {"x-s3portal-source-modified": "1000000000000"}
    s3.meta.events.register("before-call.s3", lambda params, **_: params["headers"].update(given))
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
    found = s3.head_object(Bucket=BUCKET, Key=key)
    is_replica = found.get("ReplicationStatus") == "REPLICA"
    assert (found["LastModified"].year == 2001) == is_replica
    return is_replica


def test_a_server_that_starts_again_knows_whom_it_deletes_at(tmp_path):
    with mesh(tmp_path, 2) as (one, other):
        here, there = client(one), client(other)
        here.put_object(Bucket=BUCKET, Key="k", Body=b"1")
        here.delete_object(Bucket=BUCKET, Key="k")
        replicate([one, other])
        # As another process, which has not sent an object yet.
        one._replication = type(one._replication)(one._server.storage, one._server.master_key)
        here.delete_object(Bucket=BUCKET, Key="k")
        replicate([one, other])
        assert history_of(there, BUCKET) == history_of(here, BUCKET)
        assert len(history_of(there, BUCKET)["k"]) == 3
