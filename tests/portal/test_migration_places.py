"""Where migrated files arrive: objects of a bucket and files of a folder, compared with what is on record."""

import base64
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from botocore.exceptions import ClientError
from doctor_cases import MakeCase

from s3portal.portal.migration import (
    AlreadyThere,
    NotVerified,
    receive_file,
    verify_local_file,
    verify_object,
)
from s3portal.transfer import Store

CONTENT = b"the file" * 1000
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
OTHER = bytes(len(CONTENT))


@pytest.fixture
def store(make_case: MakeCase) -> Store:
    return make_case().store


def put(store: Store, content: bytes, **metadata: str) -> None:
    store.client().put_object(Bucket=store.bucket, Key="k", Body=content, Metadata=metadata)


def test_an_object_is_verified_by_its_size_and_md5(store: Store) -> None:
    put(store, CONTENT)

    verify_object(store, "k", len(CONTENT), MD5)
    verify_object(store, "k", len(CONTENT), MD5.upper())
    verify_object(store, "k", len(CONTENT), "")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(CONTENT[:-1], f"has {len(CONTENT) - 1} bytes and should have {len(CONTENT)}"), (OTHER, "another file")],
)
def test_an_object_that_is_another_file_is_told_from_it(store: Store, content: bytes, sentence: str) -> None:
    put(store, content)

    with pytest.raises(NotVerified, match=sentence):
        verify_object(store, "k", len(CONTENT), MD5)


def test_an_object_of_several_parts_is_verified_by_the_md5_that_was_noted_with_it(store: Store) -> None:
    # Its ETag is no MD5 then, as that of an object with other bytes is not the MD5 of this file.
    put(store, OTHER, md5chksum=base64.b64encode(bytes.fromhex(MD5)).decode())

    verify_object(store, "k", len(CONTENT), MD5)
    with pytest.raises(NotVerified):
        verify_object(store, "k", len(CONTENT), "0" * 32)


def test_an_object_that_is_not_there_is_an_error(store: Store) -> None:
    with pytest.raises(ClientError, match="404"):
        verify_object(store, "k", len(CONTENT), MD5)


@contextmanager
def source(content: bytes = CONTENT) -> Iterator[IO[bytes]]:
    yield io.BytesIO(content)


def test_a_file_arrives_in_its_place_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "new" / "folder" / "file"

    receive_file(place, source, len(CONTENT), MD5)

    assert place.read_bytes() == CONTENT
    assert [path.name for path in place.parent.iterdir()] == ["file"]
    verify_local_file(place, len(CONTENT), MD5)


def test_what_a_killed_run_left_beside_the_place_is_written_over(tmp_path: Path) -> None:
    place = tmp_path / "file"
    (tmp_path / ".file.arriving").write_bytes(CONTENT + b"and more than that")

    receive_file(place, source, len(CONTENT), MD5)

    assert place.read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x", OTHER, b""])
def test_a_file_that_arrives_damaged_is_not_put_in_its_place(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(NotVerified, match="what arrived differs in size or MD5"):
        receive_file(tmp_path / "file", lambda: source(content), len(CONTENT), MD5)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(OTHER)

    with pytest.raises(AlreadyThere):
        receive_file(tmp_path / "file", source, len(CONTENT), MD5)
    with pytest.raises(NotVerified, match="there is a different file in its place"):
        verify_local_file(tmp_path / "file", len(CONTENT), MD5)
    assert (tmp_path / "file").read_bytes() == OTHER
