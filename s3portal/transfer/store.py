"""The store: one bucket with its endpoint and settings. This is the one place that opens clients."""

import os
import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from botocore import UNSIGNED
from botocore.exceptions import NoCredentialsError

from s3portal import __version__
from s3portal.transfer.call_times import Observer, tell_call_times
from s3portal.transfer.encoded_keys import read_encoded_keys
from s3portal.transfer.error_translation import store_errors
from s3portal.transfer.signing_keys import SigningKeys
from s3portal.transfer.store_knowledge import KnownAnswer, StoreMemory
from s3portal.transfer.transfer_settings import TransferSettings

# boto3 takes longer to load than a short command does altogether: what needs it loads it.
if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

_Made = TypeVar("_Made")

# For calls without a deadline (deadlines.py), such as a janitor's.
_CONNECT_TIMEOUT_S = 5
# CompleteMultipartUpload may take minutes, but S3 keeps sending blanks, so this is the longest silence.
_READ_TIMEOUT_S = 60
_ATTEMPTS = 4
# Threads of one worker process; botocore throws connections over this number away after each use.
_CONNECTIONS = 32
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PLAIN_HOST = re.compile(r"[a-z0-9.-]+(:[0-9]+)?")


@dataclass(frozen=True)
class BucketAddress:
    """Where browsers find a bucket: an object's URL is ``base_url`` and the percent-encoded key.

    ``host`` is what the Host header will say and what is signed: without the scheme's own port, in small
    letters.
    """

    base_url: str
    host: str
    base_path: str

    @classmethod
    def at(cls, base_url: str) -> "BucketAddress":
        """The address whose objects are under this URL."""
        parts = urlsplit(base_url)
        host = parts.netloc.lower().removesuffix(":443" if parts.scheme == "https" else ":80")
        return cls(base_url=base_url, host=host, base_path=parts.path)


@dataclass(frozen=True)
class Store:
    """One bucket. Cheap to keep, safe to share between threads and across a fork; made by ``open_store``."""

    settings: TransferSettings
    #: Where the portal keeps what it learned about the store; None keeps it in this process only.
    memory: StoreMemory | None = field(default=None, repr=False, compare=False)
    #: Hears how long the store takes for each call.
    observer: Observer | None = field(default=None, repr=False, compare=False)
    #: Whether requests are signed; without, the store allows what it allows everybody.
    signed: bool = True
    #: The keys to sign with, where they are known without asking boto3's chain of sources.
    keys: SigningKeys | None = field(default=None, repr=False, compare=False)
    _opened: dict[tuple[int, str], Any] = field(default_factory=dict, repr=False, compare=False)
    # boto3 makes clients safely from one thread at a time only. A lock that is held during a fork is held
    # in the child for ever, so each process has its own.
    _locks: dict[int, AbstractContextManager[Any]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.settings.s3_bucket

    @property
    def region(self) -> str:
        """The bucket's region, which is part of every signature."""
        return self.settings.s3_region

    def client(self) -> "S3Client":
        """The S3 client of this process: always the same one, and safe in threads.

        Raises StoreMisconfigured where boto3 makes none of the settings, profiles or environment.
        """
        settings = self.settings
        signature = "s3v4" if self.signed else UNSIGNED
        return self.once(
            "s3" if self.signed else "s3 unsigned",
            lambda: self._observed(
                _reading_encoded_keys(
                    _obeying_deadlines(
                        self.session().client(
                            "s3",
                            endpoint_url=settings.s3_endpoint or None,
                            config=_s3_config(settings, signature),
                        )
                    )
                )
            ),
        )

    def sts_client(self) -> "STSClient":
        """The STS client of this process. STS is regional, as the store is. Raises StoreMisconfigured."""
        return self.once(
            "sts",
            lambda: _obeying_deadlines(
                self.session().client(
                    "sts", endpoint_url=self.settings.sts_endpoint or None, config=_shared_config()
                )
            ),
        )

    def session(self) -> "boto3.Session":
        """The boto3 session of this process, which holds the keys or knows where to get them.

        Raises StoreMisconfigured, for example for a profile that is not there.
        """
        return self.once("session", lambda: _open_session(self.settings))

    def credentials(self) -> SigningKeys:
        """The keys to sign with now: botocore renews those of a role before they expire.

        Raises StoreMisconfigured where neither the settings nor boto3's chain of sources has any.
        """
        if self.keys is not None:
            return self.keys
        session = self.session()
        with store_errors("FindCredentials"):
            credentials = session.get_credentials()
            if credentials is None:
                raise NoCredentialsError
            found = credentials.get_frozen_credentials()
            return SigningKeys(found.access_key or "", found.secret_key or "", found.token)

    def credentials_expire_at(self) -> datetime | None:
        """When the keys to sign with stop working, or None for those that stay: a URL dies with its keys."""
        if self.keys is not None:
            return None
        session = self.session()
        with store_errors("FindCredentials"):
            # botocore keeps this time to itself; should the attribute go one day, so does this refinement.
            expires_at = getattr(session.get_credentials(), "_expiry_time", None)
        return expires_at if isinstance(expires_at, datetime) else None

    @property
    def address(self) -> BucketAddress:
        """Where browsers find the bucket. Raises StoreMisconfigured."""
        return self.once(
            f"address of {self.bucket}",
            lambda: _own_address(self.settings) or _resolve_address(self._anonymous_client(), self.bucket),
        )

    def beside(self, bucket: str) -> "Store":
        """Another bucket behind the same endpoint, through the same connections: a portal that has a bucket
        for each week keeps one client and not hundreds.
        """
        return replace(self, settings=replace(self.settings, s3_bucket=bucket))

    def as_anybody(self) -> "Store":
        """The same bucket as somebody without keys reaches it."""
        return replace(self, signed=False)

    @property
    def public_endpoint(self) -> str:
        """The endpoint that someone with session credentials gives to an S3 client."""
        return self.settings.browser_endpoint or self.client().meta.endpoint_url

    def _observed(self, client: _Made) -> _Made:
        if self.observer is not None:
            tell_call_times(client, self.observer)
        return client

    def _anonymous_client(self) -> "S3Client":
        """A client of the public endpoint that has no keys: it sends nothing and knows addresses."""
        settings = self.settings
        return self.once(
            "anonymous",
            lambda: self.session().client(
                "s3", endpoint_url=settings.browser_endpoint or None, config=_s3_config(settings, UNSIGNED)
            ),
        )

    def recall(self, question: str) -> KnownAnswer | None:
        """What the portal's memory has of an earlier answer."""
        return self.memory.read(self._identity, question) if self.memory else None

    def remember(self, question: str, answer: KnownAnswer) -> None:
        """Keeps an answer in the portal's memory."""
        if self.memory:
            self.memory.write(self._identity, question, answer)

    @property
    def _identity(self) -> str:
        """What tells this store from others in the memory: answers may change with each of these."""
        settings = self.settings
        return f"{settings.s3_endpoint or 'aws'} {self.region} {self.bucket} {settings.s3_sse}".rstrip()

    def once(self, name: str, make: Callable[[], _Made]) -> _Made:
        """What ``make`` made in this process, shared by all buckets of the endpoint. Connections must not be
        shared across a fork, hence the process id. Raises what `store_errors` makes of boto3's errors;
        ``make`` sends nothing, since other threads are waiting.
        """
        place = (os.getpid(), name)
        if place not in self._opened:
            with self._locks.setdefault(os.getpid(), threading.RLock()):
                if place not in self._opened:
                    with store_errors("OpenStore"):
                        self._opened[place] = make()
        made: _Made = self._opened[place]
        return made


def open_store(
    settings: TransferSettings, memory: StoreMemory | None = None, observer: Observer | None = None
) -> Store:
    """The store that the settings describe. Nothing is sent or looked for before it is used.

    ``memory`` keeps what is found out about the store across processes, where the portal has a place for it;
    ``observer`` hears how long the store takes for each call (call_times.py).
    """
    return Store(settings, memory, observer)


def _obeying_deadlines(client: _Made) -> _Made:
    from s3portal.transfer.timed_requests import obey_deadlines

    obey_deadlines(client)
    return client


def _reading_encoded_keys(client: _Made) -> _Made:
    read_encoded_keys(client)
    return client


def _open_session(settings: TransferSettings) -> "boto3.Session":
    import boto3

    return boto3.Session(
        aws_access_key_id=settings.s3_access_key_id or None,
        aws_secret_access_key=settings.s3_secret_access_key or None,
        aws_session_token=settings.s3_session_token or None,
        region_name=settings.s3_region,
        profile_name=settings.s3_profile or None,
    )


def _own_address(settings: TransferSettings) -> BucketAddress | None:
    """Where an endpoint of one's own has the bucket in the path, as botocore would put it; None where more
    than that has to be known."""
    endpoint = settings.browser_endpoint
    parts = urlsplit(endpoint)
    if (
        settings.s3_addressing_style == "virtual"
        or not _PLAIN_NAME.fullmatch(settings.s3_bucket)
        or not _PLAIN_HOST.fullmatch(parts.netloc)
        or parts.path.rstrip("/")
        or parts.query
        or parts.netloc.endswith((".amazonaws.com", ".amazonaws.com.cn"))
    ):
        return None
    return BucketAddress.at(f"{parts.scheme}://{parts.netloc}/{settings.s3_bucket}/")


def _resolve_address(anonymous: "S3Client", bucket: str) -> BucketAddress:
    """botocore says where the bucket is: partitions, addressing styles and odd bucket names are its trade.

    An unsigned URL of a key of one letter needs no credentials, and what stands before the key is the
    address.
    """
    probe = anonymous.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    return BucketAddress.at(probe.removesuffix("k"))


def _shared_config() -> "Config":
    from botocore.config import Config

    return Config(
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=_CONNECTIONS,
        tcp_keepalive=True,
        user_agent_extra=f"s3portal/{__version__}",
    )


def _s3_config(settings: TransferSettings, signature_version: Any) -> "Config":
    from botocore.config import Config

    addressing_style = settings.s3_addressing_style
    if settings.on_aws and addressing_style == "auto":
        # On AWS they mean the same, but with "auto" botocore presigns for the global s3.amazonaws.com. That
        # redirects to a young bucket in another region, and browsers do not follow with a preflighted PUT.
        addressing_style = "virtual"
    return _shared_config().merge(
        Config(
            signature_version=signature_version,
            s3={
                "addressing_style": addressing_style,
                # Otherwise us-east-1 is reached, and signed for, under its old global name.
                "us_east_1_regional_endpoint": "regional",
            },
            request_checksum_calculation=settings.checksum_mode,
            response_checksum_validation=settings.checksum_mode,
        )
    )
