"""The folders that servers of earlier schemas left behind, and what those servers answered."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from pathlib import Path
from typing import Any

from s3_callers import send, signed_headers

from s3portal.server.bucket_settings.canonical_users import canonical_id
from s3portal.server.storage.records import FIRST_ACCOUNT
from s3portal.server.testing import RunningServer

FIXTURES = Path(__file__).parent / "fixtures"
#: The schemas that there is a folder of.
SCHEMAS = (1, 4)
CHECKSUM = "x-amz-checksum-"
#: Headers that the moment or the connection decides.
PASSING = ("date", "x-amz-request-id", "x-amz-id-2", "connection", "server")


def unpack(folder: Path, schema: int = 1) -> Path:
    """Unpacks the folder of a schema and the answers; returns the server's folder."""
    with tarfile.open(FIXTURES / f"schema-{schema}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "s3"


def recorded(folder: Path) -> dict[str, Any]:
    """Returns the exchanges and the unfinished uploads that were recorded."""
    answers: dict[str, Any] = json.loads((folder / "answers.json").read_text())
    return answers


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def _as_then(now: str, then: str) -> str:
    return then if now == f"{then[:19]}.000Z" else now


def ask_again(server: RunningServer, exchange: dict[str, Any]) -> dict[str, Any]:
    """Asks what was asked then; returns the exchange as it would be recorded now."""
    method, target = exchange["method"], exchange["target"]
    given = {"x-amz-checksum-mode": "ENABLED"}
    headers = signed_headers(server, method, server.endpoint + target, given, user="admin")
    status, answered, body = send(server, method, target, headers)
    kept = {name: value for name, value in sorted(answered.items()) if name not in PASSING}
    if "partNumber=" in target:
        # Earlier releases did not give a part's own checksum.
        of_then = {name: value for name, value in exchange["headers"].items() if name.startswith(CHECKSUM)}
        kept = {name: value for name, value in kept.items() if not name.startswith(CHECKSUM)} | of_then
    if "text" in exchange:
        # Earlier releases called owners by the numbers of their accounts.
        body = body.replace(canonical_id(FIRST_ACCOUNT).encode(), FIRST_ACCOUNT.encode())
        # They told the milliseconds of times, too.
        then = iter(_TIME.findall(exchange["text"]))
        text = _TIME.sub(lambda now: _as_then(now[0], next(then, "")), body.decode())
        shown = {"text": text}
        if "content-length" in kept and method != "HEAD":
            kept["content-length"] = str(len(text.encode()))
    elif "sha256" in exchange:
        shown = {"sha256": hashlib.sha256(body).hexdigest()}
    else:
        shown, kept["content-length"] = {}, "-"
    return {"method": method, "target": target, "status": status, "headers": kept, **shown}
