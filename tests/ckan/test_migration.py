"""The migrations make just the tables that the model describes, and take them away again."""

from dataclasses import fields

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from ckan import model
from ckan.cli.db import _run_migrations

from ckanext.s3multipart.model import DownloadCount, UploadRow
from ckanext.s3multipart.store_memory import StoreAnswer
from s3portal.transfer.upload import Upload

pytestmark = pytest.mark.smoke

OURS = {UploadRow.__tablename__, DownloadCount.__tablename__, StoreAnswer.__tablename__}


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


def test_a_row_holds_all_of_an_upload() -> None:
    columns = {column.name for column in sa.inspect(UploadRow).columns}

    assert {field.name for field in fields(Upload)} <= columns
