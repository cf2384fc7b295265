"""Uploads that tests begin as CKAN does, under keys with the upload's own id."""

from typing import Any

from s3portal.transfer import NewUpload, Store, new_upload_id, object_key


def new_upload(
    store: Store, organisation_id: str = "lab", dataset_id: str = "rivers", **values: Any
) -> NewUpload:
    """A file of anna's for the dataset; ``values`` are other fields of `NewUpload`."""
    upload_id = values.pop("id", None) or new_upload_id()
    filename = values.pop("filename", "rivers.csv")
    known = {"owner_type": "dataset", "owner_id": dataset_id, "user": "anna", "size_bytes": 7}
    key = object_key(store.settings.s3_prefix, organisation_id, dataset_id, upload_id, filename)
    return NewUpload(**{"id": upload_id, "key": key, "filename": filename, **known, **values})
