"""The migrations make just the tables that the model describes, and take them away again."""

from dataclasses import fields
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from callers import Caller
from ckan import model
from ckan.cli.db import _run_migrations

from ckanext import s3multipart
from ckanext.s3multipart.file_check import FileCheck
from ckanext.s3multipart.model import DownloadCount, UploadRow
from ckanext.s3multipart.store_memory import StoreAnswer
from s3portal.transfer.upload import Upload

pytestmark = pytest.mark.smoke

FILE_CHECKS = "c41e90b7d2f8"
OURS = {table.__tablename__ for table in (UploadRow, DownloadCount, StoreAnswer, FileCheck)}


def test_the_tables_are_as_the_model_says(portal) -> None:
    def ours(item, name, kind, reflected, compare_to) -> bool:
        return (item if kind == "table" else item.table).name in OURS

    with model.Session.get_bind().connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        assert compare_metadata(context, model.meta.metadata) == []


def test_they_can_be_taken_back(portal) -> None:
    model.Session.remove()
    try:
        _run_migrations("s3multipart", "base", False)
        assert not OURS & set(sa.inspect(model.Session.get_bind()).get_table_names())
    finally:
        _run_migrations("s3multipart", "head", True)
    assert set(sa.inspect(model.Session.get_bind()).get_table_names()) >= OURS


def version_before(revision: str) -> str:
    """The version of the tables that a migration finds."""
    return (
        ScriptDirectory(str(Path(s3multipart.__file__).parent / "migration" / "s3multipart"))
        .get_revision(revision)
        .down_revision
    )


def test_files_of_the_version_before_know_since_when_they_are_attached(
    portal, publisher: Caller, another_publisher: Caller
) -> None:
    """The migration finds rows as the version before wrote them."""
    attached, unfinished = publisher.publish(), another_publisher.begin()
    model.Session.remove()
    try:
        _run_migrations("s3multipart", version_before(FILE_CHECKS), False)
    finally:
        _run_migrations("s3multipart", "head", True)

    (file,) = publisher.do("s3multipart_file_list", owner=publisher.dataset)
    row = model.Session.get(UploadRow, file["upload"])
    assert (row.resource_id, row.attached_at) == (attached["id"], row.updated_at)
    assert model.Session.get(UploadRow, unfinished["id"]).attached_at is None


def test_a_row_holds_all_of_an_upload() -> None:
    columns = {column.name for column in sa.inspect(UploadRow).columns}

    assert {field.name for field in fields(Upload)} <= columns
