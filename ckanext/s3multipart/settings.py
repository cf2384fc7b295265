"""The extension's settings: the transfers' own and CKAN's, each declared once, checked when CKAN starts."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import ckan.plugins.toolkit as tk
from ckan.exceptions import CkanConfigurationException

from ckanext.s3multipart.counting import observe_store
from ckanext.s3multipart.download_settings import DownloadSettings
from ckanext.s3multipart.scan_settings import ScanSettings
from ckanext.s3multipart.store_memory import DatabaseMemory
from ckanext.s3multipart.webhook_settings import WebhookSettings
from s3portal.transfer import (
    BOOLEAN,
    BYTES,
    INTEGER,
    SECONDS,
    TEXT,
    WORDS,
    SettingsError,
    Store,
    TransferSettings,
    choice,
    declared_settings,
    open_store,
    read_settings,
    setting,
    unknown_settings,
)

log = logging.getLogger(__name__)

PREFIX = "ckanext.s3multipart."

ON_DELETE = "delete"
ON_PURGE = "purge"
EVERYBODY = "everybody"
MEMBERS = "members"
EDITORS = "editors"
SYSADMINS = "sysadmins"
LEAST_TOKEN_CHARACTERS = 16


@dataclass(frozen=True, kw_only=True)
class PortalSettings:
    """Who may upload what, and what becomes of files. Sizes are bytes."""

    enabled_orgs: tuple[str, ...] = setting(
        WORDS,
        "the organisations that may upload, by the names in their URLs. `*` is all of them, empty is nobody",
        (),
    )
    org_quota: int = setting(
        BYTES,
        "how much the files of one organisation may use in total, earlier versions and unfinished "
        "uploads included. `0` sets no limit",
        0,
    )
    allowed_types: tuple[str, ...] = setting(
        WORDS,
        "the types that may be uploaded, by file extension or content type; `*` stands for any "
        "characters. Empty is every type",
        (),
    )
    denied_types: tuple[str, ...] = setting(
        WORDS, "the types that may not be uploaded, written like `allowed_types`", ()
    )
    remove_files_on: str = setting(
        choice(ON_DELETE, ON_PURGE),
        "when the files of a deleted dataset are removed: `purge`, when it is purged, so that it can "
        "be restored completely; or `delete`, when `delete_grace` is over",
        ON_PURGE,
    )
    delete_grace: int = setting(
        SECONDS,
        "how long the file of a deleted resource is kept, and with `remove_files_on = delete` the "
        "files of a deleted dataset, so that a restore brings everything back. `0` removes them at "
        "once",
        7 * 24 * 3600,
        minimum=0,
        maximum=10 * 365 * 24 * 3600,
    )
    keep_versions: int = setting(
        INTEGER,
        "how many earlier versions of a file are kept when it is replaced. With `0` the number "
        "has no limit if `keep_versions_for` is set; otherwise replaced files are removed at once",
        0,
        minimum=0,
        maximum=1_000_000,
    )
    keep_versions_for: int = setting(
        SECONDS,
        "how long an earlier version of a file is kept after it was replaced. With `0` the time "
        "has no limit if `keep_versions` is set; otherwise replaced files are removed at once",
        0,
        minimum=0,
        maximum=100 * 365 * 24 * 3600,
    )
    count_downloads: bool = setting(BOOLEAN, "whether downloads are counted, by resource and day", True)
    download_stats_for: str = setting(
        choice(EVERYBODY, MEMBERS, EDITORS, SYSADMINS),
        "who sees how often a file was downloaded: `everybody` who may read its dataset, `members` of its"
        " organisation, `editors` of the dataset, or `sysadmins`",
        EVERYBODY,
    )
    metrics: bool = setting(
        BOOLEAN,
        "whether uploads, downloads and the store's answers are counted for Prometheus, at"
        " `/s3multipart/metrics`",
        False,
    )
    metrics_token: str = setting(
        TEXT,
        "what Prometheus sends as its bearer token, 16 characters at least; without one, only system"
        " administrators see the metrics",
        "",
        secret=True,
    )
    sha256_in_background: bool = setting(
        BOOLEAN,
        "whether a background job (`ckan jobs worker`) reads each file once from the store for its SHA-256",
        False,
    )
    proxy_token_downloads: bool = setting(
        BOOLEAN,
        "whether callers that send an Authorization header get files through CKAN, in constant "
        "memory, for clients that would send the header on to the store",
        False,
    )
    user_in_metadata: bool = setting(
        BOOLEAN,
        "whether objects say who uploaded them, in `x-amz-meta-user`: the user's id, which every "
        "reader of a file can see",
        False,
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not go together: ``(name, problem)``."""
        if "*" in self.enabled_orgs and len(self.enabled_orgs) > 1:
            yield "enabled_orgs", "has both * for all organisations and names of organisations: remove one"
        if self.metrics_token and len(self.metrics_token) < LEAST_TOKEN_CHARACTERS:
            yield (
                "metrics_token",
                f"is too short to be secret: use {LEAST_TOKEN_CHARACTERS} characters or more",
            )


SETTINGS_CLASSES = (TransferSettings, PortalSettings, DownloadSettings, ScanSettings, WebhookSettings)
SettingsT = TypeVar(
    "SettingsT", TransferSettings, PortalSettings, DownloadSettings, ScanSettings, WebhookSettings
)


def transfer_settings() -> TransferSettings:
    """The settings of the transfers, from CKAN's configuration."""
    return _read(TransferSettings, _configured(TransferSettings))


def portal_settings() -> PortalSettings:
    """The settings that only CKAN has."""
    return _read(PortalSettings, _configured(PortalSettings))


def download_settings() -> DownloadSettings:
    """The settings of downloads."""
    return _read(DownloadSettings, _configured(DownloadSettings))


def scan_settings() -> ScanSettings:
    """The settings of the virus scanner."""
    return _read(ScanSettings, _configured(ScanSettings))


def webhook_settings() -> WebhookSettings:
    """The settings of webhooks."""
    return _read(WebhookSettings, _configured(WebhookSettings))


def portal_store() -> Store:
    """The store that the settings describe, the same one as long as they stay."""
    return _open(transfer_settings())


def internal_store() -> Store:
    """The same as the portal itself reaches it: for URLs that a proxy beside it follows, and no browser."""
    return _open(replace(transfer_settings(), s3_public_endpoint=""))


def portal_host() -> str:
    """This portal's name in role sessions and on objects."""
    return (
        transfer_settings().site or urlsplit(tk.config["ckan.site_url"]).hostname or tk.config["ckan.site_id"]
    )


def check_settings(config: Mapping[str, Any]) -> None:
    """Warns of settings that no one knows, and refuses to start with values that cannot be used.

    Raises CkanConfigurationException, which lists every problem by the setting's full name.
    """
    for name, suggestion in unknown_settings(SETTINGS_CLASSES, config, PREFIX):
        hint = f"; did you mean {suggestion}?" if suggestion else ""
        log.warning("%s is not a setting%s", name, hint)
    problems = []
    for settings_class in SETTINGS_CLASSES:
        try:
            read_settings(settings_class, config, PREFIX)
        except SettingsError as error:
            problems += [str(problem) for problem in error.problems]
    if problems:
        raise CkanConfigurationException("\n".join(["s3multipart cannot start:", *problems]))


def _configured(settings_class: type) -> tuple[tuple[str, Any], ...]:
    """The values that CKAN has for these settings, in a form that a cache takes: CKAN makes lists of some."""
    names = (PREFIX + declaration.name for declaration in declared_settings(settings_class))
    values = ((name, tk.config.get(name)) for name in names)
    return tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in values)


# Settings may change while CKAN runs (its runtime-editable configuration, tests), so the values are the key.
@lru_cache(maxsize=16)
def _read(settings_class: type[SettingsT], configured: tuple[tuple[str, Any], ...]) -> SettingsT:
    return read_settings(settings_class, dict(configured), PREFIX)


@lru_cache(maxsize=4)
def _open(settings: TransferSettings) -> Store:
    return open_store(settings, DatabaseMemory(), observe_store)
