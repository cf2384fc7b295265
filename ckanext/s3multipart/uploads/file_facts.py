"""What a resource says of its file: written when the file comes, kept true while it stays, and gone with it.

The row of the upload is what is true. A resource's fields can be edited by everyone who may edit the
dataset, and programs send whole resources back that they read some time ago: what contradicts the file is put
right without an error. ``hash`` has the SHA-256 where it is known, as ckanext-dcat reads it. It is shared
with others (xloader keeps an MD5 there), so it is put right only where it is written as we write it. What the
store computed, a CRC, has a field of its own.

CKAN leaves a column as it is where a save does not mention it, and drops a null, so what has to go is written
as "", which CKAN's validators store as nothing.
"""

import mimetypes
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any, TypeGuard
from urllib.parse import unquote, urlsplit

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.links import link_name
from ckanext.s3multipart.model import UploadRow, attached_upload, earlier_uploads
from s3portal.portal.protocol import can_be_kept
from s3portal.transfer import CRCS, format_of

#: The field of a resource that has the store's checksum.
CHECKSUM_FIELD = "s3multipart_checksum"
ALGORITHM_FIELD = "hash_algorithm"
#: How DCAT names it: ckanext-dcat writes a URI as it is.
SHA256_ALGORITHM = "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"

# What versions before wrote into ``hash``.
_CRC_AS_HASH = re.compile(rf"(?i)(?:{'|'.join(CRCS)}):.*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DOWNLOAD_LINK = re.compile(r"/resource/([^/?#]+)/download(?:/|$)")
#: What is known of a file, except for its name and its format.
_FACTS = ("size", "mimetype", "hash", "last_modified")


def checksum_text(row: UploadRow) -> str:
    """The store's checksum as a resource has it, ``crc64nvme:`` and the value; "" without one."""
    return f"{row.checksum_algorithm.lower()}:{row.checksum_value}" if row.checksum_value else ""


def is_sha256(text: object) -> TypeGuard[str]:
    """Whether it is a SHA-256 as ``hash`` has it: 64 hexadecimal digits, none of them a capital."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def describe_checksums(resource: dict[str, Any], row: UploadRow) -> None:
    """Puts right what a resource says of the checksums of its file. A hash that another extension wrote
    stays."""
    own_hash, given_hash = row.sha256 or "", str(resource.get("hash") or "")
    if not given_hash or _CRC_AS_HASH.fullmatch(given_hash) or (own_hash and is_sha256(given_hash.lower())):
        resource["hash"] = own_hash
    _describe_store_checksum(resource, row)


def as_ckan_has_it(moment: datetime) -> str:
    """A time as fields of resources have it: UTC, and without saying so."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat()


def describe_new(
    resource: dict[str, Any], row: UploadRow, attached_at: datetime, former: Sequence[UploadRow] = ()
) -> None:
    """Writes what is known of the file that comes. ``former`` are the uploads that were the resource's
    file."""
    stored = _stored(resource)
    given_hash = resource.get("hash")
    if (stored is not None and given_hash == stored.hash) or given_hash in [each.sha256 for each in former]:
        resource["hash"] = ""
    if row.sha256:
        resource["hash"] = row.sha256
    describe_checksums(resource, row)
    if not resource.get("format"):
        resource["format"] = format_of(row.filename)
    elif _follows_name(resource["format"], former, stored):
        resource["format"] = _unless_unknown(format_of(row.filename), resource["format"], former)
    resource["url"] = link_name(row.filename)
    resource["url_type"] = "upload"
    resource["size"] = row.size_bytes
    resource["mimetype"] = row.content_type
    resource["last_modified"] = as_ckan_has_it(attached_at)


def keep_true(resource: dict[str, Any], row: UploadRow) -> None:
    """Puts right what a save says of the file that the resource keeps."""
    # Shown with its whole address; kept by its name, which CKAN's way there and back would have changed.
    resource["url"] = link_name(row.filename)
    resource["url_type"] = "upload"
    resource["size"] = row.size_bytes
    resource["mimetype"] = row.content_type
    # What is not mentioned stays.
    resource.pop("last_modified", None)
    describe_checksums(resource, row)


def forget_for_link(resource: dict[str, Any], former: Sequence[UploadRow]) -> None:
    """Takes away what a save says of a file that makes room for a link, or for nothing. What else the caller
    says stays."""
    url = str(resource.get("url") or "")
    _forget(resource, former, _name_in(url))
    if not resource["mimetype"] and tk.config.get("ckan.mimetype_guess") == "file_ext":
        resource["mimetype"] = mimetypes.guess_type(url)[0] or ""


def forget_for_file_of_ckan(resource: dict[str, Any], former: Sequence[UploadRow], filename: str) -> None:
    """Takes away what a save says of a file that makes room for one that CKAN stores, which CKAN describes
    then."""
    _forget(resource, former, filename)
    # CKAN would tell the type by the name of the former file.
    resource["url"] = ""
    if not resource["mimetype"] and (
        mimetypes.guess_type(filename)[0] or tk.config.get("ckan.mimetype_guess") == "file_contents"
    ):
        del resource["mimetype"]


def forget_copied_files(resource: dict[str, Any]) -> None:
    """Takes away what a resource without our file says of the file that it was copied from, or that it
    had itself and that is gone."""
    if resource.get("url_type") != "upload":
        return
    sources = former_files(resource.get("id"))
    if copied_from := _DOWNLOAD_LINK.search(str(resource.get("url") or "")):
        sources += former_files(copied_from[1])
    for fact in _FACTS:
        if any(_is_fact(fact, resource.get(fact), row) for row in sources):
            resource[fact] = ""
    if sources:
        resource.pop(CHECKSUM_FIELD, None)
    _forget_algorithm(resource)


def former_files(resource_id: object) -> list[UploadRow]:
    """What is, or was, the file of this resource."""
    attached = file_of(resource_id)
    return ([attached] if attached else []) + (earlier_uploads(resource_id) if is_id(resource_id) else [])


def file_of(resource_id: object) -> UploadRow | None:
    """The upload that is the file of this resource; of what can be no id, there is none."""
    return attached_upload(resource_id) if is_id(resource_id) else None


def is_id(value: object) -> TypeGuard[str]:
    """Whether the database can be asked for it: CKAN looks at ids only after this."""
    return isinstance(value, str) and value != "" and can_be_kept(value)


def _forget(resource: dict[str, Any], former: Sequence[UploadRow], new_name: str) -> None:
    stored = _stored(resource)
    for fact in _FACTS:
        given = resource.get(fact)
        if (
            given in (None, "")
            or _same(fact, given, getattr(stored, fact, None))
            or any(_is_fact(fact, given, row) for row in former)
        ):
            resource[fact] = ""
    resource.pop(CHECKSUM_FIELD, None)
    _forget_algorithm(resource)
    given_format = resource.get("format") or getattr(stored, "format", "")
    if given_format and _follows_name(given_format, former, stored):
        resource["format"] = format_of(new_name) if new_name else ""


def _describe_store_checksum(resource: dict[str, Any], row: UploadRow) -> None:
    if checksum := checksum_text(row):
        resource[CHECKSUM_FIELD] = checksum
    else:
        resource.pop(CHECKSUM_FIELD, None)
    if row.sha256 and resource.get("hash") == row.sha256:
        resource[ALGORITHM_FIELD] = SHA256_ALGORITHM
    _forget_algorithm(resource)


def _forget_algorithm(resource: dict[str, Any]) -> None:
    """What is no SHA-256 is not called one: xloader's MD5, or a hash that is gone."""
    if resource.get(ALGORITHM_FIELD) == SHA256_ALGORITHM and not is_sha256(resource.get("hash")):
        del resource[ALGORITHM_FIELD]


def _stored(resource: dict[str, Any]) -> model.Resource | None:
    """The resource as the database has it, before the save."""
    resource_id = resource.get("id")
    return model.Resource.get(resource_id) if is_id(resource_id) else None


def _is_fact(fact: str, given: object, row: UploadRow) -> bool:
    """Whether this is what we wrote of the row's file."""
    written = {
        "size": row.size_bytes,
        "mimetype": row.content_type,
        "hash": given if given in (row.sha256, checksum_text(row)) else None,
        "last_modified": as_ckan_has_it(row.attached_at) if row.attached_at else None,
    }
    return _same(fact, given, written[fact])


def _same(fact: str, one: object, other: object) -> bool:
    """Whether two values of a field are the same, as the database or as JSON has them."""
    if one in (None, "") or other in (None, ""):
        return False
    if fact == "last_modified":
        return _moment(one) == _moment(other)
    return str(one).strip() == str(other).strip()


def _moment(value: object) -> str:
    text = value.isoformat() if hasattr(value, "isoformat") else str(value).replace(" ", "T")
    # A time of a whole second has no fraction in the one, and zeros in the other.
    return text.removesuffix("Z").removesuffix("+00:00").removesuffix(".000000")


def _follows_name(
    resource_format: object, former: Sequence[UploadRow], stored: model.Resource | None
) -> bool:
    """Whether the format is the one that the name of what was there before suggests."""
    names = [row.filename for row in former]
    if stored is not None:
        names.append(_name_in(stored.url or ""))
    suggested = {suggestion for name in names for suggestion in _formats_by_rule(name)}
    return str(resource_format).strip().lower() in suggested


def _formats_by_rule(filename: str) -> set[str]:
    """What the rule makes of the name, here and in CKAN, and what it made of it in versions before."""
    if not filename:
        return set()
    by_rule = format_of(filename)
    before = PurePosixPath(filename).suffix.removeprefix(".").strip()
    return {text.lower() for text in (by_rule, tk.h.unified_resource_format(by_rule), before) if text}


def _unless_unknown(new: str, given: str, former: Sequence[UploadRow]) -> str:
    """A name that suggests nothing leaves a format alone that was not ours."""
    return new if new or former else given


def _name_in(url: str) -> str:
    """The file's name at the end of an address, "" where there is none."""
    try:
        return unquote(urlsplit(url).path.rsplit("/", 1)[-1])
    except ValueError:
        return ""
