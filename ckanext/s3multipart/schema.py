"""Whether the database has the tables of this version of the extension: `ckan db upgrade` may be forgotten.

Until it is run, CKAN works as if the extension were not there, and anyone who calls it is told why.
"""

import logging
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from ckan import model
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from ckanext.s3multipart.errors import DatabaseNotUpgraded

log = logging.getLogger(__name__)

UPGRADE_COMMAND = "ckan db upgrade -p s3multipart"

_MIGRATIONS = Path(__file__).parent / "migration" / "s3multipart"
_VERSION_TABLE = "s3multipart_alembic_version"
#: The databases that were found to be current: they stay so as long as the process lives.
_current: set[Engine] = set()


def is_current() -> bool:
    """Whether the tables are those of this version; asked of the database until they are."""
    engine = model.Session.get_bind()
    if engine not in _current and _found_version(engine) not in _outdated():
        _current.add(engine)
    return engine in _current


def require_current() -> None:
    """Raises DatabaseNotUpgraded where the tables are not those of this version."""
    if not is_current():
        raise DatabaseNotUpgraded


def warn_if_outdated() -> None:
    """One sentence in the log when CKAN starts, for the administrator."""
    try:
        current = is_current()
    except SQLAlchemyError as error:
        log.warning("s3multipart cannot read its tables: %s", error)
        return
    if not current:
        log.error(
            "s3multipart is switched off: its tables in the database are missing or of an earlier version."
            " Run `%s`. CKAN's own upload still works.",
            UPGRADE_COMMAND,
        )


def _found_version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(_VERSION_TABLE):
            return None
        return connection.execute(
            sa.select(sa.column("version_num")).select_from(sa.table(_VERSION_TABLE))
        ).scalar()


def head() -> str:
    """The version of the tables that this extension was written for."""
    return str(_scripts().get_current_head())


@lru_cache(maxsize=1)
def _outdated() -> frozenset[str | None]:
    """The versions before this one, and that of a database without tables. One that is not known here is
    newer: migrations add, so what is used here is there."""
    return frozenset(script.revision for script in _scripts().walk_revisions()) - {head()} | {None}


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_MIGRATIONS))
