"""CKAN as a service: configured for the embedded portal, one process with threads, debugging off."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from s3portal.demo.configuration import CkanConfiguration, write_ckan_ini
from s3portal.demo.process import Child
from s3portal.demo.s3 import answers_http
from s3portal.demo.service import Service

PLUGINS = ("s3multipart", "activity", "image_view")


class Ckan(Service):
    """CKAN on a database, a Redis and a store that already run.

    `secrets` is the folder with the passwords of the first data, None for an empty portal.
    """

    name = "CKAN"

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        *,
        database_url: str,
        redis_url: str,
        host: str = "127.0.0.1",
        public_host: str = "",
        settings: Mapping[str, str] | None = None,
        secrets: Path | None = None,
    ) -> None:
        super().__init__(folder, port, host=host)
        self.url = f"http://{public_host or host}:{self.port}"
        self.ini = self.folder / "ckan.ini"
        self.log = self.folder / "ckan.log"
        self._configuration = CkanConfiguration(
            site_url=self.url,
            database_url=database_url,
            redis_url=redis_url,
            storage_folder=self.folder / "storage",
            plugins=PLUGINS,
            settings=settings or {},
        )
        self._secrets = secrets

    def _spawn(self) -> Child:
        write_ckan_ini(self.ini, self._configuration)
        first_data = ("--secrets", self._secrets) if self._secrets else ()
        return Child(
            self.name,
            [
                *(sys.executable, "-m", "s3portal.demo.ckan_process", "--ini", self.ini),
                *("--host", self.host, "--port", str(self.port), *first_data),
            ],
            log=self.log,
        )

    def _answers(self) -> bool:
        return answers_http(self.host, self.port, "/api/3/action/status_show")
