"""`s3portal upload` before a real portal and a real store: what is said to be published can be had again."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from held_parts import AT_A_TIME, hold_parts, lose_parts
from random_files import random_file
from upload_run import Command

from s3portal.client.ckan import CkanPortal
from s3portal.client.command import TOKEN_VARIABLE
from s3portal.client.digests import sha256_of_file, sha256_of_link
from s3portal.client.local_file import LocalFile
from s3portal.demo.people import DATASET
from s3portal.demo.portal import Portal
from s3portal.server.pytest_plugin import BUCKET
from s3portal.server.testing import RunningServer
from s3portal.transfer import CRCS

MIB = 1024 * 1024
PART_COUNT = 13

Upload = Callable[..., Command]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """61 MiB and a bit: 13 parts, the last a short one."""
    return random_file(tmp_path / f"gauges of {tmp_path.name}.nc", 61 * MIB + 7)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """One part."""
    return random_file(tmp_path / f"small of {tmp_path.name}.csv", 1000)


def put_part_numbers(s3: RunningServer) -> list[int]:
    """The parts that the store took."""
    return sorted(r.part_number or 0 for r in s3.requests if r.operation == "UploadPart" and r.status == 200)


def crc64nvme(file: Path) -> str:
    crc = CRCS["CRC64NVME"]
    return f"crc64nvme:{crc.encode(crc.update(file.read_bytes()))}"


def test_a_file_is_published_and_comes_back_equal(
    upload: Upload, s3: RunningServer, file: Path, resource_of: Callable[[str], dict[str, Any]]
) -> None:
    run = upload(file, "--json", "--description", "Every minute since 1975", "--format", "NetCDF")

    assert (run.exit_code, run.stderr) == (0, "")
    published = run.event("published")
    assert sha256_of_link(published["url"]) == sha256_of_file(file)
    assert put_part_numbers(s3) == list(range(1, PART_COUNT + 1)), "each part was sent once"
    resource = resource_of(published["resource"])
    assert resource["name"] == file.name
    assert resource["description"] == "Every minute since 1975"
    assert resource["format"] == "NetCDF"
    assert resource["size"] == file.stat().st_size
    assert resource["s3multipart_checksum"] == published["hash"] == crc64nvme(file)
    assert resource["hash"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_with_credentials_the_parts_are_signed_here_and_faults_do_no_harm(
    start: Upload, upload: Upload, s3: RunningServer, file: Path
) -> None:
    hold = hold_parts(s3, after=5)
    first = start(file, "--json", "--credentials")
    hold.wait_for(AT_A_TIME)
    assert "--credentials" in shlex.split(first.interrupt().stderr), "the command that goes on"
    lose_parts(s3, hold)
    s3.faults.add("UploadPart", code="ExpiredToken", first=1)
    s3.faults.add("UploadPart", status=503, every=2)

    run = upload(file, "--json", "--credentials")

    assert run.exit_code == 0, run.stdout
    assert sha256_of_link(run.event("published")["url"]) == sha256_of_file(file)
    assert {r.status for r in s3.requests if r.operation == "UploadPart"} >= {200, 400, 503}
    senders = {r.user for r in s3.requests if r.operation == "UploadPart" and r.status == 200}
    assert senders == {"uploads/publisher@127.0.0.1"}, "the role, and not the portal"


def test_people_get_the_link_on_stdout_and_the_rest_on_stderr(upload: Upload, small: Path) -> None:
    run = upload(small, "--name", "Small gauges")

    assert run.exit_code == 0
    (link,) = run.stdout.splitlines()
    assert sha256_of_link(link) == sha256_of_file(small)
    assert run.stderr == f"{small}: published\n"


def test_files_of_any_name_are_published(upload: Upload, tmp_path: Path) -> None:
    names: list[bytes] = [
        *(name.encode() for name in ("Flüsse 河川.csv", "-dash.txt", "[bold]markup[red].txt", "a*b?$c.txt")),
        *(
            b"new\nline.txt",
            b"esc\x1b[31m.txt",
            b"no-utf8-\xff\xfe.txt",
            b"x" * 251 + b".csv",
            b"no extension",
        ),
    ]
    folder = tmp_path / "names"
    folder.mkdir()
    paths = [os.path.join(os.fsencode(folder), name) for name in names]  # noqa: PTH118  (bytes)
    for path in paths:
        Path(os.fsdecode(path)).write_bytes(path)

    run = upload("--json", "--", *paths)

    assert run.exit_code == 0, run.stdout
    links = [event["url"] for event in run.events if event["event"] == "published"]
    assert [sha256_of_link(link) for link in links] == [
        sha256_of_file(Path(os.fsdecode(path))) for path in paths
    ]
    assert run.event("ended") == {"event": "ended", "published": len(names), "failed": 0}


def test_a_file_of_zero_bytes_is_published(upload: Upload, tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.touch()

    run = upload(empty, "--json")

    assert run.exit_code == 0, run.stdout
    assert sha256_of_link(run.event("published")["url"]) == sha256_of_file(empty)


@pytest.mark.parametrize("end", ["interrupt", "kill"])
def test_what_was_stored_is_not_sent_again(
    end: str, start: Upload, upload: Upload, s3: RunningServer, file: Path
) -> None:
    hold = hold_parts(s3, after=5)
    first = start(file, "--json")
    hold.wait_for(AT_A_TIME)
    getattr(first, end)()
    lose_parts(s3, hold)
    before = put_part_numbers(s3)
    s3.requests.clear()

    second = upload(file, "--json")

    assert second.exit_code == 0, second.stdout
    assert second.event("began")["stored"] == 5 * 5 * MIB
    assert sorted(before + put_part_numbers(s3)) == list(range(1, PART_COUNT + 1))
    published = second.event("published")
    assert sha256_of_link(published["url"]) == sha256_of_file(file)
    assert published["hash"] == crc64nvme(file), "also of the parts that were only read"


def test_ctrl_c_says_how_to_resume(
    start: Upload, upload: Upload, s3: RunningServer, portal: Portal, file: Path, small: Path
) -> None:
    hold = hold_parts(s3, after=1 + 3)
    run = start(small, file, "--json", "--restart").wait_for("published")
    hold.wait_for(AT_A_TIME)
    run.interrupt()
    lose_parts(s3, hold)

    assert run.exit_code == 130
    said = run.stderr.splitlines()[-1].strip()
    words = shlex.split(said)
    assert words[:2] == ["s3portal", "upload"]
    assert words[words.index("--") + 1 :] == [str(file)], "what is published is not uploaded again"
    assert "--restart" not in words
    environment = {**os.environ, TOKEN_VARIABLE: portal.publisher_token()}
    again = subprocess.run(
        [sys.executable, "-c", "from s3portal.cli import main; main()", *words[1:]],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert '"stored": 0' not in again.stdout
    assert '"published": 1' in again.stdout


def test_the_same_command_again_finds_the_file_published(
    upload: Upload, s3: RunningServer, small: Path
) -> None:
    first = upload(small, "--json")
    s3.requests.clear()

    second = upload(small, "--json")

    assert second.exit_code == 0
    assert second.event("published") == {**first.event("published"), "before": True}
    assert put_part_numbers(s3) == []


def test_a_new_description_of_a_file_that_is_there_is_saved(
    upload: Upload, small: Path, resource_of: Callable[[str], dict[str, Any]]
) -> None:
    first = upload(small, "--json").event("published")

    again = upload(small, "--json", "--description", "Every minute since 1975").event("published")

    assert (again["resource"], again["before"]) == (first["resource"], True)
    assert again["changed"] == ["description"]
    assert resource_of(first["resource"])["description"] == "Every minute since 1975"


def test_the_same_command_again_finds_the_file_whatever_its_resource_says_by_then(
    upload: Upload, s3: RunningServer, portal: Portal, small: Path
) -> None:
    """As after xloader, which writes its MD5 into ``hash``, and an editor with a better name."""
    first = upload(small, "--json")
    publisher = CkanPortal(portal.url, portal.publisher_token())
    md5 = hashlib.md5(small.read_bytes(), usedforsecurity=False).hexdigest()
    publisher.call("resource_patch", id=first.event("published")["resource"], hash=md5, name="Levels", size=7)
    s3.requests.clear()

    second = upload(small, "--json")

    assert second.exit_code == 0
    assert second.event("published") == {**first.event("published"), "before": True}
    assert put_part_numbers(s3) == []


def test_a_file_that_the_store_lost_is_sent_again_to_its_resource(
    upload: Upload, s3: RunningServer, portal: Portal, small: Path
) -> None:
    first = upload(small, "--json")
    s3.wait_until_idle()
    (key,) = {record.key for record in s3.requests if record.operation == "CompleteMultipartUpload"}
    user = s3.users["portal"]
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        region_name="us-east-1",
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )
    client.delete_object(Bucket=BUCKET, Key=key)

    second = upload(small, "--json")

    assert second.exit_code == 0
    published = second.event("published")
    assert (published["resource"], published["before"]) == (first.event("published")["resource"], False)
    assert sha256_of_link(published["url"]) == sha256_of_file(small)


def test_another_file_of_the_same_name_is_refused_with_a_reason(
    start: Upload, upload: Upload, s3: RunningServer, file: Path
) -> None:
    hold = hold_parts(s3, after=5)
    first = start(file, "--json")
    hold.wait_for(AT_A_TIME)
    first.kill()
    lose_parts(s3, hold)
    before = file.stat()
    with file.open("r+b") as opened:
        opened.write(b"another beginning")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    refused = upload(file, "--json")
    anew = upload(file, "--json", "--restart")

    assert refused.exit_code == 1
    assert refused.event("failed")["code"] == "wrong_file"
    assert "its content is different" in refused.event("failed")["message"]
    assert anew.exit_code == 0
    assert anew.event("began")["stored"] == 0
    assert sha256_of_link(anew.event("published")["url"]) == sha256_of_file(file)


def test_a_file_that_changes_in_the_meantime_is_not_published(
    start: Upload, s3: RunningServer, file: Path, portal: Portal
) -> None:
    hold = hold_parts(s3, after=5)
    run = start(file, "--json")
    hold.wait_for(AT_A_TIME)
    with file.open("ab") as opened:
        opened.write(b"one more line")
    hold.release()
    run.wait()

    assert run.exit_code == 1
    assert run.event("failed")["code"] == "file_changed"
    client = CkanPortal(portal.url, portal.publisher_token())
    assert client.unfinished_uploads(DATASET) == [], "its parts would not fit together another day"


def test_a_byte_that_is_damaged_on_its_way_is_found_and_its_part_sent_again(
    upload: Upload, s3: RunningServer, file: Path
) -> None:
    s3.faults.add("UploadPart", corrupt=True, every=5)

    run = upload(file, "--json")

    assert run.exit_code == 0, run.stdout
    damaged = [event for event in run.events if event["event"] == "retry"]
    assert [event["code"] for event in damaged] == ["BadDigest"] * 3
    assert len(put_part_numbers(s3)) == PART_COUNT + 3
    assert sha256_of_link(run.event("published")["url"]) == sha256_of_file(file)


def test_a_store_that_fails_and_drops_connections_gets_the_file_anyway(
    upload: Upload, s3: RunningServer, file: Path
) -> None:
    s3.faults.add("UploadPart", status=503, every=4)
    s3.faults.add("UploadPart", drop=True, every=5)
    s3.faults.add("UploadPart", cut_body_at=MIB, every=7)
    s3.faults.add("CompleteMultipartUpload", status=500, first=1)

    run = upload(file, "--json", "--concurrency", "16")

    assert run.exit_code == 0, run.stdout
    assert {event["event"] for event in run.events} >= {"began", "retry", "completing", "published"}
    assert sha256_of_link(run.event("published")["url"]) == sha256_of_file(file)


def test_the_file_of_a_resource_is_replaced_and_its_name_stays(
    upload: Upload, small: Path, tmp_path: Path, resource_of: Callable[[str], dict[str, Any]]
) -> None:
    before = upload(small, "--json", "--name", "Levels", "--description", "Of 2025").event("published")
    newer = random_file(tmp_path / "newer.csv", 2000)

    run = upload(newer, "--json", "--resource", before["resource"], "--description", "Of 2026")

    assert run.exit_code == 0, run.stdout
    assert run.event("published")["resource"] == before["resource"]
    resource = resource_of(before["resource"])
    assert (resource["name"], resource["description"]) == ("Levels", "Of 2026")
    assert resource["s3multipart_checksum"] == crc64nvme(newer)
    assert sha256_of_link(run.event("published")["url"]) == sha256_of_file(newer)


def test_one_file_that_fails_does_not_keep_the_others_back(upload: Upload, small: Path) -> None:
    run = upload("/dev/null", small, "--json")

    assert run.exit_code == 1
    assert run.event("failed")["message"] == "/dev/null is not a file"
    assert run.event("published")["file"] == str(small)
    assert run.event("ended") == {"event": "ended", "published": 1, "failed": 1}


def test_without_a_token_it_says_where_to_get_one(upload: Upload, small: Path) -> None:
    run = upload(small, token="")

    assert run.exit_code == 2
    assert "S3PORTAL_TOKEN is not set. Create an API token on your user page" in run.stderr


def test_what_the_portal_refuses_is_said_in_its_words(upload: Upload, small: Path) -> None:
    nobody = upload(small, "--json", token="no-such-token")
    nowhere = upload(small, "--json", dataset="no-such-dataset")

    assert (nobody.exit_code, nowhere.exit_code) == (1, 1)
    assert nobody.event("failed")["code"] == "not_signed_in"
    assert nowhere.event("failed")["message"] == "There is no dataset no-such-dataset."


def test_memory_is_constant_in_the_size_of_the_file(start: Upload, s3: RunningServer, tmp_path: Path) -> None:
    huge = tmp_path / "sparse.bin"
    with huge.open("wb") as opened:
        opened.truncate(60_000_000_000)
    hold = hold_parts(s3, after=5)

    run = start(huge, "--json")
    hold.wait_for(AT_A_TIME)
    status = Path(f"/proc/{run.process.pid}/status").read_text("utf-8")
    run.interrupt()

    assert LocalFile.at(huge).size_bytes == 60_000_000_000
    (peak_kib,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    print(f"peak memory of s3portal upload: {peak_kib / 1024:.0f} MiB")
    assert peak_kib < 200 * 1024
