"""The steps from schema to schema: each is all or nothing, also when the server is killed in it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from earlier_folder import SCHEMAS, unpack

from s3portal.server.pytest_plugin import server_config
from s3portal.server.storage import migrations, usage
from s3portal.server.storage.migrations import NotUpgraded
from s3portal.server.storage.storage import Storage
from s3portal.server.testing import RunningServer

STATEMENTS = sum(len(step) for step in migrations.STEPS[1:])


@pytest.fixture(scope="module", params=SCHEMAS)
def schema(request):
    return request.param


@pytest.fixture(scope="module")
def earlier(schema, tmp_path_factory):
    """The folder of an earlier schema without its blobs, which no step touches."""
    root = unpack(tmp_path_factory.mktemp("earlier"), schema)
    shutil.rmtree(root / "blobs")
    (root / "blobs").mkdir()
    return root


def rows_of(root):
    """Everything in the database of a folder, table by table, and its schema."""
    with sqlite3.connect(root / "metadata.sqlite3") as connection:
        schema = connection.execute(
            "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
        ).fetchall()
        tables = [name for kind, name, _ in schema if kind == "table"]
        doomed_at = {"doomed": "blob, body_id"}
        return schema, {
            table: connection.execute(f"SELECT {doomed_at.get(table, '*')} FROM {table}").fetchall()
            for table in tables
            if table != "sqlite_sequence"
        }


@pytest.fixture(scope="module")
def upgraded(earlier, tmp_path_factory):
    """Schema and rows after an upgrade that nothing disturbed."""
    root = tmp_path_factory.mktemp("upgraded") / "s3"
    shutil.copytree(earlier, root)
    Storage(root).close()
    return rows_of(root)


def test_a_kill_at_any_statement_leaves_a_folder_that_starts(schema, earlier, upgraded, tmp_path):
    taken = sum(len(step) for step in migrations.STEPS[1:schema])
    for number in range(taken, STATEMENTS + 1):
        root = tmp_path / f"{number}"
        shutil.copytree(earlier, root)
        script = Path(__file__).with_name("upgrade_and_die.py")
        killed = subprocess.run([sys.executable, script, root, f"{number}"], check=False)
        assert killed.returncode == -9
        Storage(root).close()
        assert rows_of(root) == upgraded
        shutil.rmtree(root)


def test_an_upgraded_folder_has_the_schema_of_a_new_one(upgraded, tmp_path):
    Storage(tmp_path).close()
    assert rows_of(tmp_path)[0] == upgraded[0]


def test_the_counters_of_an_upgraded_folder_are_right(schema, tmp_path):
    with RunningServer(unpack(tmp_path, schema), server_config()) as server:
        storage = server._server.storage
        counted = {name: usage.of_bucket(storage, name) for name in ("test-bucket", "other.bucket")}
        assert counted == {name: usage.recounted(storage, name) for name in counted}
        assert counted["other.bucket"].object_bytes > 30_000_000
        assert counted["test-bucket"].uploads == 3


def test_a_step_that_fails_says_so_and_changes_nothing(schema, earlier, upgraded, tmp_path, monkeypatch):
    root = tmp_path / "s3"
    shutil.copytree(earlier, root)
    steps = [*migrations.STEPS]
    steps[schema] = (*steps[schema], "INSERT INTO no_such_table VALUES (1)")
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", tuple(steps))
        expected = f"could not be upgraded to schema {schema + 1} and is as it was before"
        with pytest.raises(NotUpgraded, match=expected):
            Storage(root)
    with sqlite3.connect(root / "metadata.sqlite3") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (schema,)
    Storage(root).close()
    assert rows_of(root) == upgraded
