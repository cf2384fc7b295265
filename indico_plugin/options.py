"""The options of an S3 entry of ``STORAGE_BACKENDS``, each declared once:
``s3:bucket=files,region=eu-west-1``.

Indico makes a new storage object for every operation, so parsed options are kept for as long as the process
lives.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

import botocore.session
from botocore.exceptions import BotoCoreError
from flask import has_app_context
from indico.core.config import config
from indico.core.storage import StorageError

from s3portal.transfer import (
    BYTES,
    ENCRYPTION,
    GIB,
    MIB,
    SECONDS,
    TEXT,
    URL,
    Kind,
    SettingsError,
    Store,
    TransferSettings,
    choice,
    declared_settings,
    most_alike,
    open_store,
    read_settings,
    setting,
    unknown_settings,
)

logger = logging.getLogger("indico.plugin.storage_s3")

REDIRECT, STREAM, NGINX = "redirect", "stream", "nginx"

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")
_PROXY_WORDS = ("nginx", "xaccelredirect", *_TRUE, *_FALSE)

#: The longest that a bucket's name may be, and the longest that a dynamic one may be before its hash.
MAX_BUCKET_NAME = 63
MAX_DYNAMIC_NAME = 46


def _host(text: str) -> str:
    return URL.parse(text if "://" in text else f"https://{text}")


def _boolean(text: str) -> bool:
    if text not in _TRUE + _FALSE:
        raise ValueError(f"is not one of: {', '.join(_TRUE + _FALSE)}")
    return text in _TRUE


def _proxy(text: str) -> str:
    if text not in _PROXY_WORDS:
        raise ValueError("is not one of: false, true, nginx")
    if text in ("nginx", "xaccelredirect"):
        return NGINX
    return STREAM if _boolean(text) else REDIRECT


_HOST = Kind("host", _host)


@dataclass(frozen=True, kw_only=True)
class BackendOptions:
    """The options that every S3 backend has. ``""`` means not set."""

    host: str = setting(_HOST, "the host where S3 is running, for stores other than AWS", "")
    public_host: str = setting(_HOST, "the host under which browsers reach the store, where it differs", "")
    region: str = setting(TEXT, "the region of the buckets; the profile's, else us-east-1, where not set", "")
    profile: str = setting(TEXT, "the profile of ~/.aws/config and ~/.aws/credentials to use", "")
    access_key: str = setting(TEXT, "the access key; better kept in ~/.aws/credentials", "")
    secret_key: str = setting(TEXT, "the secret key; better kept in ~/.aws/credentials", "", secret=True)
    addressing_style: str = setting(
        choice("auto", "virtual", "path"), "whether a bucket stands in the host name or in the path", ""
    )
    bucket_policy_file: str = setting(TEXT, "the file of a bucket policy for buckets made by the plugin", "")
    bucket_versioning: bool = setting(
        Kind("boolean", _boolean), "whether buckets made by the plugin keep versions", False
    )
    proxy: str = setting(Kind("proxy", _proxy), "how downloads go: off, on or nginx", REDIRECT)
    meta: str | None = setting(TEXT, "a text for the bucket info API", None)
    expires: int = setting(
        SECONDS, "how long the URL of a download is valid", 300, minimum=10, maximum=7 * 24 * 3600
    )
    sse: str = setting(ENCRYPTION, "how the store encrypts: AES256, aws:kms or aws:kms:<key id>", "")
    part_size: int = setting(
        BYTES, "the bytes in a part of a large file", 8 * MIB, minimum=5 * MIB, maximum=5 * GIB
    )


@dataclass(frozen=True, kw_only=True)
class StaticOptions(BackendOptions):
    """The options of ``s3`` and ``s3-readonly``."""

    bucket: str = setting(TEXT, "the name of the bucket")

    def problems(self):
        """What no kind of value can say: ``(name, problem)``."""
        if len(self.bucket) > MAX_BUCKET_NAME:
            yield "bucket", f"is too long: at most {MAX_BUCKET_NAME} characters"


@dataclass(frozen=True, kw_only=True)
class DynamicOptions(BackendOptions):
    """The options of ``s3-dynamic`` and ``s3-dynamic-readonly``."""

    bucket_template: str = setting(TEXT, "the buckets' names, with <year>, <month> or <week> in them")
    bucket_secret: str = setting(TEXT, "what makes the buckets' names unguessable", "", secret=True)


OptionsT = TypeVar("OptionsT", bound=BackendOptions)


@cache
def read_options(options_class: type[OptionsT], text: str) -> OptionsT:
    """The options in ``text`` (``"k=v,k=v"``). What can be lived with is logged once.

    Raises StorageError, which lists everything that is wrong.
    """
    for problem in options_problems(options_class, text):
        logger.warning("%s: %s", entry_of(text), problem)
    values = split_options(text)[0]
    for name in _unclear_switches(options_class, values):
        del values[name]
    try:
        return read_settings(options_class, values, "")
    except SettingsError as error:
        # An option that is missing may be there under a name with a typo.
        problems = [*map(str, error.problems), *_unknown_options(options_class, values)]
        raise StorageError(f"{entry_of(text)}: {'; '.join(problems)}") from error


#: The entry that is being opened, where it is known.
_opening: ContextVar[str | None] = ContextVar("opening", default=None)


@contextmanager
def opening_entry(name: str) -> Iterator[None]:
    """While this lasts, problems with options name this entry of STORAGE_BACKENDS."""
    token = _opening.set(name)
    try:
        yield
    finally:
        _opening.reset(token)


def entry_of(text: str) -> str:
    """Where indico.conf has these options. Indico opens a backend without telling it what it is called, so of
    equal entries each may be meant.
    """
    entries = config.STORAGE_BACKENDS.items() if has_app_context() else ()
    opening = _opening.get()
    names = [opening] if opening else [n for n, entry in entries if str(entry).partition(":")[2] == text]
    return " and ".join(f"STORAGE_BACKENDS[{name!r}]" for name in names) or "STORAGE_BACKENDS"


def options_problems(options_class: type[BackendOptions], text: str) -> list[str]:
    """Mistakes in the options that are no reason to stop: unknown options, with the one probably meant,
    and switches that say neither yes nor no.
    """
    values, problems = split_options(text)
    problems += _unknown_options(options_class, values)
    for name, problem in _unclear_switches(options_class, values).items():
        meant = did_you_mean(values[name], _PROXY_WORDS if name == "proxy" else _TRUE + _FALSE)
        problems.append(f"{name}={values[name]} {problem}{meant}; it is treated as off")
    return problems


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """``"; did you mean …?"`` with the word most like this one, "" where none is."""
    return _meant(most_alike(word, words))


def _meant(alike: str | None) -> str:
    return f"; did you mean {alike}?" if alike else ""


def _unknown_options(options_class: type[BackendOptions], values: Iterable[str]) -> list[str]:
    unknown = unknown_settings((options_class,), values, "")
    return [f"{name} is not an option{_meant(alike)}" for name, alike in unknown]


def _unclear_switches(options_class: type[BackendOptions], values: dict[str, str]) -> dict[str, str]:
    """The problems of switches, by name. The plugin that this one replaces took anything else for off."""
    problems = {}
    for declaration in declared_settings(options_class):
        if declaration.name in ("proxy", "bucket_versioning") and values.get(declaration.name):
            try:
                declaration.parse(values[declaration.name])
            except ValueError as error:
                problems[declaration.name] = str(error)
    return problems


def split_options(text: str) -> tuple[dict[str, str], list[str]]:
    """The values in ``"k=v,k=v"`` by name, and the problems. As in Indico, a value cannot contain a comma."""
    values: dict[str, str] = {}
    problems = []
    for item in filter(None, (item.strip() for item in text.split(","))):
        name, equals, value = map(str.strip, item.partition("="))
        if not equals:
            problems.append(f"{item!r} is not of the form option=value, and a value has no comma in it")
            continue
        if name in values:
            problems.append(f"{name} is given twice; the last one counts")
        values[name] = value
    return values, problems


@cache
def open_backend_store(options: BackendOptions, bucket: str) -> Store:
    """The store of one bucket. All buckets of a backend share one client."""
    return _any_store(options).beside(bucket)


@cache
def open_internal_store(options: BackendOptions, bucket: str) -> Store:
    """The same as the portal itself reaches it: for URLs that nginx follows and browsers never see."""
    if not options.public_host:
        return open_backend_store(options, bucket)
    return open_backend_store(replace(options, public_host=""), bucket)


@cache
def _any_store(options: BackendOptions) -> Store:
    scoped = profile_config(options)
    return open_store(
        TransferSettings(
            s3_bucket="any-bucket",
            s3_region=options.region or scoped.get("region") or _region_of_environment() or "us-east-1",
            s3_endpoint=options.host,
            s3_public_endpoint=options.public_host,
            s3_addressing_style=(
                options.addressing_style or (scoped.get("s3") or {}).get("addressing_style") or "auto"  # type: ignore[arg-type]
            ),
            s3_profile=options.profile,
            s3_access_key_id=options.access_key,
            s3_secret_access_key=options.secret_key,
            s3_sse=options.sse,
            # Not every store behind Indico knows the CRC trailers that boto3 sends where it may.
            s3_checksums="when_required",
            part_size=options.part_size,
            download_expires=options.expires,
        )
    )


def profile_config(options: BackendOptions) -> dict:
    """What ~/.aws/config and ~/.aws/credentials say for the profile of these options.

    Raises StorageError where the profile is not there.
    """
    try:
        return botocore.session.Session(profile=options.profile or None).get_scoped_config()
    except BotoCoreError as error:
        raise StorageError(f"profile={options.profile}: {error}") from error


def _region_of_environment() -> str | None:
    return botocore.session.Session().get_config_variable("region")
