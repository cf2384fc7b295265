"""The pages, a module for each subject."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint

from s3portal.console.pages.acls import acl_pages
from s3portal.console.pages.buckets import bucket_pages
from s3portal.console.pages.chosen import chosen_pages
from s3portal.console.pages.keys import key_pages
from s3portal.console.pages.managed import managed_pages
from s3portal.console.pages.object import one_object_pages
from s3portal.console.pages.objects import object_pages
from s3portal.console.pages.operating import operating_pages
from s3portal.console.pages.pdf_frame import pdf_frame
from s3portal.console.pages.people import people_pages
from s3portal.console.pages.policies import policy_pages
from s3portal.console.pages.previews import preview_pages
from s3portal.console.pages.replication import replication_pages
from s3portal.console.pages.settings import setting_pages
from s3portal.console.pages.sharing import sharing_pages
from s3portal.console.pages.unfinished import unfinished_pages
from s3portal.console.pages.uploading import upload_pages
from s3portal.console.pages.why import why_pages
from s3portal.console.sight import seen_sections, seen_tabs
from s3portal.console.texts import gettext as _

PAGES: tuple[Blueprint, ...] = (
    bucket_pages,
    object_pages,
    one_object_pages,
    chosen_pages,
    sharing_pages,
    preview_pages,
    pdf_frame,
    unfinished_pages,
    policy_pages,
    setting_pages,
    acl_pages,
    upload_pages,
    people_pages,
    managed_pages,
    why_pages,
    key_pages,
    operating_pages,
    replication_pages,
)


def menu() -> Iterator[tuple[str, str, str]]:
    """Yields section, endpoint and words of what the top of each page leads the visitor to."""
    sections = (
        ("buckets", "buckets.show_all", _("Buckets")),
        ("people", "people.home", _("Users and policies")),
        ("why", "why.show", _("Who may do what?")),
        ("keys", "keys.show_all", _("Encryption keys")),
        ("operating", "operating.metrics", _("Server")),
    )
    seen = seen_sections()
    yield from (section for section in sections if section[0] in seen)


def bucket_menu(bucket: str) -> Iterator[tuple[str, str, str]]:
    """Yields tab, endpoint and words of a bucket's pages that the visitor may see."""
    tabs = (
        ("objects", "objects.show_folder", _("Objects")),
        ("uploads", "unfinished.show", _("Unfinished uploads")),
        ("policy", "policies.show", _("Policy")),
        ("settings", "settings.show", _("Settings")),
        ("replication", "replication.show", _("Replication")),
    )
    seen = seen_tabs(bucket)
    yield from (tab for tab in tabs if tab[0] in seen)
