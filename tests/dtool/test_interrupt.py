"""Ctrl-C stops cleanly, and says which command goes on where it was: up to a bucket the same one."""

import signal
import subprocess

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
    assert "run the same command again to go on" in error
    let_requests_end(s3_server)
    stored = len([key for key in bundled.list_keys() if "/data/" in key])
    assert 30 <= stored < 300
    before = count(s3_server, "PutObject", "/data/")
    uri = dtool.ok("cp", "-q", *resume, source, bundled.uri)
    assert count(s3_server, "PutObject", "/data/") - before == 300 - stored
    dtool.ok("verify", "--full", uri)


def test_an_interrupted_big_file_leaves_nothing_behind_and_resumes(shell, dtool, bundled, on_disk, s3_server):
    source = on_disk({"big.bin": b"x" * 80 * MIB})
    held = s3_server.faults.hold("UploadPart", after=1)
    status, _, error = interrupt_when(
        shell.line("cp", "-q", source, bundled.uri),
        lambda: held.held > 0,
    )
    assert status != 0
    assert "Traceback" not in error
    assert bundled.unfinished_uploads() == []
    let_requests_end(s3_server)
    uri = dtool.ok("cp", "-q", source, bundled.uri)
    dtool.ok("verify", "--full", uri)


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
    assert "run dtool cp --resume with the same arguments to go on" in error
    let_requests_end(s3_server)
    kept = len(cached())
    assert 60 <= kept < 300
    assert list((home / ".cache/dtool").rglob("*.part")) == []
    before = count(s3_server, "GetObject", "/data/")
    dtool.ok("cp", "-q", "--resume", uri, str(tmp_path / "down"))
    assert count(s3_server, "GetObject", "/data/") - before == 300 - kept
    dtool.ok("diff", "--full", uri, str(tmp_path / "down" / "rivers"))
