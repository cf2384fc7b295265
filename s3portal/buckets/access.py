"""Whose keys are used and where the store is: options, a portal's own configuration, and what boto3 finds."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s3portal.buckets.aws_files import plain_keys, scoped_config
from s3portal.buckets.problems import OPTION_OF, Unusable
from s3portal.transfer import (
    SettingsError,
    SigningKeys,
    Store,
    TransferSettings,
    open_store,
    read_settings,
)

if TYPE_CHECKING:
    import boto3

#: Stands where no bucket is named yet; nothing is ever asked of it.
_NO_BUCKET = "no-bucket-named"
# AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
_FALLBACK_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class AccessOptions:
    """What was given at the command line; "" means not given."""

    endpoint: str = ""
    region: str = ""
    profile: str = ""
    role: str = ""
    addressing_style: str = ""
    config: Path | None = None
    backend: str = ""


def shell_options(options: AccessOptions) -> str:
    """The options as a shell reads them: ``--config /etc/ckan/ckan.ini``."""
    given = {
        "--config": str(options.config or ""),
        "--backend": options.backend,
        "--endpoint": options.endpoint,
        "--region": options.region,
        "--profile": options.profile,
        "--role": options.role,
        "--addressing-style": options.addressing_style,
    }
    return shlex.join(word for name, value in given.items() if value for word in (name, value))


def options_of_store(store: Store, *, profile: str = "") -> str:
    """Options that say where the store is, and not whose keys open it, as a shell reads them."""
    settings = store.settings
    style = settings.s3_addressing_style
    return shell_options(
        AccessOptions(
            endpoint=settings.s3_endpoint,
            region=settings.s3_region,
            profile=profile,
            addressing_style="" if style == "auto" else style,
        )
    )


@dataclass(frozen=True)
class Access:
    """The way to a store's buckets. ``role`` is assumed before anything is asked; ``configured_bucket`` is
    the one that a portal's configuration names, or ""."""

    settings: TransferSettings
    role: str = ""
    configured_bucket: str = ""
    config: Path | None = None
    #: Where they are known without asking boto3.
    keys: SigningKeys | None = field(default=None, repr=False)
    options: AccessOptions = AccessOptions()

    def store(self, bucket: str) -> Store:
        """The bucket. All share one client."""
        return self._base.beside(bucket)

    @cached_property
    def _base(self) -> Store:
        store = replace(open_store(self.settings), keys=self.keys)
        if self.role:
            store.once("session", lambda: _session_of_role(store.settings, self.role))
        return store

    def name_of(self, setting: str) -> str:
        """What the user calls a transfer setting: the option, or the variable that says it."""
        return OPTION_OF.get(setting, setting)


def open_access(options: AccessOptions, environment: Mapping[str, str] = os.environ) -> Access:
    """The access that options, a configuration file and the environment describe, in this order.

    Raises Unusable, which names the option, the file or the setting.
    """
    found: dict[str, str] = {}
    if options.config:
        from s3portal.buckets.configuration_files import read_configuration

        found = read_configuration(options.config, options.backend)
    profile = options.profile or found.get("s3_profile", "")
    scoped = scoped_config(profile, os.environ)
    # A profile that was asked for says more than variables that are set for everything.
    of_profile = scoped if options.profile else {}
    chosen = {
        **found,
        "s3_bucket": found.get("s3_bucket") or _NO_BUCKET,
        "s3_endpoint": options.endpoint
        or str(of_profile.get("endpoint_url", ""))
        or found.get("s3_endpoint", "")
        or _first(environment, _ENDPOINT_VARIABLES)
        or str(scoped.get("endpoint_url", "")),
        "s3_region": options.region
        or str(of_profile.get("region", ""))
        or found.get("s3_region", "")
        or _first(environment, _REGION_VARIABLES)
        or str(scoped.get("region", ""))
        or _FALLBACK_REGION,
        "s3_profile": profile,
        "s3_addressing_style": options.addressing_style or found.get("s3_addressing_style", "") or "auto",
    }
    if options.profile:
        # Keys of a configuration file would win over the profile that was asked for.
        for name in ("s3_access_key_id", "s3_secret_access_key", "s3_session_token"):
            chosen.pop(name, None)
    # The portal's role is for its publishers; an administrator's is an option.
    chosen.pop("s3_role", None)
    chosen.pop("upload_mode", None)
    try:
        settings = read_settings(TransferSettings, chosen, "")
    except SettingsError as error:
        raise Unusable("\n".join(_in_the_users_words(str(each)) for each in error.problems)) from error
    configured = settings.s3_bucket if settings.s3_bucket != _NO_BUCKET else ""
    keys = None if options.role else _keys(settings, scoped, profile)
    return Access(replace(settings, s3_prefix=""), options.role, configured, options.config, keys, options)


def _keys(settings: TransferSettings, scoped: Mapping[str, Any], profile: str) -> SigningKeys | None:
    if settings.s3_access_key_id and settings.s3_secret_access_key:
        return SigningKeys(
            settings.s3_access_key_id, settings.s3_secret_access_key, settings.s3_session_token or None
        )
    # What names certificates, or a region's other addresses, is for botocore.
    return None if scoped.get("ca_bundle") else plain_keys(scoped, os.environ, profile=profile)


def _in_the_users_words(problem: str) -> str:
    name, _, rest = problem.partition(" ")
    return f"{OPTION_OF.get(name, name)} {rest}"


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _session_of_role(settings: TransferSettings, role: str) -> "boto3.Session":
    """A session with the role's keys, which are renewed before they expire."""
    import boto3
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.session import Session as BotocoreSession

    source = boto3.Session(
        aws_access_key_id=settings.s3_access_key_id or None,
        aws_secret_access_key=settings.s3_secret_access_key or None,
        aws_session_token=settings.s3_session_token or None,
        region_name=settings.s3_region,
        profile_name=settings.s3_profile or None,
    )

    def create_client(service: str, **arguments: Any) -> Any:
        return source.client(service, endpoint_url=settings.sts_endpoint or None, **arguments)  # type: ignore[call-overload]

    fetcher = AssumeRoleCredentialFetcher(
        client_creator=create_client,
        source_credentials=source.get_credentials(),
        role_arn=role,
        extra_args={"RoleSessionName": "s3portal"},
    )
    botocore_session = BotocoreSession()
    botocore_session._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]
        refresh_using=fetcher.fetch_credentials, method="assume-role"
    )
    return boto3.Session(botocore_session=botocore_session, region_name=settings.s3_region)
