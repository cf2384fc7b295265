"""Snapshots of a test's server, and its clock."""

from __future__ import annotations

import os
import threading
from datetime import datetime, timedelta, timezone

import pytest
import requests
from s3_callers import BUCKET, client_of, code_of, refusal_of

from s3portal.server.pytest_plugin import ROLE_ARN, server_config
from s3portal.server.testing import RunningServer
from s3portal.server.upkeep.checking import check_folder

LARGE = os.urandom(40_000)


def state_of(s3):
    """Everything that a client sees of the bucket."""
    listed = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {entry["Key"]: s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read() for entry in listed}


class TestSnapshots:
    def test_restoring_brings_back_what_was_changed_deleted_and_added(self, s3_server, s3, tmp_path):
        for key in ("kept", "replaced", "deleted"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=LARGE + key.encode())
        s3.put_object(Bucket=BUCKET, Key="small", Body=b"1")
        upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key="upload")["UploadId"]
        place = {"Bucket": BUCKET, "Key": "upload", "UploadId": upload_id}
        s3.upload_part(PartNumber=1, Body=LARGE, **place)
        before = state_of(s3)
        snapshot = s3_server.snapshot()
        for _ in range(3):
            s3.put_object(Bucket=BUCKET, Key="replaced", Body=LARGE[::-1])
            s3.put_object(Bucket=BUCKET, Key="small", Body=b"2")
            s3.put_object(Bucket=BUCKET, Key="added", Body=LARGE)
            s3.delete_object(Bucket=BUCKET, Key="deleted")
            s3.abort_multipart_upload(**place)
            s3_server.restore(snapshot)
            assert state_of(s3) == before
            assert len(s3.list_parts(**place)["Parts"]) == 1
        assert check_folder(tmp_path / "s3", deep=True).findings == []

    def test_buckets_and_settings_belong_to_the_state(self, s3_server, s3):
        admin = client_of(s3_server, "admin")
        cors = s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
        snapshot = s3_server.snapshot()
        admin.create_bucket(Bucket="another")
        s3.delete_bucket_cors(Bucket=BUCKET)
        s3_server.restore(snapshot)
        assert [bucket["Name"] for bucket in admin.list_buckets()["Buckets"]] == [BUCKET]
        assert s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"] == cors
        admin.create_bucket(Bucket="another")

    def test_two_snapshots_are_two_states(self, s3_server, s3):
        empty = s3_server.snapshot()
        s3.put_object(Bucket=BUCKET, Key="a", Body=LARGE)
        full = s3_server.snapshot()
        s3_server.restore(empty)
        assert state_of(s3) == {}
        s3_server.restore(full)
        assert state_of(s3) == {"a": LARGE}

    def test_a_closed_snapshot_leaves_nothing(self, s3_server, s3, tmp_path):
        s3.put_object(Bucket=BUCKET, Key="a", Body=LARGE)
        s3_server.snapshot().close()
        assert [*(tmp_path / "s3" / "snapshots").iterdir()] == []

    def test_what_a_killed_server_left_of_them_is_removed(self, s3_server, s3, tmp_path):
        s3.put_object(Bucket=BUCKET, Key="a", Body=LARGE)
        s3_server.snapshot()
        s3_server.stop()
        with RunningServer(tmp_path / "s3", server_config()) as server:
            assert not (tmp_path / "s3" / "snapshots").exists()
            assert state_of(client_of(server)) == {"a": LARGE}


class TestClock:
    def test_what_is_stored_has_the_time_of_the_clock(self, s3_server, s3):
        moment = datetime(2031, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
        s3_server.clock.set(moment)
        # The client signs by the machine's clock, which is years away.
        assert code_of(s3.put_object, Bucket=BUCKET, Key="a", Body=b"1") == "RequestTimeTooSkewed"
        s3_server.clock.reset()
        s3_server.clock.advance(600)
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
        stored = s3.head_object(Bucket=BUCKET, Key="a")["LastModified"]
        assert timedelta(seconds=590) < stored - datetime.now(timezone.utc) < timedelta(seconds=610)

    def test_a_presigned_url_expires_when_the_clock_is_moved(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
        url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "a"}, ExpiresIn=60)
        assert requests.get(url, timeout=60).status_code == 200
        s3_server.clock.advance(120)
        assert requests.get(url, timeout=60).status_code == 403

    def test_a_session_expires_when_the_clock_is_moved(self, s3_server):
        sts = client_of(s3_server, service="sts")
        # Early, so that the session ends while the caller's own clock is not too far off.
        s3_server.clock.advance(-600)
        keys = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="test", DurationSeconds=900)["Credentials"]
        session = client_of(
            s3_server,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        session.put_object(Bucket=BUCKET, Key="a", Body=b"1")
        s3_server.clock.advance(901)
        refused = refusal_of(session.put_object, Bucket=BUCKET, Key="a", Body=b"1")
        assert refused.code == "ExpiredToken"

    def test_a_retention_ends_when_the_clock_is_moved(self, s3_server):
        admin = client_of(s3_server, "admin")
        admin.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        until = datetime.now(timezone.utc) + timedelta(seconds=300)
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
        stored = {"Bucket": "locked", "Key": "a"}
        version = admin.put_object(**stored, Body=b"1", **lock)["VersionId"]
        assert code_of(admin.delete_object, **stored, VersionId=version) == "AccessDenied"
        s3_server.clock.advance(301)
        admin.delete_object(**stored, VersionId=version)
        assert "Versions" not in admin.list_object_versions(Bucket="locked")

    def test_the_clocks_of_two_servers_are_two(self, s3_server, s3, tmp_path):
        with RunningServer(tmp_path / "other", server_config()) as other:
            other.clock.advance(600)
            for server in (s3_server, other):
                client_of(server).put_object(Bucket=BUCKET, Key="a", Body=b"1")
            here, there = (
                client_of(server).head_object(Bucket=BUCKET, Key="a")["LastModified"]
                for server in (s3_server, other)
            )
            assert there - here > timedelta(seconds=500)

    def test_a_moment_needs_a_time_zone(self, s3_server):
        with pytest.raises(ValueError, match="with a time zone"):
            s3_server.clock.set(datetime(2031, 5, 6))  # noqa: DTZ001

    def test_it_is_moved_while_a_call_is_held_back(self, s3_server, s3):
        """The call is judged by the time at which it is let go."""
        sent = {}
        with s3_server.faults.hold("PutObject") as hold:
            thread = threading.Thread(
                target=lambda: sent.update(s3.put_object(Bucket=BUCKET, Key="a", Body=b"1"))
            )
            thread.start()
            hold.wait_for(1)
            s3_server.clock.advance(600)
        thread.join()
        assert sent["ETag"]
        stored = s3.head_object(Bucket=BUCKET, Key="a")["LastModified"]
        assert stored > datetime.now(timezone.utc) + timedelta(seconds=500)
