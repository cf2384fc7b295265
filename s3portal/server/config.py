"""The configuration: users, roles and buckets, from a JSON file and from the environment.

There is no default password: without a configured user, a random key is made and kept in a private file.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from s3portal.server.access.directory import ROOT_USER, Account, Role, User
from s3portal.server.access.kept_keys import kept_key
from s3portal.server.access.oidc_providers import OidcProvider
from s3portal.server.access.session_tokens import is_session_key
from s3portal.server.authority.policy import Policy, PolicyError, read_policy
from s3portal.server.background.targets import Target
from s3portal.server.bucket_settings.cors import CorsRule, rules_of_json
from s3portal.server.config_audit import AuditConfig, read_audit_config
from s3portal.server.config_connections import read_limits, read_proxies, read_tls
from s3portal.server.config_contents import FIELDS, ContentsConfig, read_contents
from s3portal.server.config_documents import read_document
from s3portal.server.config_encryption import master_key_of_environment, read_master_key
from s3portal.server.config_metrics import MetricsConfig, metrics_of_environment, read_metrics_config
from s3portal.server.config_myfsio import MyfsioConfig, read_myfsio
from s3portal.server.config_oidc import read_oidc_providers
from s3portal.server.config_quotas import FIELD as QUOTA
from s3portal.server.config_quotas import read_quota, read_user_quotas
from s3portal.server.config_replication import ReplicationConfig, read_replication
from s3portal.server.config_targets import read_targets
from s3portal.server.config_values import ConfigError, list_of, object_of, refuse_repeats, text_of
from s3portal.server.configured_faults import fault_fields, read_fault
from s3portal.server.http.forwarded import Networks
from s3portal.server.http.limits import ConnectionLimits
from s3portal.server.http.tls import TLSFiles
from s3portal.server.kms.key_sources import MasterKeySource
from s3portal.server.storage.records import FIRST_ACCOUNT, Quota
from s3portal.server.storage.reserve import RESERVE_BYTES
from s3portal.server.wire.s3_request import valid_bucket_name

PREFIX = "S3PORTAL_SERVER_"
ROOT_KEY_FILE = "root-access-key.json"
SESSION_LIMIT_S = 12 * 3600
_ACCESS_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{3,128}")
# RFC 6454, section 7: what a browser sends, and "null" for pages that are nowhere.
_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://[^/?#@\s]+")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")


@dataclass(frozen=True)
class BucketConfig:
    """A bucket that exists once the server has started. ``cors`` None leaves its rules as they are.
    ``abort_uploads_after_days`` gives it a lifecycle rule where it has none. ``quota`` None leaves its quota
    as it is.

    ``account_id`` is who owns it; None: who owns it already, the first account where nobody does.
    """

    name: str
    cors: tuple[CorsRule, ...] | None = None
    account_id: str | None = None
    contents: ContentsConfig = field(default_factory=ContentsConfig)
    abort_uploads_after_days: int | None = None
    quota: Quota | None = None


@dataclass(frozen=True)
class ServerConfig:
    """``region`` None accepts any region in signatures. ``base_domain`` enables virtual-hosted buckets
    (``bucket.<base domain>``). ``disk_reserve_bytes`` are kept free for deletions on a full disk.
    ``faults`` are of ``testing.Fault``. ``trusted_proxies`` are those whose X-Forwarded headers count.
    ``explain_refusals`` puts the reason of a refusal into a header of the answer. ``user_quotas`` are those
    of users and roles, by their ARNs; the quotas of others stay as they are. ``master_key`` is where the key
    comes from that seals secrets; ``customer_keys_over_http`` takes those of SSE-C without TLS.
    ``oidc_providers`` are those whose tokens give sessions of roles. ``myfsio`` is MyFSIO's dialect."""

    users: tuple[User, ...] = ()
    roles: tuple[Role, ...] = ()
    buckets: tuple[BucketConfig, ...] = ()
    accounts: tuple[Account, ...] = ()
    region: str | None = None
    base_domain: str | None = None
    faults: tuple[Any, ...] = ()
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    disk_reserve_bytes: int = RESERVE_BYTES
    tls: TLSFiles | None = None
    trusted_proxies: Networks = ()
    allow_sigv2: bool = False
    explain_refusals: bool = False
    notification_targets: tuple[Target, ...] = ()
    user_quotas: tuple[tuple[str, Quota], ...] = ()
    oidc_providers: tuple[OidcProvider, ...] = ()
    master_key: MasterKeySource = field(default_factory=MasterKeySource)
    replication: ReplicationConfig = field(default_factory=ReplicationConfig)
    audit: AuditConfig = field(default_factory=AuditConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    customer_keys_over_http: bool = False
    myfsio: MyfsioConfig = field(default_factory=MyfsioConfig)


# What is put together of other fields has no field of its own.
_FIELDS = tuple(name for name in ServerConfig.__dataclass_fields__ if name != "user_quotas")


def config_of_json(document: Any) -> ServerConfig:
    """Returns the configuration of a parsed JSON document; raises ConfigError."""
    top = object_of(document, "the configuration", _FIELDS)
    accounts = tuple(_account(entry, f"accounts[{i}]") for i, entry in enumerate(list_of(top, "accounts")))
    users = tuple(_user(entry, f"users[{i}]") for i, entry in enumerate(list_of(top, "users")))
    roles = tuple(_role(entry, f"roles[{i}]") for i, entry in enumerate(list_of(top, "roles")))
    buckets = tuple(_bucket(entry, f"buckets[{i}]") for i, entry in enumerate(list_of(top, "buckets")))
    refuse_repeats("accounts", [account.account_id for account in accounts])
    refuse_repeats("users", [_name_in_account(user) for user in users])
    refuse_repeats("users, access_key_id", [user.access_key_id for user in users])
    refuse_repeats("roles", [_name_in_account(role) for role in roles])
    providers = read_oidc_providers(top)
    known = {FIRST_ACCOUNT, *(account.account_id for account in accounts)}
    named = (("users", users), ("roles", roles), ("buckets", buckets), ("oidc_providers", providers))
    for place, members in named:
        _refuse_unknown_accounts(place, members, known)
    for role in roles:
        there = {user.name for user in users if user.account_id == role.account_id}
        unknown = {name for name in role.trusted if "/" not in name} - there
        if unknown:
            raise ConfigError(f"role {role.name} trusts {', '.join(sorted(unknown))}: there is no such user")
    return ServerConfig(
        accounts=accounts,
        users=users,
        roles=roles,
        buckets=buckets,
        region=text_of(top, "region", "region", default=""),
        base_domain=text_of(top, "base_domain", "base_domain", default=""),
        limits=read_limits(top),
        disk_reserve_bytes=_reserve_bytes(top),
        tls=read_tls(top),
        trusted_proxies=read_proxies(top),
        allow_sigv2=_switch(top, "allow_sigv2"),
        explain_refusals=_switch(top, "explain_refusals"),
        notification_targets=read_targets(top),
        user_quotas=read_user_quotas(top, users, roles),
        oidc_providers=providers,
        master_key=read_master_key(top),
        replication=read_replication(top),
        audit=read_audit_config(top),
        metrics=read_metrics_config(top),
        customer_keys_over_http=_switch(top, "customer_keys_over_http"),
        myfsio=read_myfsio(top),
        faults=tuple(_fault(entry, f"faults[{i}]") for i, entry in enumerate(list_of(top, "faults"))),
    )


def read_config_file(path: Path) -> ServerConfig:
    """Returns the configuration of a JSON or YAML file; raises ConfigError with the file's name."""
    try:
        return config_of_json(read_document(path))
    except OSError as problem:
        raise ConfigError(f"{path} cannot be read: {problem.strerror}") from problem
    except ValueError as problem:
        raise ConfigError(f"{path}: {problem}") from problem


def add_environment(config: ServerConfig, environ: Mapping[str, str]) -> ServerConfig:
    """Returns the configuration with what S3PORTAL_SERVER_* variables add: a user who may do everything,
    buckets, the origins whose pages may upload to them, and where the master key is. Raises ConfigError."""
    key_id, secret = environ.get(f"{PREFIX}ACCESS_KEY_ID"), environ.get(f"{PREFIX}SECRET_ACCESS_KEY")
    if bool(key_id) != bool(secret):
        raise ConfigError(
            f"{PREFIX}ACCESS_KEY_ID and {PREFIX}SECRET_ACCESS_KEY must be set together or not at all"
        )
    users, buckets = config.users, config.buckets
    if key_id and secret:
        users += (_checked_user(User(ROOT_USER, key_id, secret), PREFIX + "ACCESS_KEY_ID"),)
        refuse_repeats("users, access_key_id", [user.access_key_id for user in users])
    origins = tuple(environ.get(f"{PREFIX}CORS_ORIGINS", "").replace(",", " ").split())
    _check_origins(origins, f"{PREFIX}CORS_ORIGINS")
    cors = (upload_cors(origins),) if origins else None
    for name in environ.get(f"{PREFIX}BUCKETS", "").replace(",", " ").split():
        buckets += (_bucket({"name": name}, f"{PREFIX}BUCKETS"),)
    if cors:
        buckets = tuple(bucket if bucket.cors else replace(bucket, cors=cors) for bucket in buckets)
    master_key = master_key_of_environment(environ, PREFIX) or config.master_key
    metrics = metrics_of_environment(environ, PREFIX) or config.metrics
    return replace(config, users=users, buckets=buckets, master_key=master_key, metrics=metrics)


def _check_origins(origins: Iterable[str], place: str) -> None:
    """Raises ConfigError for what no browser calls its page's origin, and what would let nobody in."""
    for origin in origins:
        if "*" not in origin and not _ORIGIN.fullmatch(origin):
            raise ConfigError(
                f"{place}: {origin!r} is not an origin. Write scheme and host without a trailing slash, as in"
                " https://data.example.org"
            )


def upload_cors(origins: Sequence[str]) -> CorsRule:
    """Returns the rule that an uploader on pages of these origins needs."""
    return CorsRule(
        allowed_origins=tuple(origins),
        allowed_methods=("GET", "HEAD", "PUT", "POST", "DELETE"),
        allowed_headers=("*",),
        expose_headers=("ETag", "x-amz-version-id", "x-amz-checksum-crc64nvme", "x-amz-request-id"),
        max_age_s=3000,
    )


def root_user(folder: Path) -> tuple[User, Path]:
    """Returns the user of a server without configured ones, and the file that has the key.

    The key is random, made at the first start; only the server's own user can read the file.
    """
    path = folder / ROOT_KEY_FILE
    try:
        return User(ROOT_USER, *kept_key(path, "ROOT" + secrets.token_hex(8).upper())), path
    except ValueError as problem:
        raise ConfigError(str(problem)) from problem


def _account(entry: Any, place: str) -> Account:
    found = object_of(entry, place, ("id", "name"))
    account_id = _account_id(found, "id", place)
    if account_id is None:
        raise ConfigError(f"{place}: id is missing")
    return Account(account_id, text_of(found, "name", place, default="") or account_id)


def _account_id(found: Mapping[str, Any], name: str, place: str) -> str | None:
    account_id = text_of(found, name, place, default="")
    if account_id is not None and not _ACCOUNT_ID.fullmatch(account_id):
        raise ConfigError(f"{place}: {name} must be the 12 digits of an account, as a string")
    return account_id


def _refuse_unknown_accounts(
    place: str, members: Sequence[User | Role | BucketConfig | OidcProvider], known: Collection[str]
) -> None:
    for number, member in enumerate(members):
        if member.account_id is not None and member.account_id not in known:
            raise ConfigError(f"{place}[{number}]: {member.account_id} is not among the accounts")


def _name_in_account(member: User | Role) -> str:
    """What must be there once only; in the first account a name is told as it is written."""
    return member.name if member.account_id == FIRST_ACCOUNT else f"{member.account_id}/{member.name}"


def _user(entry: Any, place: str) -> User:
    names = ("name", "access_key_id", "secret_access_key", "policy", "account", "tags", QUOTA)
    found = object_of(entry, place, names)
    user = User(
        name=_name(found, place),
        access_key_id=text_of(found, "access_key_id", place) or "",
        secret_access_key=text_of(found, "secret_access_key", place) or "",
        policy=_policy(found, "user", place),
        account_id=_account_id(found, "account", place) or FIRST_ACCOUNT,
        tags=_tags(found, place),
    )
    return _checked_user(user, place)


def _checked_user(user: User, place: str) -> User:
    if not _ACCESS_KEY_ID.fullmatch(user.access_key_id):
        raise ConfigError(f"{place}: an access key id must be 3 to 128 letters, digits, '_', '.', '-'")
    if is_session_key(user.access_key_id):
        raise ConfigError(f"{place}: access key ids that begin with ASIA are reserved for sessions")
    if len(user.secret_access_key) < 8:
        raise ConfigError(f"{place}: a secret access key must have at least 8 characters")
    return user


def _role(entry: Any, place: str) -> Role:
    names = ("name", "policy", "trusted", "max_session_s", "account", "tags", "external_id", QUOTA)
    found = object_of(entry, place, names)
    trusted = found.get("trusted", [])
    if not isinstance(trusted, list) or not all(isinstance(name, str) for name in trusted):
        raise ConfigError(f"{place}: trusted must be a list of user names")
    max_session_s = found.get("max_session_s", 3600)
    if not isinstance(max_session_s, int) or not 900 <= max_session_s <= SESSION_LIMIT_S:
        raise ConfigError(f"{place}: max_session_s must be 900 to {SESSION_LIMIT_S} seconds")
    account_id = _account_id(found, "account", place) or FIRST_ACCOUNT
    policy = _policy(found, "role", place)
    external_id = text_of(found, "external_id", place, default="")
    return Role(
        _name(found, place),
        policy,
        frozenset(trusted),
        max_session_s,
        account_id,
        _tags(found, place),
        external_id,
    )


def _tags(found: Mapping[str, Any], place: str) -> Mapping[str, str]:
    """What policies call aws:PrincipalTag/<name>."""
    tags = found.get("tags", {})
    if not isinstance(tags, Mapping) or not all(isinstance(value, str) for value in tags.values()):
        raise ConfigError(f"{place}: tags must be a JSON object of texts")
    return dict(tags)


def _bucket(entry: Any, place: str) -> BucketConfig:
    found = object_of(entry, place, ("name", "cors", "account", "abort_uploads_after_days", QUOTA, *FIELDS))
    name = text_of(found, "name", place) or ""
    if not valid_bucket_name(name):
        raise ConfigError(f"{place}: {name!r} is not a bucket name")
    account_id = _account_id(found, "account", place)
    contents = read_contents(found, name, place)
    days = found.get("abort_uploads_after_days")
    if days is not None and (isinstance(days, bool) or not isinstance(days, int) or days < 1):
        raise ConfigError(f"{place}: abort_uploads_after_days must be a whole number of days, at least 1")
    plain = BucketConfig(name, None, account_id, contents, days, read_quota(found, place))
    if "cors" not in found:
        return plain
    try:
        rules = tuple(rules_of_json(found["cors"]))
    except ValueError as problem:
        raise ConfigError(f"{place}.cors: {problem}") from problem
    _check_origins((origin for rule in rules for origin in rule.allowed_origins), f"{place}.cors")
    return replace(plain, cors=rules)


def _fault(entry: Any, place: str) -> Any:
    try:
        return read_fault(object_of(entry, place, fault_fields()))
    except (TypeError, ValueError) as problem:
        raise ConfigError(f"{place}: {problem}") from problem


def _reserve_bytes(top: Mapping[str, Any]) -> int:
    value = top.get("disk_reserve_bytes", RESERVE_BYTES)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError("disk_reserve_bytes must be a whole number, 0 for no reserve")
    return value


def _switch(top: Mapping[str, Any], name: str) -> bool:
    value = top.get(name, False)
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be true or false")
    return value


def _policy(found: Mapping[str, Any], kind: str, place: str) -> Policy:
    try:
        return read_policy(found["policy"], f"the policy of {kind} {found.get('name')}")
    except KeyError as missing:
        raise ConfigError(f"{place} has no policy, so nothing would be allowed") from missing
    except PolicyError as problem:
        raise ConfigError(f"{place}.policy: {problem}") from problem


def _name(found: Mapping[str, Any], place: str) -> str:
    name = text_of(found, "name", place) or ""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{place}: a name must be 1 to 64 letters, digits and _+=,.@-")
    return name
