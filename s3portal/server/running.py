"""A whole server, put together: storage, users, buckets, application, HTTP."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Collection
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from s3portal.server.access.authenticator import DEFAULT_REGION, Authenticator
from s3portal.server.access.plain_keys import PlainKeys
from s3portal.server.access.session_tokens import SessionSealer
from s3portal.server.access.web_identity import WebIdentities
from s3portal.server.api.kms.operations import OPERATIONS as KEY_OPERATIONS
from s3portal.server.api.myfsio.routes import ROUTES
from s3portal.server.api.operations import OPERATIONS, QUERY_OPERATIONS, operation_names
from s3portal.server.background.jobs import JOB_NAMES, jobs_named
from s3portal.server.background.replication.managing import Replicator
from s3portal.server.background.runner import Background
from s3portal.server.bucket_settings import cors, lifecycle, ownership, policy
from s3portal.server.bucket_settings.lifecycle import Lifecycle, LifecycleRule
from s3portal.server.config import BucketConfig, ServerConfig
from s3portal.server.config_contents import ObjectConfig
from s3portal.server.config_values import ConfigError
from s3portal.server.config_watch import ConfigFile, WatchedUsers, nobody_else, with_users
from s3portal.server.gateway.access_log import AccessLog
from s3portal.server.gateway.audit import AuditLog
from s3portal.server.gateway.dialects.dialect import Dialect
from s3portal.server.gateway.dialects.json import JsonDialect
from s3portal.server.gateway.dialects.myfsio import ROUTE_NAMES, MyfsioDialect
from s3portal.server.gateway.dialects.query import QueryDialect
from s3portal.server.gateway.dialects.rest import RestDialect
from s3portal.server.gateway.http_errors import s3_refusal
from s3portal.server.gateway.metrics import Metrics, MetricsMemory
from s3portal.server.gateway.own_pages import NO_PAGES, OwnPages
from s3portal.server.gateway.pipeline import Around, Gateway
from s3portal.server.gateway.refusals import Refusals
from s3portal.server.gateway.self_report import RESERVED_NAMES, SelfReport, warn_of_shadows
from s3portal.server.gateway.service import Service
from s3portal.server.http.failure_counts import FailureCounts
from s3portal.server.http.limits import fitting
from s3portal.server.http.server import HTTPServer
from s3portal.server.http.tls import TLSContexts
from s3portal.server.iam.directory import IdentityDirectory
from s3portal.server.iam.people import People
from s3portal.server.kms.administrator import AdministratorsKeys
from s3portal.server.kms.keys import Keys
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.myfsio.files import MyfsioFiles
from s3portal.server.operator_view import OperatorView
from s3portal.server.replication import configured
from s3portal.server.replication.connections import ConnectionProblem
from s3portal.server.replication.following import Follower
from s3portal.server.storage import buckets, objects, quotas, versioning
from s3portal.server.storage.records import FIRST_ACCOUNT, Versioning
from s3portal.server.storage.storage import Storage
from s3portal.server.upkeep.importing import StoredPlace, store_content
from s3portal.server.web_sign_in import WebSignIn
from s3portal.server.wire.errors import ERRORS, S3Error

_ABORTING_RULE = "abort-unfinished-uploads"

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


class FrontEnd(Protocol):
    """Something for people that runs beside the S3 port, in the same process, on a port of its own. It may
    also be reached at ``origins``."""

    port: int
    origins: frozenset[str]

    def url_over(self, scheme: str) -> str:
        """Returns what people open in a browser, where the server speaks ``scheme``."""

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
    Users, roles and replication are read again when ``config_file`` changes.
    ``metrics`` is where this process counts, and ``failure_counts`` where all count who guesses at keys;
    without them, it is the only one.
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
        config_file: ConfigFile | None = None,
        metrics: Metrics | None = None,
        failure_counts: FailureCounts | None = None,
    ) -> None:
        self._around = around
        self._front_end = front_end
        #: Where a front end counts who guesses, too.
        self.failure_counts = failure_counts or FailureCounts()
        self.storage = storage or Storage(root, config.disk_reserve_bytes)
        try:
            config, self.root_key_file = with_users(root, config)
            self.users = config.users
            self.access_log = access_log
            create_buckets(self.storage, config)
            self.sealer = SessionSealer(self.storage.server_key())
            self.master_key = MasterKey(root, config.master_key)
            self.master_key.check()
            if storage is None:
                # Of several processes the first one did: the file may have changed since this one's start.
                replicate_as_configured(self.storage, self.master_key, config)
            keys = Keys(self.storage, self.master_key, config.region or DEFAULT_REGION)
            keys.delete_expired()
            self.keys = AdministratorsKeys(self.storage, self.master_key, keys.region)
            files = _myfsio_files(self.storage, root, config)
            others = nobody_else if files is None else files.users
            watched = WatchedUsers(root, config, config_file, others)
            configuration = watched.current
            #: Brings what the configuration file says of replication into the database when it changes.
            self.replication_follower = Follower(
                self.storage,
                self.master_key,
                config.replication.wanted,
                lambda: watched.replication().wanted,
            )
            metrics = metrics or Metrics(new_metrics_memory(), now_s=lambda: now().timestamp())
            self.audit = audit_log(root, config)
            service = Service(
                storage=self.storage,
                master_key=self.master_key,
                keys=keys,
                authenticator=Authenticator(
                    directory=IdentityDirectory(self.storage, self.master_key, configuration),
                    sealer=self.sealer,
                    region=config.region,
                    now=now,
                    allow_sigv2=config.allow_sigv2,
                    plain_keys=PlainKeys(counts=self.failure_counts) if config.myfsio.enabled else None,
                ),
                people=People(self.storage, self.master_key, configuration),
                web_identities=WebIdentities(lambda: configuration().providers, now),
                region=config.region,
                base_domain=config.base_domain,
                proxies=config.trusted_proxies,
                refusals=Refusals(root),
                explains_refusals=config.explain_refusals,
                customer_keys_over_http=config.customer_keys_over_http,
                notification_targets=frozenset(target.name for target in config.notification_targets),
                replication_users=lambda: watched.replication().users,
                metrics=metrics,
                audit_file=config.audit.path_in(root) if config.audit.enabled else None,
                own_pages=NO_PAGES if front_end is None else OwnPages(front_end.port, front_end.origins),
                reserved_names=reserved_names(config),
                upload_limit_bytes=config.myfsio.upload_limit_bytes,
                presigned_base_url=config.myfsio.api_base_url,
                presigned_region=config.myfsio.region,
            )
            myfsio = None if files is None else MyfsioDialect(ROUTES, self.storage, files.look)
            report = SelfReport(self.storage, metrics.memory, config.metrics.token)
            dialects: list[Dialect[Any]] = [
                *([] if myfsio is None else [myfsio]),
                JsonDialect(KEY_OPERATIONS),
                QueryDialect(QUERY_OPERATIONS),
                RestDialect(OPERATIONS),
            ]
            named = None if myfsio is None else myfsio.named
            #: What answers requests, for a front end in the same process.
            self.gateway = Gateway(service, dialects, access_log, around, report, self.audit, named)
            self.directory = service.authenticator.directory
            #: What those who run the server may look at.
            self.view = OperatorView(
                self.storage,
                metrics.memory,
                root,
                config.audit.path_in(root) if config.audit.enabled else None,
                lambda record: None if self.audit is None else self.audit.add(record),
                utc_now(),
                self.directory,
                Replicator(self.storage, self.master_key),
                now,
            )
            #: How people sign in to a front end with an identity provider.
            self.web_sign_in = WebSignIn(service.web_identities, service.people, self.directory, now)
            self.region = config.region or DEFAULT_REGION
            self._background = Background(
                root / "background",
                jobs_named(
                    jobs,
                    self.storage,
                    self.master_key,
                    config.notification_targets,
                    config.region,
                    self.keys,
                    self.replication_follower.look,
                ),
                metrics.job_ended,
            )
            #: What a front end speaks and hears by, too.
            self.tls = TLSContexts(config.tls) if config.tls else None
            self.proxies = config.trusted_proxies
            self.http = HTTPServer(
                self.gateway, host, port, fitting(config.limits), s3_refusal, listener, self.tls
            )
            self._scheme = "https" if self.tls else "http"
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
        if self.audit is not None:
            self.audit.close()


def _myfsio_files(storage: Storage, root: Path, config: ServerConfig) -> MyfsioFiles | None:
    """Returns MyFSIO's files, read once; None where its dialect is not spoken. Raises ConfigError."""
    given = config.myfsio
    if not given.enabled:
        return None
    try:
        files = MyfsioFiles(
            storage,
            root,
            iam_file=given.iam_path,
            policies_file=given.bucket_policies_path,
            localadmin=given.localadmin,
        )
    except ValueError as problem:
        raise ConfigError(str(problem)) from problem
    files.look()
    return files


def new_metrics_memory(places: int = 1) -> MetricsMemory:
    """Returns the memory for the counters of so many processes."""
    return MetricsMemory(operation_names(), ERRORS, JOB_NAMES, places)


def audit_log(root: Path, config: ServerConfig) -> AuditLog | None:
    """Returns the audit log of a configuration; None where there is to be none."""
    given = config.audit
    if not given.enabled:
        return None
    path = given.path_in(root)
    return AuditLog(path, limit_bytes=given.max_bytes, files=given.files, reads=given.reads)


def create_buckets(storage: Storage, config: ServerConfig) -> None:
    """Makes the configured buckets, and gives them their rules, and buckets and users their quotas. Raises
    ConfigError for a bucket of another account."""
    for writer, quota in config.user_quotas:
        quotas.put_of_user(storage, writer, quota)
    existing = {bucket.name: bucket for bucket in buckets.find_all(storage)}
    for bucket in config.buckets:
        found = existing.get(bucket.name)
        if found is not None and bucket.account_id not in (None, found.owner):
            raise ConfigError(
                f"bucket {bucket.name} belongs to account {found.owner}, not to {bucket.account_id}"
            )
        if found is None and bucket.name in reserved_names(config):
            raise ConfigError(f"no bucket can be called {bucket.name}: this server answers there itself")
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
    warn_of_shadows(storage, reserved_names(config))


def reserved_names(config: ServerConfig) -> frozenset[str]:
    """Returns the names that no bucket can be created with."""
    return RESERVED_NAMES | ROUTE_NAMES if config.myfsio.enabled else RESERVED_NAMES


def replicate_as_configured(storage: Storage, master_key: MasterKey, config: ServerConfig) -> None:
    """Makes the configured connections and rules of replication. Raises ConfigError, MasterKeyError."""
    try:
        configured.apply(storage, master_key, *config.replication.wanted)
    except ConnectionProblem as problem:
        raise ConfigError(str(problem)) from problem


def _fill(storage: Storage, bucket: BucketConfig, owner: str) -> None:
    """Gives a bucket what the configuration says is in it; objects that are there stay as they are."""
    contents = bucket.contents
    if bucket.quota is not None:
        quotas.put_of_bucket(storage, bucket.name, bucket.quota)
    if contents.policy is not None:
        buckets.put_setting(storage, bucket.name, policy.KIND, contents.policy)
    if contents.versioning is not None:
        versioning.put(storage, bucket.name, Versioning(contents.versioning))
    for given in contents.objects:
        if objects.find(storage, bucket.name, given.key) is None:
            place = StoredPlace(bucket.name, given.key, owner)
            _store_given(storage, place, given)


def _store_given(storage: Storage, place: StoredPlace, given: ObjectConfig) -> None:
    """Stores a configured object. A bucket that is full by now does not keep the server from starting."""
    try:
        store_content(storage, place, given.content, dict(given.headers))
    except S3Error as refused:
        if refused.code != "QuotaExceeded":
            raise
        log.warning("%s of the configuration is not stored: %s", place.key, refused.message)
