"""One request to the console: whose it is, and their clients of the server's services."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from flask import current_app, g, request

from s3portal.console.backend import Backend
from s3portal.console.database import ConsoleDatabase
from s3portal.console.gateway_client import GatewayClients, Key, Visitor
from s3portal.console.oidc.endpoints import KnownEndpoints
from s3portal.console.remembered import Sights
from s3portal.console.sessions import Session, Sessions
from s3portal.console.settings import ConsoleSettings
from s3portal.console.throttle import Throttle


class Console:
    """What the requests of one console share."""

    def __init__(
        self,
        backend: Backend,
        settings: ConsoleSettings,
        database: ConsoleDatabase,
        sessions: Sessions,
        throttle: Throttle,
        sights: Sights,
    ) -> None:
        self.backend = backend
        self.settings = settings
        self.database = database
        self.sessions = sessions
        self.throttle = throttle
        self.sights = sights
        self.endpoints = KnownEndpoints(backend.sign_in)
        self.clients = GatewayClients(backend.gateway, backend.region)

    def is_secure(self) -> bool:
        """Whether the browser of this request reaches the console over TLS."""
        return (self.settings.console_origin or request.scheme).startswith("https")

    def store_url(self) -> str:
        """Returns where the browser of this request reaches the S3 API."""
        if self.settings.store_url:
            return self.settings.store_url
        asked = urlsplit(self.settings.console_origin).netloc or request.host
        host = asked.rsplit(":", 1)[0] if not asked.endswith("]") else asked
        return f"{self.backend.store_scheme}://{host}:{self.backend.store_port}"


class Visit:
    """A request of somebody who is signed in. Clients call as they do, and can do what they may."""

    def __init__(self, console: Console, session: Session, key: Key) -> None:
        self.console = console
        self.session = session
        self.key = key
        self.visitor = Visitor(request.remote_addr or "", request.scheme)

    @cached_property
    def s3(self) -> Any:
        return self.client("s3")

    @cached_property
    def iam(self) -> Any:
        return self.client("iam")

    @cached_property
    def sts(self) -> Any:
        return self.client("sts")

    @cached_property
    def kms(self) -> Any:
        return self.client("kms")

    @cached_property
    def identity(self) -> dict[str, str]:
        """``Arn``, ``UserId`` and ``Account`` of who is signed in."""
        return cast(dict[str, str], self.sts.get_caller_identity())

    @property
    def name(self) -> str:
        """What people call who is signed in: the user's or the role's name."""
        return self.identity["Arn"].rpartition(":")[2].partition("/")[2] or self.identity["Arn"]

    @property
    def is_of_first_account(self) -> bool:
        return self.identity["Account"] == self.console.backend.view.account_id

    @cached_property
    def is_operator(self) -> bool:
        """Whether they may see what concerns the whole server: those of its first account who may list its
        users may."""
        if not self.is_of_first_account:
            return False
        try:
            self.iam.list_users(MaxItems=1)
        except ClientError as refused:
            if refused.response["Error"]["Code"] == "AccessDenied":
                return False
            raise
        return True

    def client(self, service: str) -> Any:
        return self.console.clients.client(service, self.key, self.visitor)

    def call(self, method: str, path: str, query: str = "", body: bytes = b"") -> AWSResponse:
        """Sends a request that boto3 has no operation for; ``path`` is encoded."""
        return self.console.clients.call(self.key, self.visitor, method, path, query, body)

    def link(self, operation: str, parameters: dict[str, Any], lifetime_s: int) -> str:
        """Returns a presigned URL at the store's own address."""
        return self.console.clients.link(
            self.key, self.console.store_url(), operation, parameters, lifetime_s
        )


def console() -> Console:
    """The console of this application."""
    return cast(Console, current_app.extensions["s3portal_console"])


def visit() -> Visit:
    """The visit of this request; only behind the sign-in."""
    return cast(Visit, g.visit)
