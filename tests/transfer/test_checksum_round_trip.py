"""Checksums on the way to a real store: a byte that changed shows, and the whole is compared."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import urllib3
from foreign_store import require_crc

from s3portal.server.testing import RunningServer
from s3portal.transfer import (
    Checksum,
    ContentDiffers,
    Store,
    Upload,
    complete_upload,
    list_parts,
    sign_parts,
)
from s3portal.transfer.checksums import CRCS
from s3portal.transfer.sizes import MIB

if TYPE_CHECKING:
    pass


def put(url: str, body: bytes) -> urllib3.BaseHTTPResponse:
    return urllib3.request("PUT", url, body=body)


def send(store: Store, upload: Upload, content: bytes) -> list[urllib3.BaseHTTPResponse]:
    """Sends each part to its URL, as browsers do, with no header of ours."""
    answers = []
    for part in sign_parts(store, upload, range(1, upload.part_count + 1)):
        offset = upload.plan.offset(part.part_number)
        answers.append(put(part.url, content[offset : offset + upload.plan.length(part.part_number)]))
    return answers


@pytest.mark.parametrize("wanted", ["crc64nvme", "crc32c"])
def test_the_store_answers_each_parts_checksum_and_the_portal_compares_that_of_the_whole(
    wanted: str, store: Store, begin: Callable[..., Upload]
) -> None:
    object.__setattr__(store.settings, "checksum", wanted)
    require_crc(store, wanted.upper())
    crc = CRCS[wanted.upper()]
    content = bytes(range(256)) * (6 * MIB // 256) + b"end"
    upload = begin(len(content))

    answers = send(store, upload, content)

    parts = [content[: 5 * MIB], content[5 * MIB :]]
    assert [answer.headers[crc.header] for answer in answers] == [crc.encode(crc.update(p)) for p in parts]
    assert upload.as_dict()["checksum_algorithm"] == crc.name
    whole = Checksum(crc.name, crc.encode(crc.update(content)))
    completed = complete_upload(store, upload, whole)
    assert completed.as_dict()["checksum"] == {"algorithm": whole.algorithm, "value": whole.value}


def test_a_byte_that_changed_on_the_way_shows_in_the_answer(
    store: Store, begin: Callable[..., Upload], s3_server: RunningServer
) -> None:
    crc = CRCS["CRC64NVME"]
    upload = begin(10)
    s3_server.faults.add("UploadPart", corrupt=True, first=1)

    corrupted, right = send(store, upload, b"0123456789") + send(store, upload, b"0123456789")

    assert corrupted.status == right.status == 200, "without a checksum beside it S3 cannot know"
    assert corrupted.headers[crc.header] != crc.encode(crc.update(b"0123456789"))
    assert right.headers[crc.header] == crc.encode(crc.update(b"0123456789"))


def test_a_file_that_is_not_the_one_that_was_sent_is_not_completed(
    store: Store, begin: Callable[..., Upload], s3_server: RunningServer
) -> None:
    crc = CRCS["CRC64NVME"]
    upload = begin(10)
    s3_server.faults.add("UploadPart", corrupt=True)
    send(store, upload, b"0123456789")

    with pytest.raises(ContentDiffers) as refusal:
        complete_upload(store, upload, Checksum(crc.name, crc.encode(crc.update(b"0123456789"))))

    assert refusal.value.what == "checksum"


def test_an_upload_by_md5_asks_the_store_for_nothing(store: Store, begin: Callable[..., Upload]) -> None:
    object.__setattr__(store.settings, "checksum", "md5")
    upload = begin(10)

    send(store, upload, b"0123456789")

    assert upload.checksum_algorithm == "MD5"
    assert list_parts(store, upload).etags == ["781e5e245d69b566979b86e28d23f2c7"]
