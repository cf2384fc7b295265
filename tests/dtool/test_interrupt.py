"""Ctrl-C stops cleanly, and says which command goes on where it was: up to a bucket the same one."""

import signal
import subprocess
from pathlib import Path

import pytest
from waiting import LONGEST_S, wait_until

MIB = 1024 * 1024


def interrupt_when(line, condition):
    """Runs a command, sends it SIGINT once the condition holds, and returns how it ended."""
    command = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def came_so_far():
        assert command.poll() is None, command.communicate()
        return condition()

    wait_until(came_so_far, "it came so far")
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=LONGEST_S)
    return command.returncode, out, err


def let_requests_end(server):
    """What the interrupted command had asked for is done, though it never hears of it."""
    server.faults.clear()
    server.wait_until_idle()


@pytest.fixture(autouse=True)
def interruptible():
    """What a shell starts in the background ignores SIGINT, and so does all that it starts itself."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def count(server, operation, part=""):
    return sum(
        request.operation == operation and part in (request.key or "") and request.status == 200
        for request in server.requests
    )


@pytest.mark.parametrize("resume", [[], ["--resume"]], ids=["the same command", "--resume"])
def test_an_interrupted_copy_up_resumes_with_the_rest(shell, dtool, bundled, on_disk, s3_server, resume):
    items = {f"{number}.csv": str(number).encode() for number in range(300)}
    source = on_disk(items)
    s3_server.faults.hold("PutObject", after=45)
    status, _, error = interrupt_when(
        shell.line("cp", "-q", source, bundled.uri), lambda: count(s3_server, "PutObject", "/data/") >= 30
    )
    assert status != 0
    assert "Traceback" not in error
    assert "run the same command again to resume" in error
    let_requests_end(s3_server)
    stored = len([key for key in bundled.list_keys() if "/data/" in key])
    assert 30 <= stored < 300
    before = count(s3_server, "PutObject", "/data/")
    uri = dtool.ok("cp", "-q", *resume, source, bundled.uri)
    assert count(s3_server, "PutObject", "/data/") - before == 300 - stored
    dtool.ok("verify", "--full", uri)


def test_an_interrupted_big_file_resumes_with_the_rest(shell, dtool, bundled, on_disk, s3_server):
    source = on_disk({"big.bin": b"x" * 80 * MIB})
    held = s3_server.faults.hold("UploadPart", after=2)
    status, _, error = interrupt_when(
        shell.line("cp", "-q", source, bundled.uri),
        lambda: held.held > 0 and count(s3_server, "UploadPart") == 2,
    )
    assert status != 0
    assert "Traceback" not in error
    assert "run the same command again to resume" in error
    let_requests_end(s3_server)
    before = count(s3_server, "UploadPart")
    uri = dtool.ok("cp", "-q", source, bundled.uri)
    # What was noted of the two may have been cut off; what the held ones became is not known here.
    assert count(s3_server, "UploadPart") - before in (3, 4)
    assert bundled.unfinished_uploads() == []
    dtool.ok("verify", "--full", uri)


def test_one_that_was_killed_resumes_too(shell, dtool, bundled, on_disk, s3_server, home):
    source = on_disk({"big.bin": b"x" * 80 * MIB})
    held = s3_server.faults.hold("UploadPart", after=2)
    command = subprocess.Popen(shell.line("cp", "-q", source, bundled.uri), stderr=subprocess.DEVNULL)

    def noted():
        assert command.poll() is None
        return [len(path.read_bytes().splitlines()) for path in home.rglob("uploads/*.jsonl")] == [3]

    wait_until(lambda: held.held > 0 and noted(), "two parts were noted")
    command.kill()
    command.wait()
    let_requests_end(s3_server)
    before = count(s3_server, "UploadPart")
    uri = dtool.ok("cp", "-q", source, bundled.uri)
    assert count(s3_server, "UploadPart") - before == 3
    assert bundled.unfinished_uploads() == []
    dtool.ok("verify", "--full", uri)


def test_what_is_never_gone_on_with_is_removed_by_the_freeze(
    shell, dtool, bundled, on_disk, s3_server, tmp_path
):
    uri = dtool.ok("create", "-q", "rivers", bundled.uri)
    (tmp_path / "big.bin").write_bytes(b"x" * 80 * MIB)
    held = s3_server.faults.hold("UploadPart", after=2)
    interrupt_when(
        shell.line("add", "item", str(tmp_path / "big.bin"), uri),
        lambda: held.held > 0 and count(s3_server, "UploadPart") == 2,
    )
    let_requests_end(s3_server)
    assert len(bundled.unfinished_uploads()) == 1
    dtool.ok("freeze", uri)
    assert bundled.unfinished_uploads() == []


def test_an_interrupted_fetch_of_a_big_item_resumes_with_the_rest(
    shell, dtool, bundled, on_disk, s3_server, home
):
    uri = dtool.ok("cp", "-q", on_disk({"big.bin": b"x" * 80 * MIB}), bundled.uri)
    identifier = dtool.ok("identifiers", uri)
    here = len(s3_server.requests)

    def noted():
        return [len(path.read_bytes().splitlines()) for path in home.rglob("*.note")] == [3]

    def parts():
        got = (request for request in s3_server.requests[here:] if request.operation == "GetObject")
        return sum(request.status == 206 for request in got)

    # Registration, metadata and manifest, and two parts of five.
    before = asked_before_the_item(s3_server, dtool, uri)
    here = len(s3_server.requests)
    s3_server.faults.hold("GetObject", after=before + 2)
    status, _, error = interrupt_when(shell.line("item", "fetch", uri, identifier), noted)
    assert status != 0
    assert "Traceback" not in error
    let_requests_end(s3_server)
    here = len(s3_server.requests)
    path = dtool.ok("item", "fetch", uri, identifier)
    assert parts() == 3
    assert Path(path).read_bytes() == b"x" * 80 * MIB


def asked_before_the_item(server, dtool, uri):
    """How many objects ``dtool item fetch`` gets before the item."""
    here = len(server.requests)
    refused = dtool("item", "fetch", uri, "no-such-item")
    assert "no item no-such-item" in refused.stderr
    return sum(request.operation == "GetObject" for request in server.requests[here:])


@pytest.fixture
def uri(dtool, bundled, on_disk):
    return dtool.ok(
        "cp", "-q", on_disk({f"{number}.csv": b"%d" % number for number in range(300)}), bundled.uri
    )


def test_an_interrupted_copy_down_resumes_from_the_cache(shell, dtool, uri, s3_server, tmp_path, home):
    (tmp_path / "down").mkdir()
    s3_server.faults.hold("GetObject", after=75)

    def cached():
        return list((home / ".cache/dtool").rglob("*.csv"))

    status, _, error = interrupt_when(
        shell.line("cp", "-q", uri, str(tmp_path / "down")), lambda: len(cached()) >= 60
    )
    assert status != 0
    assert "Traceback" not in error
    assert "run dtool cp --resume with the same arguments to resume" in error
    let_requests_end(s3_server)
    kept = len(cached())
    assert 60 <= kept < 300
    assert list((home / ".cache/dtool").rglob("*.part")) == []
    before = count(s3_server, "GetObject", "/data/")
    dtool.ok("cp", "-q", "--resume", uri, str(tmp_path / "down"))
    assert count(s3_server, "GetObject", "/data/") - before == 300 - kept
    dtool.ok("diff", "--full", uri, str(tmp_path / "down" / "rivers"))
