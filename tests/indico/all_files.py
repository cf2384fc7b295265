"""Prints, as JSON, every stored file of a site: where it is, and the MD5 of what is really there.

Run in the application context of a site.
"""

import hashlib
import json

from indico.core.storage import StoredFileMixin
from sqlalchemy import inspect

found = {}
for model in StoredFileMixin.__subclasses__():
    for row in model.query.filter(model.storage_file_id.isnot(None)):
        with row.open() as content:
            md5 = hashlib.md5(content.read()).hexdigest()
        name = f"{model.__name__} {inspect(row).identity}"
        found[name] = [row.storage_backend, row.storage_file_id, row.filename, md5, row.md5]
print(json.dumps(found))
