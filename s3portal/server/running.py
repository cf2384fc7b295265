"""A whole server, put together: storage, users, buckets, application, HTTP."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from s3portal.server.access.authenticator import DEFAULT_REGION, Authenticator
from s3portal.server.access.configured_directory import ConfiguredDirectory
from s3portal.server.access.session_tokens import SessionSealer
from s3portal.server.api.operations import OPERATIONS, QUERY_OPERATIONS
from s3portal.server.background.jobs import jobs_named
from s3portal.server.background.runner import Background
from s3portal.server.bucket_settings import cors, lifecycle, ownership, policy
from s3portal.server.bucket_settings.lifecycle import Lifecycle, LifecycleRule
from s3portal.server.config import BucketConfig, ServerConfig, root_user
from s3portal.server.config_values import ConfigError
from s3portal.server.gateway.access_log import AccessLog
from s3portal.server.gateway.dialects.json import JsonDialect
from s3portal.server.gateway.dialects.query import QueryDialect
from s3portal.server.gateway.dialects.rest import RestDialect
from s3portal.server.gateway.http_errors import s3_refusal
from s3portal.server.gateway.pipeline import Around, Gateway
from s3portal.server.gateway.refusals import Refusals
from s3portal.server.gateway.service import Service
from s3portal.server.http.limits import fitting
from s3portal.server.http.server import HTTPServer
from s3portal.server.http.tls import TLSContexts
from s3portal.server.iam.directory import IdentityDirectory
from s3portal.server.iam.people import People
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.replication import configured
from s3portal.server.replication.connections import ConnectionProblem
from s3portal.server.storage import buckets, objects, versioning
from s3portal.server.storage.records import FIRST_ACCOUNT, Versioning
from s3portal.server.storage.storage import Storage
from s3portal.server.upkeep.importing import StoredPlace, store_content

_ABORTING_RULE = "abort-unfinished-uploads"


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


class FrontEnd(Protocol):
    """Something for people that runs beside the S3 port, in the same process, on a port of its own."""

    def start(self, server: S3Server) -> None:
        """Begins to answer; called once, when the server begins to serve."""

    def stop(self) -> None:
        """Ends; also called where it was never started."""


class S3Server:
    """Opens the storage and listens; ``serve`` answers until ``stop``.

    ``now`` is the clock that signatures and sessions are held against; ``around`` is what stands between
    requests and operations, None in a server that is not a test's.
    ``root_key_file`` is where the generated access key is, None when users are configured. A worker is given
    its ``storage`` and the ``listener`` that all workers share.
    ``jobs`` are the names of what is done in the background. ``front_end`` runs as long as the server does.
    Raises StorageInUse, ConfigError for a bucket of another account, MasterKeyError, OSError (the folder, or
    the address is taken).
    """

    def __init__(
        self,
        root: Path,
        config: ServerConfig,
        *,
        host: str,
        port: int,
        access_log: AccessLog,
        now: Callable[[], datetime] = utc_now,
        around: Around | None = None,
        storage: Storage | None = None,
        listener: socket.socket | None = None,
        jobs: Collection[str] = (),
        front_end: FrontEnd | None = None,
    ) -> None:
        self._around = around
        self._front_end = front_end
        self.storage = storage or Storage(root, config.disk_reserve_bytes)
        try:
            config, self.root_key_file = with_users(root, config)
            self.users = config.users
            self.access_log = access_log
            create_buckets(self.storage, config)
            self.sealer = SessionSealer(self.storage.server_key())
            self.master_key = MasterKey(root, config.master_key)
            self.master_key.check()
            replicate_as_configured(self.storage, self.master_key, config)
            in_file = ConfiguredDirectory(config.users, config.roles, config.accounts)

            def configuration() -> ConfiguredDirectory:
                return in_file

            service = Service(
                storage=self.storage,
                master_key=self.master_key,
                authenticator=Authenticator(
                    directory=IdentityDirectory(self.storage, self.master_key, configuration),
                    sealer=self.sealer,
                    region=config.region,
                    now=now,
                    allow_sigv2=config.allow_sigv2,
                ),
                people=People(self.storage, self.master_key, configuration),
                region=config.region,
                base_domain=config.base_domain,
                proxies=config.trusted_proxies,
                refusals=Refusals(root),
                explains_refusals=config.explain_refusals,
                notification_targets=frozenset(target.name for target in config.notification_targets),
                replication_users=config.replication.users,
            )
            dialects = (JsonDialect(), QueryDialect(QUERY_OPERATIONS), RestDialect(OPERATIONS))
            #: What answers requests, for a front end in the same process.
            self.gateway = Gateway(service, dialects, access_log, around)
            self.directory = service.authenticator.directory
            self.region = config.region or DEFAULT_REGION
            self._background = Background(
                root / "background",
                jobs_named(jobs, self.storage, self.master_key, config.notification_targets, config.region),
            )
            contexts = TLSContexts(config.tls) if config.tls else None
            self.http = HTTPServer(
                self.gateway, host, port, fitting(config.limits), s3_refusal, listener, contexts
            )
            self._scheme = "https" if contexts else "http"
        except BaseException:
            self.storage.close()
            raise

    @property
    def endpoint(self) -> str:
        host = f"[{self.http.host}]" if ":" in self.http.host else self.http.host
        return f"{self._scheme}://{host}:{self.http.port}"

    def serve(self) -> None:
        self._background.start()
        if self._front_end is not None:
            self._front_end.start(self)
        self.http.serve()

    def stop(self, grace_s: float = 5.0) -> None:
        """Lets running requests finish for ``grace_s`` seconds, then closes everything."""
        if self._around is not None:
            self._around.close()
        if self._front_end is not None:
            self._front_end.stop()
        self.http.stop(grace_s)
        self._background.stop()
        self.storage.close()
        self.access_log.close()


def with_users(root: Path, config: ServerConfig) -> tuple[ServerConfig, Path | None]:
    """Returns the configuration with a user, and the file of the key that was made for one where none is
    configured."""
    if config.users:
        return config, None
    user, key_file = root_user(root)
    return replace(config, users=(user,)), key_file


def create_buckets(storage: Storage, config: ServerConfig) -> None:
    """Makes the configured buckets, and gives them their rules. Raises ConfigError for a bucket of another
    account."""
    existing = {bucket.name: bucket for bucket in buckets.find_all(storage)}
    for bucket in config.buckets:
        found = existing.get(bucket.name)
        if found is not None and bucket.account_id not in (None, found.owner):
            raise ConfigError(
                f"bucket {bucket.name} belongs to account {found.owner}, not to {bucket.account_id}"
            )
        rules = cors.rules_to_json(bucket.cors) if bucket.cors else None
        if found is None:
            settings = {ownership.KIND: ownership.write(ownership.DEFAULT)}
            buckets.create(storage, bucket.name, rules, bucket.account_id or FIRST_ACCOUNT, settings)
        elif bucket.cors is not None and found.cors != rules:
            buckets.set_cors(storage, bucket.name, rules)
        if bucket.abort_uploads_after_days and (found is None or lifecycle.KIND not in found.settings):
            rule = LifecycleRule(_ABORTING_RULE, enabled=True, abort_days=bucket.abort_uploads_after_days)
            buckets.put_setting(storage, bucket.name, lifecycle.KIND, lifecycle.write(Lifecycle((rule,))))
        _fill(storage, bucket, found.owner if found else bucket.account_id or FIRST_ACCOUNT)


def replicate_as_configured(storage: Storage, master_key: MasterKey, config: ServerConfig) -> None:
    """Makes the configured connections and rules of replication. Raises ConfigError, MasterKeyError."""
    try:
        configured.apply(storage, master_key, config.replication.connections, config.replication.rules)
    except ConnectionProblem as problem:
        raise ConfigError(str(problem)) from problem


def _fill(storage: Storage, bucket: BucketConfig, owner: str) -> None:
    """Gives a bucket what the configuration says is in it; objects that are there stay as they are."""
    contents = bucket.contents
    if contents.policy is not None:
        buckets.put_setting(storage, bucket.name, policy.KIND, contents.policy)
    if contents.versioning is not None:
        versioning.put(storage, bucket.name, Versioning(contents.versioning))
    for given in contents.objects:
        if objects.find(storage, bucket.name, given.key) is None:
            place = StoredPlace(bucket.name, given.key, owner)
            store_content(storage, place, given.content, dict(given.headers))
