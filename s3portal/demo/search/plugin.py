"""The CKAN plugin that puts dataset search on PostgreSQL: s3portal_demo_search in `ckan.plugins`."""

from __future__ import annotations

from typing import Any

import ckan.lib.search
import ckan.lib.search.common
import ckan.lib.search.index
import ckan.lib.search.query
import ckan.plugins as p
from ckan.common import config

from s3portal.demo.search.connection import Connection

_check_schema_file = ckan.lib.search.check_solr_schema_version


class DemoSearchPlugin(p.SingletonPlugin):  # type: ignore[misc]  # CKAN has no types that mypy finds here
    """Replaces the connection under CKAN's search, in every module that has taken it by name."""

    p.implements(p.IConfigurer)

    def update_config(self, config_: Any) -> None:
        """Runs before CKAN's own first look at the search server."""
        for module in (ckan.lib.search, ckan.lib.search.common, ckan.lib.search.index, ckan.lib.search.query):
            module.make_connection = make_connection
        ckan.lib.search.check_solr_schema_version = check_solr_schema_version


def make_connection(decode_dates: bool = True) -> Connection:
    """A connection for CKAN; documents come with dates as datetimes or, as in JSON, as strings."""
    decode = ckan.lib.search.common.solr_datetime_decoder if decode_dates else None
    return Connection(config["sqlalchemy.url"], decode)


def check_solr_schema_version(schema_file: str | None = None) -> bool:
    """There is no schema to check unless one is given."""
    return bool(_check_schema_file(schema_file)) if schema_file else True
