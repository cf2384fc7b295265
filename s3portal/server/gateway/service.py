"""What lives as long as the server, and every operation works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from s3portal.server.access.authenticator import Authenticator
from s3portal.server.access.web_identity import WebIdentities
from s3portal.server.gateway.metrics import Metrics
from s3portal.server.gateway.own_pages import NO_PAGES, OwnPages
from s3portal.server.gateway.refusals import Refusals
from s3portal.server.gateway.self_report import RESERVED_NAMES
from s3portal.server.http.forwarded import Networks
from s3portal.server.iam.people import People
from s3portal.server.kms.keys import Keys
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.storage.storage import Storage


@dataclass(frozen=True)
class Service:
    """``region`` None means that any is accepted. ``proxies`` are those whose X-Forwarded headers count.
    ``explains_refusals`` tells every caller the reason of a refusal. ``notification_targets`` are the names
    of those that buckets may have their events sent to. ``master_key`` seals the secrets that are kept;
    ``keys`` are those of the key management. ``customer_keys_over_http`` takes the keys of SSE-C over
    connections that others can read. ``people`` are those who may be let in, ``own_pages`` those of a front
    end beside this port. Requests are counted in ``metrics``, and changes noted in ``audit_file``,
    None without an audit log. ``replication_users`` returns account and name of those by whom other
    servers replicate to this one, as far as the configuration names them now. No bucket can be created with
    one of the ``reserved_names``. ``upload_limit_bytes`` is the most that one request may bring, None for
    S3's limits.
    ``presigned_base_url`` and ``presigned_region`` are for URLs that this server signs; '' for what the
    caller calls it, and for the default region."""

    storage: Storage
    master_key: MasterKey
    keys: Keys
    authenticator: Authenticator
    people: People
    web_identities: WebIdentities
    region: str | None
    base_domain: str | None
    proxies: Networks = ()
    refusals: Refusals | None = None
    explains_refusals: bool = False
    notification_targets: frozenset[str] = frozenset()
    replication_users: Callable[[], frozenset[tuple[str, str]]] = frozenset
    metrics: Metrics | None = None
    audit_file: Path | None = None
    own_pages: OwnPages = NO_PAGES
    customer_keys_over_http: bool = False
    reserved_names: frozenset[str] = RESERVED_NAMES
    upload_limit_bytes: int | None = None
    presigned_base_url: str = ""
    presigned_region: str = ""
