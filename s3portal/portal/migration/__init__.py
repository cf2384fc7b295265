"""Moving a portal's files between storages: copy, apply, revert. Every step can be killed and run again.

A portal says which files there are, where each goes and what changes in its row (``Move``), and changes rows
(``Rows``). The engine does the rest: several files at a time, each verified, what was done in a mapping file
that a later run resumes from and that is the way back.

>>> with MappingWriter(path, parse) as mapping:           # copies, and changes nothing in the database
...     for file in copy_files(move, mapping, threads, report):
...         ...
>>> for change in apply_changes(rows, changes, report):   # makes the portal use the copies
...     ...
>>> for change in apply_changes(rows, way_back(changes), report):   # and the old files again
...     ...
"""

from s3portal.portal.migration.applying import ApplyReport, apply_changes, missing_everywhere, way_back
from s3portal.portal.migration.copied_object import copy_object
from s3portal.portal.migration.copying import CopyReport, copy_files, survey
from s3portal.portal.migration.interface import (
    AlreadyThere,
    Change,
    FileT,
    LocalMove,
    Move,
    NotVerified,
    Place,
    PortalFile,
    Rows,
    RowState,
    UnusableChange,
    UnusableRow,
)
from s3portal.portal.migration.local_folder import receive_file, verify_local_file
from s3portal.portal.migration.mapping_file import MappingError, MappingWriter, read_mapping
from s3portal.portal.migration.moving import move_files
from s3portal.portal.migration.sent_object import (
    OpenSource,
    SentObject,
    compare_object,
    send_object,
    verify_content,
)
from s3portal.portal.migration.stored_object import verify_object

__all__ = [
    "AlreadyThere",
    "ApplyReport",
    "Change",
    "CopyReport",
    "FileT",
    "LocalMove",
    "MappingError",
    "MappingWriter",
    "Move",
    "NotVerified",
    "OpenSource",
    "Place",
    "PortalFile",
    "RowState",
    "Rows",
    "SentObject",
    "UnusableChange",
    "UnusableRow",
    "apply_changes",
    "compare_object",
    "copy_files",
    "copy_object",
    "missing_everywhere",
    "move_files",
    "read_mapping",
    "receive_file",
    "send_object",
    "survey",
    "verify_content",
    "verify_local_file",
    "verify_object",
    "way_back",
]
