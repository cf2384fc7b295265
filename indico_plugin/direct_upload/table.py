"""Whether the table of direct uploads is that of this version: sites that come from another plugin have none
at first, and an upgrade may be forgotten.
"""

from indico.core.db import db
from sqlalchemy import inspect
from sqlalchemy.engine import Engine

from indico_plugin.models.uploads import DirectUpload

#: What makes the table, and brings it up to date.
UPGRADE_COMMAND = "indico db --plugin storage_s3 upgrade"


#: The databases whose table was found to be current: it stays so as long as the process lives.
_current: set[Engine] = set()


def table_is_current() -> bool:
    """Whether direct uploads can be recorded, asked of the database until they can: the table is there, with
    the columns that this version needs.
    """
    engine = db.engine
    if engine not in _current and _has_columns(engine):
        _current.add(engine)
    return engine in _current


def _has_columns(engine: Engine) -> bool:
    table, found = DirectUpload.__table__, inspect(engine)
    if not found.has_table(table.name, schema=table.schema):
        return False
    names = {column["name"] for column in found.get_columns(table.name, schema=table.schema)}
    return names >= set(table.columns.keys())
