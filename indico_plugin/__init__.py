"""The Indico plugin: storage of Indico's files on S3, and uploads straight from the browser to it.

A drop-in for indico-plugin-storage-s3: the same plugin name, backends, options, file ids, URLs and commands.
"""

from indico.util.i18n import make_bound_gettext

_ = make_bound_gettext("storage_s3")
