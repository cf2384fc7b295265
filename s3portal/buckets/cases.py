"""A bucket as the doctor knows it: of a portal whose configuration was given, or of none."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from s3portal.buckets.access import Access, AccessOptions, open_access, options_of_store, shell_options
from s3portal.buckets.configured_site import ConfiguredSite, name_in, read_site
from s3portal.buckets.problems import OPTION_OF, Unusable, case_of
from s3portal.portal.doctor import Case, Use
from s3portal.transfer import SettingsError, Store, TransferSettings, read_settings

#: By these settings a store is found and opened.
_WHERE_AND_WHOSE = (
    "s3_endpoint",
    "s3_region",
    "s3_addressing_style",
    "s3_profile",
    "s3_access_key_id",
    "s3_secret_access_key",
    "s3_session_token",
)


def case_of_bucket(access: Access, store: Store, site_url: str = "") -> Case:
    """The bucket for `s3portal bucket doctor`. ``site_url`` is that of a portal whose pages upload; where it
    is "", the configuration file says it, if it is a portal's. Raises Unusable."""
    options = shell_options(access.options)
    site = read_site(access.config) if access.config else None
    if site_url:
        site = replace(site or ConfiguredSite(site_url), url=site_url, pages_upload=True)
    words = ["s3portal", "bucket", "doctor", store.bucket]
    command = " ".join(
        filter(None, [shlex.join(words), options, shlex.join(["--site", site_url] * bool(site_url))])
    )
    named = _naming(access, site)
    if site is None:
        return replace(case_of(store, command=command), bucket_options=options, setting=named)
    return replace(
        case_of(_as_the_site(store, site), origin=site.url, command=command),
        bucket_options=options,
        setting=named,
        browser_uploads=Use.ON if site.pages_upload else Use.POSSIBLE,
        other_sites_read=site.other_sites_read,
        serves_public_files=site.serves_public_files,
    )


def _naming(access: Access, site: ConfiguredSite | None) -> Callable[[str], str]:
    """Calls a setting by the option that says it, or as the portal's configuration does."""

    given = vars(access.options)

    def name(setting: str) -> str:
        says_it_itself = access.config is None or bool(given.get(setting.removeprefix("s3_")))
        return (OPTION_OF.get(setting) if says_it_itself else None) or name_in(site, setting)

    return name


def options_of_site(store: Store, config: Path | None, backend: str = "") -> str:
    """The options by which `s3portal bucket` gets to the store of a running portal: its configuration file,
    where that alone says what the portal uses, else what it says itself. Keys are never among them."""
    if config is not None:
        options = AccessOptions(config=config.absolute(), backend=backend)
        try:
            # Without an environment: what stands in the portal's may not stand in the administrator's.
            found = open_access(options, {}).settings
        except Unusable:
            found = None
        if found is not None and _same(found, store.settings):
            return shell_options(options)
    return options_of_store(store, profile=store.settings.s3_profile)


def _same(one: TransferSettings, other: TransferSettings) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _WHERE_AND_WHOSE)


def _as_the_site(store: Store, site: ConfiguredSite) -> Store:
    """The store with the site's limits, times and prefix, and with the keys and addresses of the command."""
    ours = {name: getattr(store.settings, name) for name in ("s3_bucket", *_WHERE_AND_WHOSE)}
    try:
        values = {**site.settings, f"{site.setting_prefix}s3_bucket": store.bucket}
        settings = read_settings(TransferSettings, values, site.setting_prefix)
    except SettingsError as error:
        raise Unusable("\n".join(str(each) for each in error.problems)) from error
    return replace(store, settings=replace(settings, **ours))
