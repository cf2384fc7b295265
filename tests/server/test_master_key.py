"""The master key: what it seals opens for it alone, in the same place; a lost key is never replaced."""

from __future__ import annotations

import base64
import secrets
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from s3portal.server import rewrapping
from s3portal.server.command import server_command
from s3portal.server.config import ServerConfig, add_environment, config_of_json
from s3portal.server.config_values import ConfigError
from s3portal.server.kms.key_sources import MasterKeySource, text_of_keys
from s3portal.server.kms.master_key import KEY_FILE, NOTE_FILE, MasterKey
from s3portal.server.kms.master_key_errors import (
    MasterKeyError,
    MasterKeyMissing,
    MasterKeyUnreadable,
    SealBroken,
    WrongMasterKey,
)
from s3portal.server.kms.sealed_columns import SealedColumn
from s3portal.server.storage.storage import Storage
from s3portal.server.testing import RunningServer

CONTEXT = b"access-key/AKIA"


def new_key():
    return base64.b64encode(secrets.token_bytes(32)).decode()


def test_the_key_is_made_at_first_need_for_its_owner_only(tmp_path):
    master_key = MasterKey(tmp_path)
    assert not (tmp_path / KEY_FILE).exists()

    sealed = master_key.seal(b"secret", CONTEXT)

    assert b"secret" not in sealed
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert MasterKey(tmp_path).open(sealed, CONTEXT) == b"secret"
    assert sorted(path.name for path in tmp_path.iterdir()) == [NOTE_FILE, KEY_FILE]


def test_the_same_text_is_sealed_differently_each_time(tmp_path):
    master_key = MasterKey(tmp_path)
    assert len({master_key.seal(b"", CONTEXT) for _ in range(50)}) == 50


def test_every_changed_bit_and_every_other_context_is_refused(tmp_path):
    master_key = MasterKey(tmp_path)
    sealed = master_key.seal(b"secret", CONTEXT)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(MasterKeyError):
            master_key.open(bytes(changed), CONTEXT)
        with pytest.raises(MasterKeyError):
            master_key.open(sealed[:position], CONTEXT)
    for context in (b"", CONTEXT + b"A", b"access-key/AKIB"):
        with pytest.raises(SealBroken):
            master_key.open(sealed, context)


def test_many_at_once_make_one_key(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        keys = [MasterKey(tmp_path) for _ in range(16)]
        sealed = list(pool.map(lambda key: key.seal(b"secret", CONTEXT), keys))
    assert {MasterKey(tmp_path).open(one, CONTEXT) for one in sealed} == {b"secret"}


def test_a_lost_key_is_not_replaced_by_a_new_one(tmp_path):
    sealed = MasterKey(tmp_path).seal(b"secret", CONTEXT)
    kept = (tmp_path / KEY_FILE).read_bytes()
    (tmp_path / KEY_FILE).unlink()
    for use in (MasterKey(tmp_path).check, lambda: MasterKey(tmp_path).seal(b"more", CONTEXT)):
        with pytest.raises(MasterKeyMissing, match="Restore it from its backup"):
            use()
    (tmp_path / KEY_FILE).write_bytes(kept)
    assert MasterKey(tmp_path).open(sealed, CONTEXT) == b"secret"


def test_another_key_is_refused_and_may_stand_beside_the_old_one(tmp_path):
    sealed = MasterKey(tmp_path).seal(b"secret", CONTEXT)
    (old_id,) = MasterKey(tmp_path).key_ids()
    old = (tmp_path / KEY_FILE).read_text()
    (tmp_path / KEY_FILE).write_text(new_key())
    with pytest.raises(WrongMasterKey, match=old_id):
        MasterKey(tmp_path).open(sealed, CONTEXT)

    (tmp_path / KEY_FILE).write_text(f"{new_key()}\n{old}")
    both = MasterKey(tmp_path)

    assert both.open(sealed, CONTEXT) == b"secret"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal(b"secret", CONTEXT))


def test_the_key_comes_from_a_file_a_variable_or_a_command(tmp_path, monkeypatch):
    text = new_key()
    raw = base64.b64decode(text)
    for name, content in (("base64", text.encode()), ("hex", raw.hex().encode() + b"\n"), ("raw", raw)):
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("SITE_KEY", text)
    command = (sys.executable, "-c", f"print({text!r})")
    sources = [MasterKeySource(file=tmp_path / name) for name in ("base64", "hex", "raw")]
    sources += [MasterKeySource(variable="SITE_KEY"), MasterKeySource(command=command)]
    folder = tmp_path / "s3"
    folder.mkdir()

    sealed = MasterKey(folder, sources[0]).seal(b"secret", CONTEXT)

    assert [MasterKey(folder, source).open(sealed, CONTEXT) for source in sources] == [b"secret"] * 5
    assert not (folder / KEY_FILE).exists()


def test_a_source_without_a_key_is_found_at_the_start(tmp_path, monkeypatch):
    monkeypatch.setenv("SITE_KEY", "c2hvcnQ=")
    (tmp_path / "empty").touch()
    failing = (sys.executable, "-c", "import sys; sys.exit('the vault is sealed')")
    for source, said in (
        (MasterKeySource(file=tmp_path / "nowhere"), "there is none"),
        (MasterKeySource(file=tmp_path / "empty"), "it is empty"),
        (MasterKeySource(variable="SITE_KEY"), "it has 5 bytes"),
        (MasterKeySource(variable="NOT_SET"), "there is none"),
        (MasterKeySource(command=failing), "the vault is sealed"),
        (MasterKeySource(command=("/nowhere/at/all",)), "No such file"),
    ):
        with pytest.raises(MasterKeyUnreadable, match=said) as refused:
            MasterKey(tmp_path / "s3", source).check()
        assert "32 bytes in base64" in str(refused.value)


def test_a_key_that_others_can_read_is_complained_about(tmp_path, caplog):
    MasterKey(tmp_path).seal(b"", CONTEXT)
    (tmp_path / KEY_FILE).chmod(0o644)
    MasterKey(tmp_path).seal(b"", CONTEXT)
    assert f"chmod 600 {tmp_path / KEY_FILE}" in caplog.text


def test_the_configuration_says_where_the_key_is(tmp_path):
    def source(**document):
        return config_of_json({"master_key": document}).master_key

    assert source(file="/k/master.key").file == (tmp_path / "/k/master.key")
    assert source(variable="SITE_KEY") == MasterKeySource(variable="SITE_KEY")
    assert source(command=["vault", "read"]) == MasterKeySource(command=("vault", "read"))
    assert config_of_json({}).master_key == MasterKeySource()
    for wrong in ({}, {"file": "a", "variable": "b"}, {"command": "vault"}, {"file": ""}, {"path": "a"}):
        with pytest.raises(ConfigError, match="master_key"):
            source(**wrong)


def test_the_environment_says_where_the_key_is(tmp_path):
    def source(**environ):
        return add_environment(
            ServerConfig(), {f"S3PORTAL_SERVER_MASTER_KEY{name}": value for name, value in environ.items()}
        ).master_key

    assert source(_FILE=str(tmp_path)).file == tmp_path
    assert source(_COMMAND="vault read 'a b'").command == ("vault", "read", "a b")
    assert add_environment(
        ServerConfig(), {"S3PORTAL_SERVER_MASTER_KEY": new_key()}
    ).master_key == MasterKeySource(variable="S3PORTAL_SERVER_MASTER_KEY")
    with pytest.raises(ConfigError, match="must not be set together"):
        source(_FILE="a", _COMMAND="b")
    with pytest.raises(ConfigError, match="MASTER_KEY_COMMAND"):
        source(_COMMAND="vault 'read")


def test_a_server_does_not_start_with_another_key(tmp_path):
    folder = tmp_path / "s3"
    MasterKey(folder).seal(b"secret", CONTEXT)
    (folder / KEY_FILE).write_text(new_key())
    for workers in ("1", "2"):
        done = CliRunner().invoke(
            server_command, ["--root", str(folder), "--port", "0", "--workers", workers]
        )
        assert done.exit_code == 1
        assert "was sealed with the master key" in done.output


@pytest.fixture
def sealing(tmp_path, monkeypatch):
    """A folder with a table of sealed values, of which one row is not sealed."""
    column = SealedColumn("secrets", "sealed", "secret/{name}/{part}", where="kind = 'ours'")
    monkeypatch.setattr(rewrapping, "SEALED", (*rewrapping.SEALED, column))
    folder = tmp_path / "s3"
    with RunningServer(folder, {"buckets": [{"name": "kept"}]}):
        pass
    master_key = MasterKey(folder)
    with sqlite3.connect(folder / "metadata.sqlite3") as database:
        database.execute("CREATE TABLE secrets (name TEXT, part INTEGER, kind TEXT, sealed BLOB)")
        for number in range(20):
            sealed = column.seal(master_key, b"secret %d" % number, name="Ä", part=number)
            database.execute("INSERT INTO secrets VALUES ('Ä', ?, 'ours', ?)", (number, sealed))
        database.execute("INSERT INTO secrets VALUES ('b', 1, 'theirs', x'00'), ('c', 2, 'ours', NULL)")

    def opened(source=None):
        key = MasterKey(folder, source)
        with sqlite3.connect(folder / "metadata.sqlite3") as database:
            rows = database.execute(
                "SELECT name, part, sealed FROM secrets WHERE length(sealed) > 1 ORDER BY part"
            ).fetchall()
        assert all(key.is_current(sealed) for _, _, sealed in rows)
        return [column.open(key, sealed, name=name, part=part) for name, part, sealed in rows]

    return folder, opened


def run(*arguments):
    return CliRunner().invoke(server_command, ["rewrap", *map(str, arguments)])


def test_rewrapping_brings_all_to_a_new_key_and_drops_the_old_one(sealing):
    folder, opened = sealing
    before, old = opened(), (folder / KEY_FILE).read_bytes()

    done = run(folder, "--new-key")

    assert done.exit_code == 0, done.output
    assert MasterKey(folder).key_ids()[0] in done.output
    assert opened() == before == [b"secret %d" % number for number in range(20)]
    assert (folder / KEY_FILE).read_bytes().count(b"\n") == 1
    assert (folder / KEY_FILE).read_bytes() != old
    assert run(folder).exit_code == 0
    Storage(folder).close()


@pytest.mark.parametrize("step", ["_reseal_all", "note", "write_private_file"])
def test_rewrapping_that_ended_half_way_is_run_again(sealing, monkeypatch, step):
    folder, opened = sealing
    before = opened()

    def fail(*_):
        raise OSError("the disk has gone")

    with monkeypatch.context() as patched:
        if step == "note":
            patched.setattr(MasterKey, step, fail)
        elif step == "_reseal_all":
            patched.setattr(rewrapping, step, fail)
        else:
            # The first time it puts the new key before the old one, the second time it drops the old one.
            writings = iter([rewrapping.write_private_file, fail])
            patched.setattr(rewrapping, step, lambda *given: next(writings)(*given))
        assert "the disk has gone" in run(folder, "--new-key").output
    assert len(MasterKey(folder).key_ids()) == 2
    done = run(folder)

    assert done.exit_code == 0, done.output
    assert opened() == before
    assert len(MasterKey(folder).key_ids()) == 1


def test_a_key_of_a_command_is_followed_and_left_where_it_is(sealing):
    folder, opened = sealing
    old, new = (folder / KEY_FILE).read_text(), new_key()
    (folder / "key-of-the-vault").write_text(f"{new} {old}")
    (folder / "s3.json").write_text(
        '{"master_key": {"command": ["cat", "%s"]}}' % (folder / "key-of-the-vault")
    )

    refused = run(folder, "--config", folder / "s3.json", "--new-key")
    done = run(folder, "--config", folder / "s3.json")

    assert refused.exit_code == 1 and "before the old one" in refused.output
    assert done.exit_code == 0 and "take it out" in done.output
    assert len(opened(MasterKeySource(command=("echo", new)))) == 20


def test_what_cannot_be_opened_stops_rewrapping_and_nothing_is_changed(sealing):
    folder, _ = sealing
    with sqlite3.connect(folder / "metadata.sqlite3") as database:
        database.execute("UPDATE secrets SET part = 99 WHERE part = 19")
        before = database.execute("SELECT sealed FROM secrets").fetchall()

    done = run(folder, "--new-key")

    assert done.exit_code == 1 and "has been changed" in done.output
    with sqlite3.connect(folder / "metadata.sqlite3") as database:
        assert database.execute("SELECT sealed FROM secrets").fetchall() == before


def test_rewrapping_needs_a_folder_that_nobody_uses(sealing, tmp_path):
    folder, _ = sealing
    assert "no metadata.sqlite3" in run(tmp_path / "elsewhere").output
    with RunningServer(folder, {}):
        assert "stop it first" in run(folder).output
    assert text_of_keys([b"k" * 32]).endswith(b"\n")


def test_the_command_is_among_the_server_commands():
    done = subprocess.run(
        [sys.executable, "-m", "s3portal.server", "--help"], capture_output=True, text=True, check=True
    )
    assert "rewrap" in done.stdout
