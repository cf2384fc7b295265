"""Rules at work: filters, priorities, existing objects, pauses, and where they come from."""

from __future__ import annotations

from replicating_servers import (
    HERE,
    THERE,
    client,
    connection_to,
    history_of,
    keys_in,
    one_way,
    replicating_config,
    replicator_of,
    report_of,
    rule_to,
    statuses,
)

from s3portal.server.bucket_settings.replication import ReplicationRule, chosen_rules
from s3portal.server.replication import states
from s3portal.server.testing import RunningServer


def test_a_rule_is_about_its_prefix_and_tags(tmp_path):
    with one_way(tmp_path, prefix="a/", tags={"keep": "yes"}) as (source, target):
        here = client(source)
        here.put_object(Bucket=HERE, Key="a/1", Body=b"1", Tagging="keep=yes&more=1")
        here.put_object(Bucket=HERE, Key="a/2", Body=b"1", Tagging="keep=no")
        here.put_object(Bucket=HERE, Key="b/1", Body=b"1", Tagging="keep=yes")
        source.run_replication()
        assert keys_in(target) == {"a/1"}
        assert statuses(here, HERE, "a/2") is None
        # It gets the tag later.
        here.put_object_tagging(Bucket=HERE, Key="a/2", Tagging={"TagSet": [{"Key": "keep", "Value": "yes"}]})
        source.run_replication()
        assert keys_in(target) == {"a/1", "a/2"}


def test_of_several_rules_to_one_target_the_highest_priority_counts():
    low = ReplicationRule("low", "c", "t", priority=1, delete_markers=True)
    high = ReplicationRule("high", "c", "t", priority=2, prefix="a/")
    other = ReplicationRule("other", "c", "u")
    assert {rule.rule_id for rule in chosen_rules([low, high, other], "a/b", {})} == {"high", "other"}
    assert {rule.rule_id for rule in chosen_rules([low, high, other], "b", {})} == {"low", "other"}


def test_existing_objects_follow_where_a_rule_says_so(tmp_path):
    with one_way(tmp_path) as (source, target):
        here = client(source)
        here.create_bucket(Bucket="older")
        client(target).create_bucket(Bucket="older-there")
        for s3, bucket in ((here, "older"), (client(target), "older-there")):
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for number in range(30):
            here.put_object(Bucket="older", Key=f"{number % 12}", Body=f"{number}".encode())
        here.delete_object(Bucket="older", Key="3")
        replicator = replicator_of(source)
        replicator.save_rule("older", ReplicationRule("new", "peer", "older-there"))
        source.run_replication()
        assert keys_in(target, "older-there") == set()
        replicator.save_rule("older", ReplicationRule("new", "peer", "older-there", existing_objects=True))
        source.run_replication()
        assert history_of(client(target), "older-there") == history_of(here, "older")
        # What is lost there is sent again once somebody asks for a comparison.
        lost = here.head_object(Bucket="older", Key="5")["VersionId"]
        client(target).delete_object(Bucket="older-there", Key="5", VersionId=lost)
        replicator.compare("older", "new")
        source.run_replication()
        assert history_of(client(target), "older-there") == history_of(here, "older")


def test_what_changes_during_a_pause_is_sent_afterwards(tmp_path):
    with one_way(tmp_path) as (source, target):
        here, replicator = client(source), replicator_of(source)
        replicator.pause(HERE, "to-peer")
        here.put_object(Bucket=HERE, Key="k", Body=b"1")
        here.put_object(Bucket=HERE, Key="gone", Body=b"1")
        here.delete_object(Bucket=HERE, Key="gone")
        source.run_replication()
        assert keys_in(target) == set()
        assert statuses(here, HERE, "k") == "PENDING"
        report = report_of(source)
        assert (report.enabled, report.waiting, report.waiting_bytes, report.failed) == (False, 3, 2, 0)
        assert report.lag_s > 0
        replicator.resume(HERE, "to-peer")
        source.run_replication()
        assert history_of(client(target), THERE) == history_of(here, HERE)
        assert (report_of(source).waiting, report_of(source).sent_objects) == (0, 3)


def test_a_bucket_s_rules_go_with_it(tmp_path):
    with one_way(tmp_path) as (source, _):
        storage = source._server.storage
        client(source).delete_bucket(Bucket=HERE)
        with storage.database.read() as connection:
            for table in ("tasks", "sent", "changes", "marks", "rule_states"):
                assert not connection.execute(f"SELECT count(*) FROM replication_{table}").fetchone()[0]
        assert states.reports(storage) == []


def test_configured_rules_follow_the_file_and_stay_paused(tmp_path):
    with one_way(tmp_path) as (source, target):
        replicator_of(source).pause(HERE, "to-peer")
        config = replicating_config(HERE)
        config["replication"] |= {"connections": [connection_to(target)], "rules": [rule_to(HERE, THERE)]}
        source.stop()
        with RunningServer(tmp_path / "source", config) as again:
            assert not report_of(again).enabled
        config["replication"] = {}
        with RunningServer(tmp_path / "source", config) as again:
            assert states.reports(again._server.storage) == []
