"""Addresses that only the extensions had that a site came from. They lead to the persistent link."""

from typing import Any

import ckan.plugins.toolkit as tk
from flask import Blueprint, request

#: ckanext-s3filestore, beside CKAN's own address, which it shares with all others.
_S3FILESTORE = ("orig_download", "fs_download")


def old_links_blueprint(dataset_types: list[str]) -> Blueprint:
    """The old routes, for these types of datasets."""
    blueprint = Blueprint("s3multipart_old_links", __name__)
    for dataset_type in dataset_types:
        for route in _S3FILESTORE:
            blueprint.add_url_rule(
                f"/{dataset_type}/<id>/resource/<resource_id>/{route}/<filename>",
                # Two rules of one endpoint with the same defaults would lead to one another.
                endpoint=f"{route}_{dataset_type}",
                view_func=to_persistent_link,
                defaults={"package_type": dataset_type},
            )
    return blueprint


def to_persistent_link(package_type: str, id: str, resource_id: str, filename: str) -> Any:
    """Whether there is such a file, and who may have it, is for the link itself to say."""
    link = tk.url_for(
        "s3multipart_download.download",
        package_type=package_type,
        id=id,
        resource_id=resource_id,
        filename=filename,
    )
    asked = request.query_string.decode("ascii", "ignore")
    return tk.redirect_to(f"{link}?{asked}" if asked else link)
