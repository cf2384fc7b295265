"""``ckan s3multipart doctor``: what no value by itself tells, such as an organisation that is not there or a
bucket that lets no browser in. Values that cannot be used stop CKAN before.

What there is to know of a store and its bucket is in s3portal.portal.doctor and s3portal.buckets.examining;
here is what only CKAN knows.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.download_settings import PUBLIC, UNDER_THE_PORTAL
from ckanext.s3multipart.downloads.cloudfront_ways import common_domain
from ckanext.s3multipart.downloads.file_check import TroubledFile, changed_files, vanished_files
from ckanext.s3multipart.downloads.invalidation import caches_files
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.schema import UPGRADE_COMMAND, is_current
from ckanext.s3multipart.settings import (
    PREFIX,
    SETTINGS_CLASSES,
    download_settings,
    portal_host,
    portal_settings,
    portal_store,
    transfer_settings,
)
from ckanext.s3multipart.upkeep.scan_doctor import examine_scanner
from ckanext.s3multipart.upkeep.webhook_doctor import examine_webhooks
from ckanext.s3multipart.upload_states import PUBLISHED, RowState
from s3portal.buckets.cases import options_of_site
from s3portal.buckets.examining import examine_bucket
from s3portal.portal.doctor import (
    MOST_FILES,
    Case,
    RecordedFile,
    examine_files,
    examine_unfinished,
)
from s3portal.portal.findings import LOOK, OK, WRONG, Finding, some
from s3portal.transfer import most_alike, safe_filename, unknown_settings

#: The janitor is to run every day; one run may be missed.
_JANITOR_LATE = timedelta(days=2)
_COMMAND = "ckan s3multipart doctor"
_JANITOR = "ckan s3multipart janitor"
_MOST_NAMED = 5


def examine(*, apply: bool = False) -> Iterator[Finding]:
    """Looks at everything. With ``apply``, adds the CORS and lifecycle rules that the bucket lacks, and
    blocks public access."""
    yield from _examine_names()
    yield from _examine_organisations()
    yield from _examine_downloads()
    tables_are_there = is_current()
    if tables_are_there:
        yield Finding("database", "tables", OK, "are up to date")
        yield from _examine_janitor()
        yield from examine_scanner()
        yield from examine_webhooks()
    else:
        yield Finding("database", "tables", WRONG, "are missing or outdated", UPGRADE_COMMAND)
    if not transfer_settings().s3_role:
        yield Finding(PREFIX + "s3_role", "session credentials", OK, "are off")
    case = store_case()
    findings = list(examine_bucket(case, apply=apply))
    yield from findings
    # Of a store that cannot be reached, enough has been said.
    if tables_are_there and any(finding.subject == "upload" for finding in findings):
        yield from examine_unfinished(case, _JANITOR)
        yield from _examine_files(case)


def store_case() -> Case:
    """The site's store, as the shared doctor knows it."""
    store, config = portal_store(), tk.config.get("__file__")
    return Case(
        place="store",
        store=store,
        site_url=tk.config["ckan.site_url"],
        host=portal_host(),
        command=_COMMAND,
        setting=lambda name: PREFIX + name,
        other_sites_read=_other_sites_read(),
        serves_public_files=download_settings().download_mode == PUBLIC,
        permissions_page="docs/ckan.md, What the portal's credentials must be allowed",
        bucket_options=options_of_site(store, Path(config) if config else None),
    )


def _other_sites_read() -> bool:
    """Whether scripts of other sites are to read public files, and get them from the store."""
    settings = download_settings()
    return settings.cross_origin_downloads and settings.download_mode not in UNDER_THE_PORTAL


def _examine_names() -> Iterator[Finding]:
    """Settings that no one reads, which the log has named when CKAN started."""
    for name, suggestion in unknown_settings(SETTINGS_CLASSES, tk.config, PREFIX):
        mend = f"did you mean {suggestion}?" if suggestion else "remove it from the .ini file"
        yield Finding(name, "name", LOOK, "is not a setting and has no effect", mend)


def _examine_organisations() -> Iterator[Finding]:
    place, subject = PREFIX + "enabled_orgs", "organisations"
    enabled = portal_settings().enabled_orgs
    if not enabled:
        yield Finding(place, subject, LOOK, "none may upload", "list some, or * for all")
        return
    rows = model.Session.query(model.Group.name).filter_by(is_organization=True, state="active")
    there = {name for (name,) in rows}
    for name in enabled:
        if name == "*" or name in there:
            yield Finding(place, name, OK, "may upload")
        else:
            alike = most_alike(name, there)
            meant = f"did you mean {alike}?" if alike else "use the names in the organisations' URLs"
            yield Finding(place, name, WRONG, "is not an organisation of this portal", meant)


def _examine_downloads() -> Iterator[Finding]:
    """What of the settings of downloads does not do what it seems to."""
    settings = download_settings()
    subject = f"download_mode {settings.download_mode}"
    if settings.download_mode == PUBLIC and caches_files() and not settings.cloudfront_distribution:
        text = "datasets whose files are public cannot be made private: a cache may keep the files"
        mend = f"set it, or {PREFIX}download_domain_cached = false where no cache is behind the domain"
        yield Finding(f"{PREFIX}cloudfront_distribution", subject, LOOK, text, mend)
    if settings.cloudfront_cookies and not common_domain(settings):
        text = "has no effect: the portal and download_domain have no domain in common"
        mend = f"use a host beside {tk.config['ckan.site_url']} for {PREFIX}download_domain"
        yield Finding(f"{PREFIX}cloudfront_cookies", subject, LOOK, text, mend)


def _examine_janitor() -> Iterator[Finding]:
    late = (
        model.Session.query(UploadRow)
        .filter(
            UploadRow.state.in_((RowState.UPLOADING, RowState.COMPLETED)),
            UploadRow.expires_at < now() - _JANITOR_LATE,
        )
        .count()
    )
    if late:
        text = f"{late:,} uploads should have been removed days ago"
        yield Finding(
            "janitor", "runs", WRONG, text, "run ckan s3multipart janitor daily, and check its output"
        )
    else:
        yield Finding("janitor", "runs", OK, "nothing is overdue")


def _examine_files(case: Case) -> Iterator[Finding]:
    """Those that links found missing or changed, and the newest of the others."""
    known = {
        "are no longer in the store": vanished_files(),
        "are no longer what was published": changed_files(),
    }
    for what, found in known.items():
        if found:
            named = some([_shown(file) for file in found], _MOST_NAMED, "; ")
            text = f"{len(found):,} published files {what}, as readers noticed: {named}"
            yield Finding("store", "files", WRONG, text, "restore them from a backup or an older version")
    troubled = {file.key for found in known.values() for file in found}
    attached = model.Session.query(UploadRow).filter(
        UploadRow.state.in_(PUBLISHED), UploadRow.key.notin_(troubled)
    )
    newest = attached.order_by(UploadRow.updated_at.desc()).limit(MOST_FILES)
    files = [
        RecordedFile(
            key=row.key,
            shown=f"{safe_filename(row.filename)} (resource {row.resource_id})",
            size_bytes=row.size_bytes,
            etag=row.etag,
            version_id=row.version_id,
        )
        for row in newest
    ]
    yield from examine_files(case, files, attached.count())


def _shown(file: TroubledFile) -> str:
    where = f"dataset {file.dataset}, resource {file.resource_id}"
    return f"{safe_filename(file.filename)} ({where}) since {file.since:%Y-%m-%d}"
