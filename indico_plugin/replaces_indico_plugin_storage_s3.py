"""Where Indico finds the plugin.

The name of this module is a message: with ``indico-plugin-storage-s3`` installed as well, Indico does not
start and says only in which modules it found two plugins of one name, before any code of either runs. So that
line of its log is all there is to tell the administrator which of the two is the one to uninstall.
"""

from indico_plugin.plugin import S3StoragePlugin

__all__ = ["S3StoragePlugin"]
