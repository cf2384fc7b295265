"""The settings on the plugin's page in Indico's administration, and the plugin's log, for all its modules.

The plugin itself stands above its parts and is imported by none of them.
"""

from indico.core.logger import Logger
from indico.core.settings import SettingsProxy

#: The name of indico-plugin-storage-s3, whose settings these were.
NAME = "storage_s3"
DEFAULTS = {
    "bucket_info_enabled": False,
    "username": "",
    "password": "",
    "direct_uploads": False,
    "direct_upload_categories": [],
}
ACLS = frozenset({"direct_upload_groups"})

#: The same rows as those of Indico's own ``IndicoPlugin.settings``.
settings = SettingsProxy(f"plugin_{NAME}", DEFAULTS, acls=ACLS)
logger = Logger.get(f"plugin.{NAME}")
