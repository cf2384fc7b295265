"""The console on a port of its own, beside the S3 server in the same process.

Its origin never serves objects: what people upload could otherwise act with the rights of who looks at it.
"""

from __future__ import annotations

import hmac
import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from s3portal.console.backend import Backend
from s3portal.console.settings import ConsoleSettings
from s3portal.server.http.forwarded import Networks, origin_of
from s3portal.server.http.limits import ConnectionLimits
from s3portal.server.http.server import HTTPServer, listen_on
from s3portal.server.running import S3Server

#: Few people look at a console, and each browser opens six connections.
_LIMITS = ConnectionLimits(connections=200)

#: How long answers on their way are waited for when the server stops.
GRACE_S = 2.0

log = logging.getLogger(__name__)


class ConsoleFrontEnd:
    """Listens as soon as it is made, and answers once the server serves: workers share its socket.

    Raises OSError when the address is taken.
    """

    def __init__(self, folder: Path, host: str, port: int, settings: ConsoleSettings | None = None) -> None:
        self.folder = folder
        self._host = host
        self._settings = settings or ConsoleSettings()
        self._listener = listen_on(host, port)
        self.port: int = self._listener.getsockname()[1]
        self.origins = frozenset(filter(None, [self._settings.console_origin]))
        self._scheme = "http"
        self._http: HTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it answers, by the scheme of the server that it was started for."""
        return self._own_url(self._scheme)

    def url_over(self, scheme: str) -> str:
        """What people open: what a proxy calls it, or where it answers itself."""
        origin = self._settings.console_origin
        return f"{origin}/ui" if origin else self._own_url(scheme)

    def _own_url(self, scheme: str) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{scheme}://{host}:{self.port}/ui"

    def start(self, server: S3Server) -> None:
        self._scheme = "https" if server.tls else "http"
        self._thread = threading.Thread(target=self._serve, args=(server,), name="console", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._http is not None:
            self._http.stop(GRACE_S)
        if self._thread is not None:
            self._thread.join(GRACE_S)
        self._listener.close()

    def _serve(self, server: S3Server) -> None:
        # Here, so that the S3 port does not wait for what a console has to load.
        from s3portal.console.app import create_console

        try:
            console = create_console(backend_of(server, self.folder), self._settings)
            self._http = HTTPServer(
                behind_proxies(console, server.proxies),
                self._host,
                self.port,
                _LIMITS,
                listener=self._listener,
                tls=server.tls,
            )
            self._http.serve()
        except Exception:
            log.exception("the console failed; the S3 port goes on")
            # Nobody is kept waiting for an answer.
            self._listener.close()


def behind_proxies(application: Callable[..., Iterable[bytes]], proxies: Networks) -> Any:
    """Returns the application as it is called behind named proxies: these say from where, over what and for
    which host a request came."""

    def called(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        said = {
            name: environ[f"HTTP_{name.upper().replace('-', '_')}"]
            for name in ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
            if f"HTTP_{name.upper().replace('-', '_')}" in environ
        }
        origin = origin_of(environ["REMOTE_ADDR"], environ["wsgi.url_scheme"], said, proxies)
        environ["REMOTE_ADDR"], environ["wsgi.url_scheme"] = origin.address, origin.scheme
        if origin.host:
            environ["HTTP_HOST"] = origin.host
        return application(environ, start_response)

    return called


def backend_of(server: S3Server, folder: Path) -> Backend:
    """Returns what the console needs of a server whose data are in ``folder``."""

    def secret_of(access_key_id: str) -> str | None:
        user = server.directory.user_with_key(access_key_id)
        return None if user is None else user.secret_access_key

    return Backend(
        gateway=server.gateway,
        secret_of=secret_of,
        secret_of_session=server.sealer.secret_access_key,
        end_of_session=lambda access_key_id, token: server.sealer.open(token, access_key_id).expires_at,
        key=hmac.digest(server.storage.server_key(), b"console", "sha256"),
        folder=folder,
        region=server.region,
        store_scheme=server.endpoint.partition(":")[0],
        store_port=server.http.port,
        view=server.view,
        sign_in=server.web_sign_in,
        failure_counts=server.failure_counts,
    )
