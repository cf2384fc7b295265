"""Whether the table of direct uploads was made: sites that come from another plugin have not, at first."""

from indico.core.db import db
from sqlalchemy import inspect

from indico_plugin.models.uploads import DirectUpload

#: What makes the table.
UPGRADE_COMMAND = "indico db --plugin storage_s3 upgrade"


def table_exists() -> bool:
    """Whether direct uploads can be recorded."""
    table = DirectUpload.__table__
    return inspect(db.engine).has_table(table.name, schema=table.schema)
