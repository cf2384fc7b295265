"""The module names of indico-plugin-storage-s3, for what imports them. Everything is in ``indico_plugin``."""

from indico_plugin import _

__all__ = ["_"]
