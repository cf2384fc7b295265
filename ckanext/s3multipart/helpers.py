"""Template helpers: whether the uploader is shown, with which values, and what is known of a file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.links import persistent_link
from ckanext.s3multipart.model import attached_upload, downloads
from ckanext.s3multipart.number_words import bytes_words, s3multipart_time, size_words
from ckanext.s3multipart.permission import authorised_owner, enabled_organisation, signed_in_user
from ckanext.s3multipart.scanning.shown_verdict import verdict_sentence
from ckanext.s3multipart.schema import is_current, require_current
from ckanext.s3multipart.settings import portal_settings, portal_store, transfer_settings
from ckanext.s3multipart.statistics.auth import may_see_downloads
from ckanext.s3multipart.uploads.file_facts import checksum_text
from ckanext.s3multipart.uploads.quota import usage
from s3portal.portal.web import script_of, web_version
from s3portal.transfer import TransferError, safe_filename


@dataclass(frozen=True)
class ShownFile:
    """What the resource page shows of a file that we store."""

    filename: str
    size: str
    size_to_the_byte: str
    sha256: str
    checksum: str
    downloads: int | None
    virus_check: str = ""


def s3multipart_uploader(dataset: str | None, resource: str | None = None) -> dict[str, Any] | None:
    """The variables of templates/s3portal/uploader.html, or None where CKAN's own upload is all there is.

    ``dataset`` is an id or a name, ``resource`` the id of the resource whose file may be replaced.
    """
    context = {"user": tk.current_user.name, "auth_user_obj": tk.current_user}
    try:
        require_current()
        signed_in_user(context)
        owner = authorised_owner(context, dataset or "", resource or "")
        # Where the store cannot be used, CKAN's own upload is all there is.
        portal_store().credentials()
    except TransferError:
        return None
    settings, script = transfer_settings(), script_of("ckan/form")
    return {
        "owner": owner.dataset_id,
        "resource": owner.resource_id,
        "script_url": s3multipart_web_url(script.path),
        "module_urls": [s3multipart_web_url(path) for path in script.modules],
        "api": tk.url_for("api.action", ver=3, logic_function="").rstrip("/"),
        "locale": tk.h.lang().replace("_", "-"),
        "max_size": settings.size_limit[0],
        "concurrency": settings.concurrency,
        "upload_mode": settings.upload_mode,
        "distance_url": tk.url_for("s3multipart_distance.distance", dataset=owner.dataset_id),
        "usage": quota_sentence(owner.dataset_id),
    }


def quota_sentence(dataset_id: str) -> str:
    """How much of its quota the dataset's organisation has used, "" where there is none."""
    quota_bytes = portal_settings().org_quota
    if not quota_bytes:
        return ""
    organisation = enabled_organisation(model.Package.get(dataset_id))
    counted = usage(organisation.id)
    said = tk._("%(used)s of %(allowed)s used by %(organisation)s") % {
        "used": size_words(counted.used),
        "allowed": size_words(quota_bytes),
        "organisation": organisation.title or organisation.name,
    }
    if not counted.versions:
        return said
    return said + tk._(", including %(versions)s for earlier versions of files") % {
        "versions": size_words(counted.versions)
    }


def s3multipart_web_url(path: str) -> str:
    """The URL of a module or style of the uploader, which changes when any of them does."""
    return tk.url_for("s3multipart_web.web_module", version=web_version(), path=path)


def s3multipart_button_class() -> str:
    """The classes of CKAN's own plain buttons, which changed with CKAN 2.12."""
    return "btn btn-secondary" if tk.check_ckan_version(min_version="2.12") else "btn btn-default"


def s3multipart_file(resource_id: str) -> ShownFile | None:
    """What is known of the resource's file, None where it is not our upload."""
    row = attached_upload(resource_id) if is_current() else None
    if row is None:
        return None
    return ShownFile(
        # As it is downloaded: a name may be made to look like another.
        filename=safe_filename(row.filename),
        size=size_words(row.size_bytes),
        size_to_the_byte=bytes_words(row.size_bytes),
        sha256=row.sha256 or "",
        checksum=checksum_text(row),
        virus_check=verdict_sentence(row.id),
        downloads=downloads(resource_id) if _shows_downloads(row.owner_id) else None,
    )


def _shows_downloads(dataset_id: str) -> bool:
    context = {"user": tk.current_user.name, "auth_user_obj": tk.current_user}
    return portal_settings().count_downloads and may_see_downloads(context, dataset_id)


def s3multipart_persistent_link(url: str) -> str:
    """The address of a file as people keep it, from the ``url`` that CKAN shows: without the language of
    whoever reads the page, and without the file's name, which changes when the file is replaced."""
    return persistent_link(url)


@tk.chained_helper
def format_resource_items(
    next_helper: Callable[..., list[tuple[str, Any]]], items: Iterable[tuple[str, Any]]
) -> list[tuple[str, Any]]:
    """CKAN's own, for the table of the resource page, which has MiB where the form and the rest of the page
    have MB."""
    fields = dict(items)
    shown = next_helper(list(fields.items()))
    is_upload = fields.get("url_type") == "upload" and fields.get("id") and is_current()
    row = attached_upload(fields["id"]) if is_upload else None
    if row is None:
        return shown
    return [(name, size_words(row.size_bytes) if name == "size" else value) for name, value in shown]


def helpers() -> dict[str, Any]:
    """The template helpers by name."""
    return {
        function.__name__: function
        for function in (
            s3multipart_uploader,
            s3multipart_web_url,
            s3multipart_button_class,
            s3multipart_file,
            s3multipart_persistent_link,
            s3multipart_time,
            format_resource_items,
        )
    }
