"""``indico_storage_s3.import_event_files``: the handler that ``indico event import-files`` is given."""

from indico_plugin.import_event_files import copy_files

__all__ = ["copy_files"]
