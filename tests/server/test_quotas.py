"""Quotas of buckets and users: exact for any number of writers, and never in the way of what frees space."""

from __future__ import annotations

import json
import random
import socket
import sys
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError
from earlier_folder import unpack
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from s3_callers import BUCKET, MIB, client_of, refusal_of, send, session_client, signed_headers
from two_workers import Workers, at_once
from versioned_buckets import set_versioning

from s3portal.server.pytest_plugin import ROLE_ARN, server_config
from s3portal.server.storage import quotas, usage
from s3portal.server.storage.records import Quota
from s3portal.server.storage.storage import Storage
from s3portal.server.testing import RunningServer

PORTAL = "arn:aws:iam::000000000000:user/portal"


@pytest.fixture
def limit(s3_server):
    """Sets the quota of the bucket, as the server itself has it."""

    def put(max_bytes=None, max_objects=None):
        quotas.put_of_bucket(s3_server._server.storage, BUCKET, Quota(max_bytes, max_objects))

    return put


def used(server):
    found = usage.of_bucket(server._server.storage, BUCKET)
    return found.object_bytes + found.version_bytes


def ask(server, method, path, body=b"", user="admin"):
    headers = signed_headers(server, method, server.endpoint + path, {}, body, user)
    status, _, answer = send(server, method, path, headers, body)
    return status, answer


def upload(s3, key, *parts):
    target = {"Bucket": BUCKET, "Key": key}
    upload_id = s3.create_multipart_upload(**target)["UploadId"]
    listed = [
        {"PartNumber": n, "ETag": s3.upload_part(**target, UploadId=upload_id, PartNumber=n, Body=p)["ETag"]}
        for n, p in enumerate(parts, 1)
    ]
    return {**target, "UploadId": upload_id, "MultipartUpload": {"Parts": listed}}


class TestBytes:
    def test_up_to_the_last_byte_and_not_one_more(self, s3_server, s3, limit):
        limit(max_bytes=10)
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1234567890")
        refused = refusal_of(s3.put_object, Bucket=BUCKET, Key="b", Body=b"1")
        assert (refused.status, refused.code) == (400, "QuotaExceeded")
        assert refused.error["Message"] == "Bucket quota exceeded: storage limit reached"
        assert refused.error["BucketName"] == BUCKET
        # What takes no space is no matter of bytes.
        s3.put_object(Bucket=BUCKET, Key="empty")
        assert used(s3_server) == 10

    def test_replacing_counts_the_difference(self, s3_server, s3, limit):
        limit(max_bytes=10)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345678")
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"1234567890")
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"12345678901").code == "QuotaExceeded"
        assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"1234567890"

    def test_a_copy_counts_and_may_replace(self, s3, limit):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345678")
        limit(max_bytes=10)
        copy = {"Bucket": BUCKET, "CopySource": f"{BUCKET}/k"}
        assert refusal_of(s3.copy_object, Key="copy", **copy).code == "QuotaExceeded"
        s3.copy_object(Key="k", MetadataDirective="REPLACE", Metadata={"a": "b"}, **copy)

    def test_a_form_is_refused_too(self, s3_server, s3, limit):
        limit(max_bytes=3)
        form = s3.generate_presigned_post(BUCKET, "k")
        lines = [
            f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'
            for n, v in form["fields"].items()
        ]
        body = "".join(lines) + '--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n1234\r\n--x--\r\n'
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        status, _, answer = send(s3_server, "POST", f"/{BUCKET}", kind, body.encode())
        assert status == 400
        assert b"<Code>QuotaExceeded</Code>" in answer
        assert b"<BucketName>test-bucket</BucketName>" in answer

    def test_versions_count_and_deleting_them_makes_room(self, s3, limit):
        set_versioning(s3, "Enabled")
        limit(max_bytes=10)
        first = s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345")["VersionId"]
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"67890")
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"1").code == "QuotaExceeded"
        # A delete marker takes nothing, and frees nothing.
        s3.delete_object(Bucket=BUCKET, Key="k")
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"1").code == "QuotaExceeded"
        s3.delete_object(Bucket=BUCKET, Key="k", VersionId=first)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345")

    def test_the_null_version_is_replaced_where_versioning_is_suspended(self, s3, limit):
        limit(max_bytes=10)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"1234567890")
        set_versioning(s3, "Enabled")
        set_versioning(s3, "Suspended")
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"0987654321")

    def test_a_quota_below_what_is_there_refuses_growth_alone(self, s3_server, s3, limit):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 100)
        limit(max_bytes=10, max_objects=0)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 99)
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x" * 100).code == "QuotaExceeded"
        s3.delete_object(Bucket=BUCKET, Key="k")
        assert used(s3_server) == 0

    def test_no_byte_is_taken_of_what_cannot_fit(self, s3_server, s3, limit):
        limit(max_bytes=MIB)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * MIB)
        path, size = f"/{BUCKET}/large", f"{MIB}"
        for target, expected in ((path, 400), (f"/{BUCKET}/k", 100)):
            headers = signed_headers(
                s3_server,
                "PUT",
                s3_server.endpoint + target,
                {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", "Content-Length": size},
            )
            headers |= {"Expect": "100-continue"}
            assert first_status(s3_server, target, headers) == expected

    def test_without_a_limit_there_is_none(self, s3, limit):
        limit(max_bytes=1)
        limit()
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"123")


def first_status(server, path, headers):
    """Returns the status of the first answer to the head of a PUT."""
    head = [f"PUT {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as sock:
        sock.sendall("\r\n".join(head).encode())
        return int(sock.recv(64).split()[1])


class TestObjects:
    def test_as_many_as_there_may_be(self, s3, limit):
        limit(max_objects=2)
        for key in ("a", "b", "a"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
        refused = refusal_of(s3.put_object, Bucket=BUCKET, Key="c")
        assert refused.error["Message"] == "Bucket quota exceeded: object limit reached"
        s3.delete_object(Bucket=BUCKET, Key="a")
        s3.put_object(Bucket=BUCKET, Key="c")

    def test_versions_count_and_delete_markers_do_not(self, s3, limit):
        set_versioning(s3, "Enabled")
        limit(max_objects=2)
        s3.put_object(Bucket=BUCKET, Key="k")
        s3.delete_object(Bucket=BUCKET, Key="k")
        s3.put_object(Bucket=BUCKET, Key="k")
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="k").code == "QuotaExceeded"


class TestUploads:
    def test_completion_decides_and_the_upload_stays(self, s3_server, s3, limit):
        s3.put_object(Bucket=BUCKET, Key="there", Body=b"x" * 60)
        begun = upload(s3, "k", b"y" * 60)
        limit(max_bytes=100)
        refused = refusal_of(s3.complete_multipart_upload, **begun)
        assert (refused.status, refused.code) == (400, "QuotaExceeded")
        s3.delete_object(Bucket=BUCKET, Key="there")
        s3.complete_multipart_upload(**begun)
        assert used(s3_server) == 60

    def test_a_full_buckets_object_can_be_replaced_in_parts(self, s3_server, s3, limit):
        limit(max_bytes=100)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 100)
        s3.complete_multipart_upload(**upload(s3, "k", b"y" * 100))
        assert used(s3_server) == 100

    def test_parts_have_an_allowance_of_their_own(self, s3_server, s3, limit):
        limit(max_bytes=100)
        s3.put_object(Bucket=BUCKET, Key="there", Body=b"x" * 100)
        begun = upload(s3, "k", b"y" * 70)
        target = {name: begun[name] for name in ("Bucket", "Key", "UploadId")}
        part = {**target, "PartNumber": 2}
        assert refusal_of(s3.upload_part, **part, Body=b"z" * 31).code == "QuotaExceeded"
        s3.upload_part(**part, Body=b"z" * 30)
        # In place of the same part, only the difference counts; a second upload has no allowance of its own.
        s3.upload_part(**part, Body=b"w" * 30)
        other = s3.create_multipart_upload(Bucket=BUCKET, Key="other")["UploadId"]
        more = {"Bucket": BUCKET, "Key": "other", "UploadId": other, "PartNumber": 1, "Body": b"1"}
        assert refusal_of(s3.upload_part, **more).code == "QuotaExceeded"
        s3.abort_multipart_upload(**target)
        s3.upload_part(**more)
        assert usage.of_bucket(s3_server._server.storage, BUCKET).upload_bytes == 1

    def test_a_copied_part_counts(self, s3, limit):
        s3.put_object(Bucket=BUCKET, Key="source", Body=b"x" * 60)
        limit(max_bytes=100)
        begun = upload(s3, "k", b"y" * 50)
        target = {name: begun[name] for name in ("Bucket", "Key", "UploadId")}
        copy = {**target, "PartNumber": 2, "CopySource": f"{BUCKET}/source"}
        assert refusal_of(s3.upload_part_copy, **copy).code == "QuotaExceeded"


class TestUsers:
    def test_a_user_has_one_quota_for_all_buckets(self, s3_server):
        admin, storage = client_of(s3_server, "admin"), s3_server._server.storage
        admin.create_bucket(Bucket="other-bucket")
        arn = "arn:aws:iam::000000000000:user/admin"
        quotas.put_of_user(storage, arn, Quota(10, 2))
        admin.put_object(Bucket=BUCKET, Key="k", Body=b"12345")
        admin.put_object(Bucket="other-bucket", Key="k", Body=b"12345")
        refused = refusal_of(admin.put_object, Bucket=BUCKET, Key="k", Body=b"123456")
        assert refused.error["Message"] == "User quota exceeded: storage limit reached"
        refused = refusal_of(admin.put_object, Bucket=BUCKET, Key="new")
        assert refused.error["Message"] == "User quota exceeded: object limit reached"
        # Another user's objects are another's, and one that is replaced is the replacer's from then on.
        client_of(s3_server).put_object(Bucket=BUCKET, Key="k", Body=b"123456")
        assert usage.of_user(storage, arn) == usage.UserUsage(1, 5, 0)
        assert usage.of_user(storage, PORTAL) == usage.UserUsage(1, 6, 0)
        admin.put_object(Bucket=BUCKET, Key="new", Body=b"54321")
        admin.delete_object(Bucket=BUCKET, Key="k")
        assert usage.of_user(storage, PORTAL) == usage.UserUsage()

    def test_sessions_count_for_their_role(self, s3_server):
        sts, storage = client_of(s3_server, service="sts"), s3_server._server.storage
        granted = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="one")["Credentials"]
        quotas.put_of_user(storage, ROLE_ARN, Quota(5, None))
        s3 = session_client(s3_server, granted)
        s3.complete_multipart_upload(**upload(s3, "k", b"12345"))
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="l", Body=b"1").code == "QuotaExceeded"
        assert usage.of_user(storage, ROLE_ARN) == usage.UserUsage(1, 5, 0)
        assert usage.of_user(storage, PORTAL) == usage.UserUsage()

    def test_unfinished_parts_are_their_beginners(self, s3_server, s3):
        storage = s3_server._server.storage
        begun = upload(s3, "k", b"12345")
        assert usage.of_user(storage, PORTAL) == usage.UserUsage(0, 0, 5)
        s3.abort_multipart_upload(**{name: begun[name] for name in ("Bucket", "Key", "UploadId")})
        assert usage.of_user(storage, PORTAL) == usage.UserUsage()


def test_what_an_earlier_release_stored_counts_for_its_bucket_and_for_no_user(tmp_path):
    with RunningServer(unpack(tmp_path, 4), server_config()) as server:
        storage = server._server.storage
        with storage.database.read() as connection:
            assert usage.users_in(connection) == {}
        there = used(server)
        assert there > 0
        quotas.put_of_bucket(storage, BUCKET, Quota(there))
        quotas.put_of_user(storage, PORTAL, Quota(5))
        s3 = client_of(server)
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="new", Body=b"1").code == "QuotaExceeded"
        upload = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"][0]
        s3.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
        found = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
        largest = max(found, key=lambda entry: entry["Size"])
        s3.put_object(Bucket=BUCKET, Key=largest["Key"], Body=b"12345")
        assert usage.of_user(storage, PORTAL) == usage.UserUsage(1, 5, 0)
        s3.delete_object(Bucket=BUCKET, Key=largest["Key"])


class TestAskingAndChanging:
    def test_what_was_put_is_shown_with_what_is_used(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345")
        body = b'{"max_bytes": 104857600, "max_objects": 1000}'
        assert ask(s3_server, "PUT", f"/{BUCKET}?quota", body) == (204, b"")
        for user in ("admin", "portal"):
            status, answer = ask(s3_server, "GET", f"/{BUCKET}?quota", user=user)
            shown = json.loads(answer)
            assert status == 200
            assert (shown["max_bytes"], shown["max_objects"]) == (104857600, 1000)
            assert shown["quota"] == {"max_bytes": 104857600, "max_objects": 1000}
            assert (shown["usage"]["bytes"], shown["usage"]["objects"]) == (5, 1)
        removed = b'{"max_bytes": null, "max_objects": null}'
        assert ask(s3_server, "PUT", f"/{BUCKET}?quota", removed)[0] == 204
        shown = json.loads(ask(s3_server, "GET", f"/{BUCKET}?quota")[1])
        assert shown["quota"] == {"max_bytes": None, "max_objects": None}

    def test_only_administrators_change_quotas(self, s3_server):
        for method in ("PUT", "DELETE"):
            status, answer = ask(s3_server, method, f"/{BUCKET}?quota", b'{"max_bytes": 1}', user="portal")
            assert status == 403
            assert b"AccessDenied" in answer
        assert ask(s3_server, "PUT", "/?quota-user=portal", b'{"max_bytes": 1}', user="portal")[0] == 403
        assert send(s3_server, "PUT", f"/{BUCKET}?quota", {}, b'{"max_bytes": 1}')[0] == 403
        assert quotas.of_bucket(s3_server._server.storage, BUCKET) == Quota()

    @pytest.mark.parametrize("action", ["iam:*", "iam:ListUsers", "iam:listusers"])
    def test_who_may_list_users_is_one(self, tmp_path, action):
        config = server_config()
        config["users"].append(user_who_may(action))
        with RunningServer(tmp_path / "s3", config) as server:
            assert ask(server, "PUT", f"/{BUCKET}?quota", b'{"max_objects": 7}', user="warden")[0] == 204
            assert ask(server, "GET", f"/{BUCKET}?quota", user="warden")[0] == 200
            assert quotas.of_bucket(server._server.storage, BUCKET) == Quota(None, 7)

    def test_who_may_not_see_the_bucket_sees_no_usage(self, tmp_path):
        config = server_config()
        config["users"].append(user_who_may("s3:GetObject"))
        with RunningServer(tmp_path / "s3", config) as server:
            assert ask(server, "GET", f"/{BUCKET}?quota", user="warden")[0] == 403
            assert send(server, "GET", f"/{BUCKET}?quota")[0] == 403

    @pytest.mark.parametrize(
        "body",
        [
            *(b"", b"{}", b"[]", b"null", b"{", b'{"max_bytes": -1}', b'{"max_bytes": true}'),
            *(b'{"max_bytes": 1.5}', b'{"max_bytes": "1"}', b'{"max_bytes": 9223372036854775808}'),
            *(b'{"max_bytes": 1, "more": 2}', b"\xff", b'{"max_bytes": 1, "max_bytes": 2}'),
        ],
    )
    def test_what_is_no_quota_is_refused(self, s3_server, body):
        status, answer = ask(s3_server, "PUT", f"/{BUCKET}?quota", body)
        assert status == 400
        assert b"<Code>InvalidArgument</Code>" in answer
        assert quotas.of_bucket(s3_server._server.storage, BUCKET) == Quota()

    def test_a_user_sees_the_own_quota_and_administrators_see_all(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345")
        assert ask(s3_server, "PUT", "/?quota-user=portal", b'{"max_bytes": 6}')[0] == 204
        for target, user in (("/?quota-user", "portal"), ("/?quota-user=portal", "portal")):
            shown = json.loads(ask(s3_server, "GET", target, user=user)[1])
            assert (shown["user"], shown["max_bytes"], shown["usage"]["bytes"]) == (PORTAL, 6, 5)
        assert (
            json.loads(ask(s3_server, "GET", f"/?quota-user={quote(PORTAL, safe='')}")[1])["usage"]["objects"]
            == 1
        )
        assert ask(s3_server, "GET", "/?quota-user=admin", user="portal")[0] == 403
        other = "arn:aws:iam::111111111111:user/portal"
        assert ask(s3_server, "PUT", f"/?quota-user={quote(other, safe='')}", b'{"max_bytes": 6}')[0] == 403
        assert ask(s3_server, "PUT", "/?quota-user=a%20b", b'{"max_bytes": 6}')[0] == 400

    def test_a_bucket_of_another_name_has_no_quota_and_a_new_one_inherits_none(self, s3_server):
        admin = client_of(s3_server, "admin")
        assert ask(s3_server, "PUT", "/no-such-bucket?quota", b'{"max_bytes": 1}')[0] == 404
        admin.create_bucket(Bucket="again-bucket")
        assert ask(s3_server, "PUT", "/again-bucket?quota", b'{"max_bytes": 1}')[0] == 204
        admin.delete_bucket(Bucket="again-bucket")
        admin.create_bucket(Bucket="again-bucket")
        assert json.loads(ask(s3_server, "GET", "/again-bucket?quota")[1])["max_bytes"] is None


def user_who_may(action):
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return {
        "name": "warden",
        "access_key_id": "warden-key",
        "secret_access_key": "warden-secret",
        "policy": {"Version": "2012-10-17", "Statement": [statement]},
    }


class TestManyWriters:
    def test_64_writers_fill_a_quota_and_never_exceed_it(self, s3_server, limit):
        limit(max_bytes=20_000, max_objects=1000)
        outcomes = fill(s3_server, lambda number: 100 + 17 * (number % 64))
        assert "QuotaExceeded" in outcomes
        left = 20_000 - used(s3_server)
        # Whoever was refused would not have fitted, and what is left can be used.
        assert 0 <= left < 100 + 17 * 63
        client_of(s3_server).put_object(Bucket=BUCKET, Key="last", Body=b"x" * left)
        assert used(s3_server) == 20_000

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_64_writers_and_two_workers(self, tmp_path):
        workers = Workers(tmp_path)
        try:
            body = b'{"max_bytes": 20000, "max_objects": 1000}'
            assert ask(workers, "PUT", f"/{BUCKET}?quota", body)[0] == 204
            outcomes = fill(workers, lambda number: 100 + 17 * (number % 64))
            assert "QuotaExceeded" in outcomes
            left = 20_000 - json.loads(ask(workers, "GET", f"/{BUCKET}?quota")[1])["usage"]["bytes"]
            assert 0 <= left < 100 + 17 * 63
            client_of(workers).put_object(Bucket=BUCKET, Key="last", Body=b"x" * left)
        finally:
            workers.stop()
        storage = Storage(workers.root)
        assert usage.of_bucket(storage, BUCKET) == usage.recounted(storage, BUCKET)
        assert usage.of_bucket(storage, BUCKET).object_bytes == 20_000
        storage.close()

    def test_a_count_of_objects_is_as_exact(self, s3_server, limit):
        limit(max_objects=37)
        outcomes = fill(s3_server, lambda number: 10)
        assert outcomes.count("stored") == 37
        assert usage.of_bucket(s3_server._server.storage, BUCKET).objects == 37


def fill(server, size_of):
    """Lets 64 writers store an object each, twice over; returns what became of each."""
    clients = [client_of(server) for _ in range(64)]
    outcomes = []

    def write(number):
        size = size_of(number)
        clients[number % 64].put_object(Bucket=BUCKET, Key=f"{number}", Body=b"x" * size)
        return "stored"

    for start in (0, 64):
        outcomes += at_once(64, lambda number, start=start: write(start + number))
    return outcomes


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "copy", "delete", "upload", "part", "version", "mark"]),
        st.integers(0, 2),
        st.integers(0, 40_000),
    ),
    max_size=20,
)


@settings(max_examples=examples(25), deadline=None)
@given(steps, st.sampled_from(["", "Enabled", "Suspended"]))
def test_no_calls_whatever_exceed_a_quota_and_the_counters_are_right(quota_server, calls, versioning):
    """The users' counters are those of a recount, too."""
    storage = quota_server._server.storage
    s3, chance = client_of(quota_server), random.Random(7)
    if versioning:
        set_versioning(s3, versioning)
    for step, number, size in calls:
        take(s3, step, f"{number}", size, chance)
        assert used(quota_server) <= 60_000
        counted = usage.of_bucket(storage, BUCKET)
        assert counted.objects + counted.versions <= 4
        assert counted.upload_bytes <= 60_000
        with storage.database.snapshot() as connection:
            stored = usage.users_in(connection)
            right = usage.recounted_users_in(connection)
        assert {writer: u for writer, u in stored.items() if u != usage.NOTHING} == {
            writer: u for writer, u in right.items() if u != usage.NOTHING
        }


@pytest.fixture(scope="module")
def quota_server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("quota") / "s3", server_config()) as server:
        quotas.put_of_bucket(server._server.storage, BUCKET, Quota(60_000, 4))
        yield server


def take(s3, step, key, size, chance):
    """Makes one call; whether it is refused does not matter here."""
    try:
        if step == "put":
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"x" * size)
        elif step == "copy":
            s3.copy_object(Bucket=BUCKET, Key=f"{size % 3}", CopySource=f"{BUCKET}/{key}")
        elif step == "delete":
            for version in s3.list_object_versions(Bucket=BUCKET, Prefix=key).get("Versions", [])[:1]:
                s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version["VersionId"])
        elif step == "mark":
            s3.delete_object(Bucket=BUCKET, Key=key)
        elif step == "version":
            set_versioning(s3, chance.choice(["Enabled", "Suspended"]))
        elif step == "upload":
            s3.complete_multipart_upload(**upload(s3, key, b"x" * size))
        else:
            upload(s3, key, b"x" * size)
    except ClientError as refused:
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] < 500
