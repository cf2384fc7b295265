"""The portal behind a real socket, and nginx in front of it with the server block of the documentation."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until
from werkzeug.serving import make_server

_PAGE = Path(__file__).parents[2] / "docs" / "ckan.md"
_DOCUMENTED_BUCKET = "https://river-data.s3.ap-southeast-2.amazonaws.com"


@contextmanager
def served(application: Callable[..., Any]) -> Iterator[str]:
    """A WSGI application at the address that this gives."""
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def behind_nginx(application: Callable[..., Any], bucket_url: str, folder: Path) -> Iterator[str]:
    """A WSGI application behind nginx, which knows the bucket by the documented block."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("NOT RUN: no nginx on this machine")
    with served(application) as portal:
        port = free_port()
        (folder / "nginx.conf").write_text(_configuration(folder, port, portal, documented_block(bucket_url)))
        log = (folder / "log").open("wb")
        nginx = subprocess.Popen(
            [program, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"],
            stdout=log,
            stderr=log,
        )
        try:
            wait_until(lambda: _answers(nginx, port, folder), "nginx listens")
            yield f"http://127.0.0.1:{port}"
        finally:
            nginx.terminate()
            nginx.wait(timeout=60)
            log.close()


def documented_block(bucket_url: str) -> str:
    """The server block of docs/ckan.md, for this bucket."""
    [block] = re.findall(r"```nginx\n(.*?)```", _PAGE.read_text("utf-8"), re.DOTALL)
    assert block.count(_DOCUMENTED_BUCKET) == 1
    # Addresses are numbers here, so no resolver is asked; it has to be one that nginx can parse.
    return block.replace(_DOCUMENTED_BUCKET, bucket_url).replace("127.0.0.53", "127.0.0.1")


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def _configuration(folder: Path, port: int, portal: str, block: str) -> str:
    temporary = "".join(
        f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ {temporary} access_log off;\n"
        f"server {{ listen 127.0.0.1:{port};\n"
        f"location / {{ proxy_pass {portal}; proxy_set_header Host $http_host; }}\n{block}\n}} }}\n"
    )


def _answers(nginx: subprocess.Popen[bytes], port: int, folder: Path) -> bool:
    assert nginx.poll() is None, (folder / "log").read_text() + (folder / "error.log").read_text()
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
