"""Whether a dataset has a file already: by the portal's own record of its uploads, and never by fields of
resources, which everyone who may edit the dataset can change, and which other extensions write to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from s3portal.client.ckan import CkanPortal
from s3portal.client.dataset_overview import DatasetOverview
from s3portal.client.errors import PortalError, WrongFile
from s3portal.client.fingerprint import is_fingerprint, require_same_file, same_name
from s3portal.client.local_file import LocalFile
from s3portal.transfer import CRCS


@dataclass(frozen=True)
class PublishedFile:
    """A file of a resource. ``checksum`` is as CKAN's ``hash``, ``crc64nvme:rosUhgp5mIg=``, or "".
    ``is_missing`` says that the store has lost it."""

    resource_id: str
    url: str
    size_bytes: int
    checksum: str
    is_missing: bool = False


def find_published(
    portal: CkanPortal,
    overview: DatasetOverview,
    file: LocalFile,
    *,
    dataset: str,
    resource: str = "",
    resource_name: str = "",
) -> PublishedFile | None:
    """This very file, as the dataset has it; only ``resource`` is looked at where it is given. None where the
    dataset has no such file, or where the caller may not edit it, which the portal says better when an upload
    is created.

    Name and size are compared first: only then is the file read for its checksum. A portal of an earlier
    version does not know what is asked; there the resource's fields decide, and its name, ``resource_name``.
    """
    try:
        files = overview.published_files()
    except PortalError as error:
        if error.status in (401, 403, 404):
            return None
        if error.code != "no_s3multipart":
            raise
        return _by_fields(portal, file, dataset, resource, resource_name)
    for listed in files:
        # Only who may edit the dataset is told by which upload a file came.
        if listed["upload"] and _is_meant(file, listed, resource) and _is_same(file, listed):
            return _found(portal, dataset, listed)
    return None


def _is_meant(file: LocalFile, listed: dict[str, Any], resource: str) -> bool:
    if listed["size"] != file.size_bytes:
        return False
    return listed["resource"] == resource if resource else same_name(listed["filename"], file.name)


def _is_same(file: LocalFile, listed: dict[str, Any]) -> bool:
    checksum = listed["checksum"]
    if checksum and checksum["algorithm"] in CRCS:
        return _crc(file, checksum["algorithm"]) == str(checksum["value"])
    # The store computed none: then size, last change and samples decide.
    if not is_fingerprint(listed["fingerprint"] or ""):
        return False
    try:
        require_same_file(file, listed["size"], listed["fingerprint"])
    except WrongFile:
        return False
    return True


def _found(portal: CkanPortal, dataset: str, listed: dict[str, Any]) -> PublishedFile:
    resource_id, checksum = str(listed["resource"]), listed["checksum"]
    return PublishedFile(
        resource_id=resource_id,
        url=str(portal.call("resource_show", id=resource_id)["url"]),
        size_bytes=listed["size"],
        checksum=f"{checksum['algorithm'].lower()}:{checksum['value']}" if checksum else "",
        is_missing=bool(listed.get("missing_since")) or not portal.has_file(dataset, resource_id),
    )


def _by_fields(
    portal: CkanPortal, file: LocalFile, dataset: str, resource: str, resource_name: str
) -> PublishedFile | None:
    for each in portal.resources(dataset):
        is_meant = each["id"] == resource if resource else each.get("name") == resource_name
        algorithm, _, value = str(each.get("hash") or "").partition(":")
        if (
            is_meant
            and each.get("size") == file.size_bytes
            and algorithm.upper() in CRCS
            and _crc(file, algorithm.upper()) == value
        ):
            return PublishedFile(str(each["id"]), str(each["url"]), file.size_bytes, str(each["hash"]))
    return None


def _crc(file: LocalFile, algorithm: str) -> str:
    crc, value = CRCS[algorithm], 0
    for block in file.blocks():
        value = crc.update(block, value)
    return crc.encode(value)
