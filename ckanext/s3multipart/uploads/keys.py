"""The keys of files: in the folder of their dataset, or in the one that another extension wants."""

from ckanext.s3multipart.extending.plugin_calls import key_owner
from ckanext.s3multipart.interfaces import WantedUpload
from s3portal.transfer import key_in_folder, object_key


def key_of(prefix: str, wanted: WantedUpload, upload_id: str) -> str:
    """The key of an upload that nobody has had before. Raises ExtensionFailed."""
    folder = key_owner(wanted)
    if folder is None:
        return object_key(prefix, wanted.organisation_id, wanted.dataset_id, upload_id, wanted.filename)
    return key_in_folder(prefix, folder, upload_id, wanted.filename)
