"""From the plan to the download, at a real store: the bundled server, or one that the environment names."""

import hashlib
import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import quote

import pytest
import urllib3

from s3portal.transfer import (
    PartsMissing,
    State,
    Store,
    Upload,
    UploadNotFound,
    abort_upload,
    complete_upload,
    decode_metadata,
    delete_object,
    list_parts,
    presign_get,
    sign_parts,
)
from s3portal.transfer.sizes import MIB

Begin = Callable[..., Upload]


def file_of(upload: Upload) -> bytes:
    return random.Random(upload.id).randbytes(upload.size_bytes)


def send(store: Store, upload: Upload, part_numbers: Iterable[int] | None = None) -> None:
    """PUTs parts as a browser does: to their URLs, and with nothing besides the bytes."""
    content, plan = file_of(upload), upload.plan
    for part in sign_parts(store, upload, list(part_numbers or range(1, upload.part_count + 1))):
        start = plan.offset(part.part_number)
        answer = put(part.url, content[start : start + plan.length(part.part_number)])
        assert answer.status == 200, answer.data


def put(url: str, body: bytes) -> urllib3.BaseHTTPResponse:
    return urllib3.request("PUT", url, body=body, retries=False)


def download(store: Store, upload: Upload, **named: str) -> urllib3.BaseHTTPResponse:
    url = presign_get(
        store,
        upload.key,
        **{"filename": upload.filename, "content_type": upload.content_type, **named},
        expires_s=60,
        version_id=upload.version_id,
    )
    return urllib3.request("GET", url, retries=False)


@pytest.mark.parametrize("size_bytes", [0, 1, 5 * MIB, 10 * MIB + 7])
@pytest.mark.parametrize("filename", ["rivers.csv", "Flüsse & Seen/50% + 'x' #1?~(河).csv"])
def test_a_file_of_any_size_and_name_comes_back_as_it_was(
    size_bytes: int, filename: str, store: Store, begin: Begin
) -> None:
    upload = begin(size_bytes, filename)

    send(store, upload)
    completed = complete_upload(store, upload)
    answer = download(store, completed)

    assert completed.state == State.COMPLETED
    assert answer.status == 200
    assert hashlib.sha256(answer.data).digest() == hashlib.sha256(file_of(upload)).digest()
    assert answer.headers["Content-Type"] == "text/csv"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["ETag"] == f'"{completed.etag}"'


def test_the_object_says_where_it_comes_from(store: Store, begin: Begin) -> None:
    upload = begin(1)
    send(store, upload)
    complete_upload(store, upload)

    head = store.client().head_object(Bucket=store.bucket, Key=upload.key)

    assert decode_metadata(head["Metadata"]) == {
        "portal": "https://data.example.org",
        "user": "Ånna",
        "filename": "Flüsse 2026.csv",
        "upload": upload.id,
    }
    assert head["ContentType"] == "text/csv"


@pytest.mark.parametrize("difference", [-1, 1])
def test_the_store_itself_refuses_a_part_of_another_length(
    difference: int, store: Store, begin: Begin
) -> None:
    upload = begin(1000)
    (part,) = sign_parts(store, upload, [1])

    answer = put(part.url, b"x" * (1000 + difference))

    assert answer.status == 403
    assert list_parts(store, upload).as_dict(upload.plan)["stored"] == ""


@pytest.mark.parametrize("changed", ["partNumber=1&", "uploadId=", "rivers.csv?", "X-Amz-Expires=900"])
def test_a_url_is_good_for_nothing_else(changed: str, store: Store, begin: Begin) -> None:
    upload = begin(6 * MIB, "rivers.csv")
    (part,) = sign_parts(store, upload, [1])
    forged = {
        "partNumber=1&": "partNumber=2&",
        "rivers.csv?": "lakes.csv?",
        "X-Amz-Expires=900": "X-Amz-Expires=901",
    }

    answer = put(
        part.url.replace(changed, forged.get(changed, f"{changed}0"), 1), b"x" * upload.plan.length(1)
    )

    assert part.url.count(changed) == 1
    assert answer.status == 403


def test_after_a_crash_only_the_missing_parts_are_sent_again(store: Store, begin: Begin) -> None:
    upload = begin(15 * MIB)
    send(store, upload, [1, 3])

    stored = list_parts(store, upload)
    assert upload.as_dict(stored)["stored"] == "1,3"
    assert upload.as_dict(stored)["stored_bytes"] == 10 * MIB
    with pytest.raises(PartsMissing) as refusal:
        complete_upload(store, upload)
    assert refusal.value.missing == "2"

    send(store, upload, [2])
    assert download(store, complete_upload(store, upload)).data == file_of(upload)


def test_the_last_of_a_part_that_was_sent_twice_counts(store: Store, begin: Begin) -> None:
    upload = begin(1000)
    (part,) = sign_parts(store, upload, [1])
    put(part.url, b"x" * 1000)

    send(store, upload)

    assert download(store, complete_upload(store, upload)).data == file_of(upload)


def test_completing_again_answers_the_same_also_where_the_first_answer_was_lost(
    store: Store, begin: Begin
) -> None:
    upload = begin(5 * MIB + 1)
    send(store, upload)

    first = complete_upload(store, upload)
    # The row still says "uploading": the portal died before it wrote the answer down.
    again = complete_upload(store, upload)

    assert replace(again, updated_at=first.updated_at) == first


def test_completing_twice_at_once_answers_both(store: Store, begin: Begin) -> None:
    upload = begin(5 * MIB + 1)
    send(store, upload)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: complete_upload(store, upload), range(2))

    assert first.etag == second.etag


def test_more_parts_than_a_page_are_listed(store: Store, begin: Begin) -> None:
    upload = begin(1001 * 5 * MIB)

    def store_one_byte(part_number: int) -> None:
        store.client().upload_part(
            Bucket=store.bucket,
            Key=upload.key,
            UploadId=upload.s3_upload_id,
            PartNumber=part_number,
            Body=b"x",
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store_one_byte, range(1, 1002)))

    stored = list_parts(store, upload)
    assert list(stored.part_numbers) == list(range(1, 1002))
    # They are not as planned, so all are to be sent again, and complete says so.
    assert upload.as_dict(stored)["stored"] == ""
    with pytest.raises(PartsMissing) as refusal:
        complete_upload(store, upload)
    assert refusal.value.facts == {"missing": "", "wrong_size": "1-1001"}
    abort_upload(store, upload)


def test_an_aborted_upload_leaves_nothing(store: Store, begin: Begin) -> None:
    upload = begin(1000)
    send(store, upload)

    aborted = abort_upload(store, upload)

    assert abort_upload(store, upload).state == abort_upload(store, aborted).state == "aborted"
    with pytest.raises(UploadNotFound):
        list_parts(store, upload)
    with pytest.raises(UploadNotFound):
        complete_upload(store, upload)


def test_aborting_after_completing_removes_the_object(store: Store, begin: Begin) -> None:
    upload = begin(1000)
    send(store, upload)
    completed = complete_upload(store, upload)

    abort_upload(store, completed)

    assert download(store, completed).status == 404


def test_a_deleted_object_is_gone_and_deleting_again_is_no_error(store: Store, begin: Begin) -> None:
    upload = begin(1000)
    send(store, upload)
    completed = complete_upload(store, upload)

    delete_object(store, upload.key, completed.version_id)
    delete_object(store, upload.key, completed.version_id)

    assert download(store, completed).status == 404


def test_a_web_page_is_downloaded_and_never_shown(store: Store, begin: Begin) -> None:
    upload = begin(1000, "page.html")
    send(store, upload)
    completed = complete_upload(store, upload)

    answer = download(store, completed, content_type="text/html", filename='a"b.html')

    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="a_b.html"')
    assert quote('a"b.html') in answer.headers["Content-Disposition"]
