"""The database of CKAN's datastore, with the two users that it needs."""

import contextlib
from pathlib import Path

import psycopg2
import pylibmagic  # noqa: F401  (before CKAN, which loads the library through python-magic)

from s3portal.demo.postgres import OWNER, Postgres

DATABASE = "datastore"
READER = "datastore_reader"


def datastore_settings(postgres: Postgres) -> dict[str, str]:
    """Makes the database; the settings with which CKAN finds it."""
    from ckanext.datastore.cli import permissions_sql

    address = postgres.create_database(DATABASE)
    connection = psycopg2.connect(address)
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {READER} LOGIN PASSWORD 'reader'")
        sql = permissions_sql(OWNER, DATABASE, OWNER, OWNER, READER)
        # \connect is for psql, and the connection is to this database already.
        cursor.execute("\n".join(line for line in sql.splitlines() if not line.startswith("\\connect")))
    host = address.rpartition("@")[2]
    return {
        "ckan.datastore.write_url": address,
        "ckan.datastore.read_url": f"postgresql://{READER}:reader@{host}",
    }


def datastore_server(folder: Path) -> Postgres:
    """A server for the datastore alone: CKAN wants it to be another database than its own."""
    return Postgres(folder, durable=False)
