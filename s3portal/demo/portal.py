"""The whole portal: PostgreSQL, Redis, a store and CKAN, started and stopped together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from s3portal.demo.ckan import Ckan
from s3portal.demo.people import ORGANISATION, token_file
from s3portal.demo.postgres import Postgres
from s3portal.demo.process import free_port
from s3portal.demo.redis import Redis
from s3portal.demo.s3 import ExternalS3, S3Server
from s3portal.demo.service import Service

_WATCH_INTERVAL_S = 0.25


class Portal:
    """A portal in a folder of its own, with first data, on the bundled S3 server or on the store given.

    With a `console_port` the bundled S3 server's console runs there. `public_host` is the name
    under which browsers reach `host`. `ckan_settings` are added to CKAN's
    configuration and win. `durable=False` is for tests: faster, and lost in a power cut.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        public_host: str = "",
        port: int | None = None,
        s3_port: int | None = None,
        console_port: int | None = None,
        s3: ExternalS3 | None = None,
        ckan_settings: Mapping[str, str] | None = None,
        durable: bool = True,
    ) -> None:
        folder = folder.resolve()
        port = port or free_port(host)
        self.secrets = folder / "secrets"
        self.postgres = Postgres(folder / "postgres", durable=durable)
        self.redis = Redis(folder / "redis")
        # People type localhost as well as 127.0.0.1.
        origins = tuple(f"http://{name}:{port}" for name in dict.fromkeys((public_host or host, "localhost")))
        self.s3_server: S3Server | None = None
        if s3 is None:
            self.s3_server = S3Server(
                folder / "s3",
                s3_port,
                host=host,
                public_host=public_host,
                origins=origins,
                console_port=console_port,
            )
            s3 = self.s3_server.access()
        self.s3 = s3
        self.ckan = Ckan(
            folder / "ckan",
            port,
            host=host,
            public_host=public_host,
            database_url=self.postgres.url(),
            redis_url=self.redis.url,
            settings={
                **self.s3.ckan_settings(),
                "ckanext.s3multipart.enabled_orgs": ORGANISATION,
                **(ckan_settings or {}),
            },
            secrets=self.secrets,
        )

    @property
    def url(self) -> str:
        """The portal's address."""
        return self.ckan.url

    @property
    def services(self) -> tuple[Service, ...]:
        """What runs here, in the order in which it starts."""
        return (self.postgres, self.redis, *((self.s3_server,) if self.s3_server else ()), self.ckan)

    def publisher_token(self) -> str:
        """An API token of the publisher; there once the portal has started."""
        return token_file(self.secrets).read_text("utf-8").strip()

    def start(self, report: Callable[[str], None] = lambda step: None) -> Portal:
        """Starts everything and waits until the first page can be had; `report` hears of each step.

        Returns itself. Raises DemoError where a service does not come up, and then stops the others.
        """
        try:
            *beneath, ckan = self.services
            for service in beneath:
                service.launch()
            for service in beneath:
                service.wait_until_ready()
                report(f"{service.name} runs on port {service.port}")
            ckan.launch()
            report("CKAN brings its database up to date")
            ckan.wait_until_ready()
            report(f"CKAN runs on port {ckan.port}")
        except BaseException:
            self.stop()
            raise
        return self

    def watch(self) -> None:
        """Waits for ever. Raises DemoError, with the end of its log, when a service dies."""
        while True:
            for service in self.services:
                service.require_running()
            time.sleep(_WATCH_INTERVAL_S)

    def stop(self) -> None:
        """Stops everything, last started first. Interrupted (a second Ctrl-C), it ends the rest by force."""
        try:
            for service in reversed(self.services):
                service.stop()
        finally:
            for service in self.services:
                service.kill()

    def __enter__(self) -> Portal:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
