"""Several who want the same at the same time: one gets it, and nothing is there that nobody was told of."""

from __future__ import annotations

import threading

import pytest
from killed_server import files_below
from s3_callers import BUCKET, MIB, client_of
from versioned_buckets import set_versioning

from s3portal.server.storage import usage

COUNT = 8
ROUNDS = 5


def race(server, *calls, user="portal"):
    """Makes all calls at once, each with a client of its own; returns what each came to, in their order: the
    answer, or the code of the refusal."""
    outcomes, gate = [None] * len(calls), threading.Barrier(len(calls))

    def run(number, call):
        client = client_of(server, user)
        gate.wait(60)
        try:
            outcomes[number] = call(client)
        except client.exceptions.ClientError as refused:
            outcomes[number] = refused.response["Error"]["Code"]

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def winners(outcomes):
    return [number for number, outcome in enumerate(outcomes) if not isinstance(outcome, str)]


def content_of(s3, key):
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def keys(s3):
    return {entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


@pytest.fixture(autouse=True)
def nothing_is_left_over(s3_server, s3, tmp_path):
    """Whatever came of it: counters are right, and no file is there without a row."""
    yield
    s3_server.wait_until_idle()
    storage = s3_server._server.storage
    assert usage.of_bucket(storage, BUCKET) == usage.recounted(storage, BUCKET)
    with storage.database.read() as connection:
        known = {blob for (blob,) in connection.execute("SELECT blob FROM parts WHERE blob IS NOT NULL")}
    assert files_below(tmp_path / "s3") == known


def test_one_object_gets_one_new_name(s3_server, s3):
    for number in range(ROUNDS):
        s3.put_object(Bucket=BUCKET, Key="old", Body=b"%d" % number * MIB)
        outcomes = race(
            s3_server,
            *(
                lambda client, key=f"new-{each}": client.rename_object(
                    Bucket=BUCKET, Key=key, RenameSource="old"
                )
                for each in range(COUNT)
            ),
        )
        (winner,) = winners(outcomes)
        assert outcomes.count("NoSuchKey") == COUNT - 1
        assert keys(s3) == {f"new-{winner}"}
        assert content_of(s3, f"new-{winner}") == b"%d" % number * MIB
        s3.delete_object(Bucket=BUCKET, Key=f"new-{winner}")


def test_of_many_objects_one_gets_a_name_that_is_free(s3_server, s3):
    for number in range(COUNT):
        s3.put_object(Bucket=BUCKET, Key=f"old-{number}", Body=b"%d" % number)
    outcomes = race(
        s3_server,
        *(
            lambda client, key=f"old-{number}": client.rename_object(
                Bucket=BUCKET, Key="new", RenameSource=key, DestinationIfNoneMatch="*"
            )
            for number in range(COUNT)
        ),
    )
    (winner,) = winners(outcomes)
    assert outcomes.count("PreconditionFailed") == COUNT - 1
    assert content_of(s3, "new") == b"%d" % winner
    assert keys(s3) == {"new"} | {f"old-{number}" for number in range(COUNT) if number != winner}


def test_two_objects_that_swap_names_are_never_one(s3_server, s3):
    """Each name ends with one of the contents, or one of both is replaced by the other."""
    for _ in range(ROUNDS):
        for key in ("a", "b"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
        outcomes = race(
            s3_server,
            lambda client: client.rename_object(Bucket=BUCKET, Key="b", RenameSource="a"),
            lambda client: client.rename_object(Bucket=BUCKET, Key="a", RenameSource="b"),
        )
        # The second renames what the first has made of it.
        assert [number for number in (0, 1) if number in winners(outcomes)]
        (key,) = keys(s3)
        assert content_of(s3, key) in (b"a", b"b")


def test_a_version_is_deleted_once_and_no_other_goes(s3_server, s3):
    set_versioning(s3, "Enabled")
    kept = s3.put_object(Bucket=BUCKET, Key="k", Body=b"kept")["VersionId"]
    version_id = s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * MIB)["VersionId"]
    named = {"Bucket": BUCKET, "Key": "k", "VersionId": version_id}
    outcomes = race(s3_server, *[lambda client: client.delete_object(**named)] * COUNT)
    assert len(winners(outcomes)) == COUNT
    (entry,) = s3.list_object_versions(Bucket=BUCKET)["Versions"]
    assert (entry["VersionId"], entry["IsLatest"]) == (kept, True)


def test_an_upload_is_completed_or_aborted(s3_server, s3):
    target = {"Bucket": BUCKET, "Key": "k"}
    for _ in range(ROUNDS):
        upload_id = s3.create_multipart_upload(**target)["UploadId"]
        etag = s3.upload_part(**target, UploadId=upload_id, PartNumber=1, Body=b"x" * MIB)["ETag"]
        listed = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        completed, aborted = race(
            s3_server,
            lambda client, upload=upload_id, parts=listed: client.complete_multipart_upload(
                **target, UploadId=upload, MultipartUpload=parts
            ),
            lambda client, upload=upload_id: client.abort_multipart_upload(**target, UploadId=upload),
        )
        assert keys(s3) == (set() if completed == "NoSuchUpload" else {"k"})
        assert completed == "NoSuchUpload" or aborted == "NoSuchUpload" or isinstance(aborted, dict)
        assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)
        s3.delete_object(**target)


def test_parts_that_come_while_the_upload_ends_belong_to_nothing(s3_server, s3):
    target = {"Bucket": BUCKET, "Key": "k"}
    for _ in range(ROUNDS):
        upload_id = s3.create_multipart_upload(**target)["UploadId"]
        named = {**target, "UploadId": upload_id}
        etag = s3.upload_part(**named, PartNumber=1, Body=b"a" * MIB)["ETag"]
        listed = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        completed, *others = race(
            s3_server,
            lambda client, named=named, parts=listed: client.complete_multipart_upload(
                **named, MultipartUpload=parts
            ),
            *(
                lambda client, named=named, number=number: client.upload_part(
                    **named, PartNumber=number, Body=b"b" * MIB
                )
                for number in (1, 2, 3)
            ),
        )
        assert {other for other in others if isinstance(other, str)} <= {"NoSuchUpload"}
        if isinstance(completed, str):
            # Part 1 was replaced before.
            assert completed == "InvalidPart"
            s3.abort_multipart_upload(**named)
            assert keys(s3) == set()
        else:
            assert content_of(s3, "k") == b"a" * MIB
            s3.delete_object(**target)


def test_one_bucket_has_one_maker(s3_server):
    outcomes = race(s3_server, *[lambda client: client.create_bucket(Bucket="made")] * COUNT, user="admin")
    # In us-east-1 one may make again what one has.
    assert len(winners(outcomes)) == COUNT
    assert [bucket["Name"] for bucket in client_of(s3_server, "admin").list_buckets()["Buckets"]].count(
        "made"
    ) == 1


def test_a_bucket_goes_only_while_it_is_empty(s3_server):
    admin = client_of(s3_server, "admin")
    for _ in range(ROUNDS):
        admin.create_bucket(Bucket="made")
        removed, stored = race(
            s3_server,
            lambda client: client.delete_bucket(Bucket="made"),
            lambda client: client.put_object(Bucket="made", Key="k", Body=b"x" * MIB),
            user="admin",
        )
        if isinstance(removed, str):
            assert (removed, isinstance(stored, dict)) == ("BucketNotEmpty", True)
            admin.delete_object(Bucket="made", Key="k")
            admin.delete_bucket(Bucket="made")
        else:
            assert stored == "NoSuchBucket"


def test_a_lock_and_a_deletion(s3_server):
    """What was locked before it was deleted is there; what was deleted before cannot be locked."""
    admin = client_of(s3_server, "admin")
    admin.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    for _ in range(ROUNDS):
        version_id = admin.put_object(Bucket="locked", Key="k", Body=b"x")["VersionId"]
        named = {"Bucket": "locked", "Key": "k", "VersionId": version_id}
        held, removed = race(
            s3_server,
            lambda client, named=named: client.put_object_legal_hold(**named, LegalHold={"Status": "ON"}),
            lambda client, named=named: client.delete_object(**named),
            user="admin",
        )
        if isinstance(removed, str):
            assert (removed, isinstance(held, dict)) == ("AccessDenied", True)
            admin.head_object(**named)
        else:
            assert held in ("NoSuchVersion", "NoSuchKey")


def test_a_bucket_with_object_lock_keeps_versions(s3_server):
    admin = client_of(s3_server, "admin")
    for number in range(ROUNDS):
        named = {"Bucket": f"made-{number}"}
        admin.create_bucket(**named)
        admin.put_bucket_versioning(**named, VersioningConfiguration={"Status": "Enabled"})
        locked, suspended = race(
            s3_server,
            lambda client, named=named: client.put_object_lock_configuration(
                **named, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
            ),
            lambda client, named=named: client.put_bucket_versioning(
                **named, VersioningConfiguration={"Status": "Suspended"}
            ),
            user="admin",
        )
        assert [locked, suspended].count("InvalidBucketState") == 1
        status = admin.get_bucket_versioning(**named)["Status"]
        assert status == ("Enabled" if isinstance(locked, dict) else "Suspended")


def test_tags_that_two_set_are_those_of_one(s3_server, s3):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    race(
        s3_server,
        *(
            lambda client, value=f"{number}": client.put_object_tagging(
                Bucket=BUCKET,
                Key="k",
                Tagging={"TagSet": [{"Key": "a", "Value": value}, {"Key": "b", "Value": value}]},
            )
            for number in range(COUNT)
        ),
    )
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=BUCKET, Key="k")["TagSet"]}
    assert tags["a"] == tags["b"]
