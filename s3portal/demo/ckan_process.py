"""CKAN itself: brings its database up to date, makes the first data, serves. Run as a child by `ckan.Ckan`.

One process does all three, because loading CKAN is what takes the time.
"""

from __future__ import annotations

import argparse
import logging
import logging.config
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
import pylibmagic  # noqa: F401  (before CKAN, which loads the library through python-magic)
from cheroot import wsgi

THREADS = 8

access_log = logging.getLogger("s3portal.demo.access")


def main() -> None:
    """Runs until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ini", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secrets", type=Path, help="make the first data, with passwords from this folder")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    from ckan.cli import load_config
    from ckan.cli.db import upgrade
    from ckan.config.middleware import make_app
    from ckan.plugins import toolkit as tk

    app = make_app(load_config(str(chosen.ini)))
    with app._wsgi_app.test_request_context(), click.Context(upgrade) as command:
        command.invoke(upgrade, version="head", plugin="", skip_core=False, skip_plugins=False)
        configure_logging(chosen.ini)
        if chosen.secrets is not None:
            from s3portal.demo.first_data import make_first_data

            make_first_data(chosen.secrets)
        renew_links(chosen.ini.with_name("links"), tk.config["ckan.site_url"])
    serve(app, chosen.host, chosen.port)


def renew_links(noted: Path, site_url: str) -> None:
    """Indexes all datasets again where the portal's address was another one: the index keeps links as they
    were when a dataset was saved, and pages show those.
    """
    from ckan.lib.search import rebuild

    if noted.exists() and noted.read_text("utf-8") != site_url:
        rebuild(quiet=True)
    noted.write_text(site_url, "utf-8")


def configure_logging(ini: Path) -> None:
    """Sets logging up as the file says, again: migrations of plugins silence all loggers but theirs."""
    logging.config.fileConfig(ini, disable_existing_loggers=False)
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False


def serve(app: Any, host: str, port: int) -> None:
    """Serves a WSGI application with a pool of threads, as a production server would, until SystemExit."""
    server = wsgi.Server((host, port), with_access_log(app), numthreads=THREADS, shutdown_timeout=2)
    try:
        server.start()
    finally:
        server.stop()


def with_access_log(app: Any) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """The application with a line for each request: method, path, status, bytes that came in."""

    def logged(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start_logged(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            access_log.info(
                "%s %s %s in=%s",
                environ["REQUEST_METHOD"],
                environ["PATH_INFO"],
                status[:3],
                environ.get("CONTENT_LENGTH") or 0,
            )
            return start_response(status, headers, *rest)

        response: Iterable[bytes] = app(environ, start_logged)
        return response

    return logged


if __name__ == "__main__":
    main()
