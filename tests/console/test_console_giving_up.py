"""Giving up an upload of the console takes its parts, and never an object that has its name."""

from __future__ import annotations

import json
from typing import Any

import requests
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.server.testing import RunningServer

BUCKET = "test-bucket"


def call(visitor: ConsoleVisitor, name: str, prefix: str = "", **asked: Any) -> requests.Response:
    if visitor.page is None or "csrf-token" not in visitor.text:
        visitor.open(f"/ui/buckets/{BUCKET}/upload")
    token = visitor.text.split('id="csrf-token" content="')[1].split('"')[0]
    return visitor.http.post(
        f"{visitor.origin}/ui/buckets/{BUCKET}/upload/{name}",
        params={"prefix": prefix},
        data=json.dumps(asked),
        headers={"Origin": visitor.origin, "X-CSRF-Token": token, "Content-Type": "application/json"},
    )


def begin(visitor: ConsoleVisitor, filename: str) -> tuple[str, str]:
    created = call(visitor, "create", filename=filename, size=3, content_type="text/plain").json()
    return created["upload"]["id"], created["parts"][0]["url"]


def test_an_object_of_the_same_name_stays(admin: ConsoleVisitor, running: RunningServer) -> None:
    s3 = client_for(running, "admin")
    s3.put_object(Bucket=BUCKET, Key="kept.txt", Body=b"old")
    upload_id, _ = begin(admin, "kept.txt")
    for unfinished in s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]:
        # As a lifecycle rule does.
        s3.abort_multipart_upload(Bucket=BUCKET, Key=unfinished["Key"], UploadId=unfinished["UploadId"])
    assert call(admin, "abort", id=upload_id).json()["state"] == "aborted"
    assert call(admin, "abort", id=upload_id).json()["state"] == "aborted"
    assert s3.get_object(Bucket=BUCKET, Key="kept.txt")["Body"].read() == b"old"


def test_the_parts_go_and_those_of_others_stay(admin: ConsoleVisitor, running: RunningServer) -> None:
    s3 = client_for(running, "admin")
    others = s3.create_multipart_upload(Bucket=BUCKET, Key="shared.txt")["UploadId"]
    upload_id, url = begin(admin, "shared.txt")
    assert requests.put(url, data=b"new", timeout=10).status_code == 200
    call(admin, "abort", id=upload_id)
    left = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="shared.txt")["Uploads"]
    assert [upload["UploadId"] for upload in left] == [others]


def test_what_is_complete_is_an_object_and_is_not_given_up(
    admin: ConsoleVisitor, running: RunningServer
) -> None:
    upload_id, url = begin(admin, "done.txt")
    requests.put(url, data=b"new", timeout=10)
    assert call(admin, "complete", id=upload_id).json()["state"] == "completed"
    assert call(admin, "complete", id=upload_id).status_code == 200
    refused = call(admin, "abort", id=upload_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "already_attached")
    assert client_for(running, "admin").get_object(Bucket=BUCKET, Key="done.txt")["Body"].read() == b"new"
    assert call(admin, "list").json() == []


def test_an_upload_of_somebody_else_is_not_there(admin: ConsoleVisitor, limited: ConsoleVisitor) -> None:
    upload_id, _ = begin(admin, "mine.txt")
    for name in ("show", "abort", "complete"):
        assert call(limited, name, id=upload_id).status_code == 404
    # Nor at the page of another folder.
    assert call(admin, "show", prefix="other/", id=upload_id).status_code == 404


def test_who_may_not_upload_is_told(limited: ConsoleVisitor, running: RunningServer) -> None:
    limited.open(f"/ui/buckets/{BUCKET}/upload")
    token = limited.text.split('id="csrf-token" content="')[1].split('"')[0]
    client_for(running, "admin").create_bucket(Bucket="not-for-portal-to-upload")
    refused = limited.http.post(
        f"{limited.origin}/ui/buckets/not-for-portal-to-upload/upload/create",
        json={"filename": "a", "size": 1},
        headers={"Origin": limited.origin, "X-CSRF-Token": token},
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


def test_names_that_would_be_elsewhere_are_refused(admin: ConsoleVisitor) -> None:
    assert call(admin, "create", filename="../../x", size=1).status_code == 422
    assert call(admin, "create", filename="a" * 1000, prefix="b" * 100 + "/", size=1).status_code == 422
