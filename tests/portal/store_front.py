"""A store that misbehaves: a reverse proxy before the bundled server; tests replace and alter its answers.

It passes requests on byte for byte, ``Host`` included, so signatures are really checked behind it.
"""

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """A request to the store."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def is_signed(self) -> bool:
        return "X-Amz-Signature" in self.query or "authorization" in self.headers


@dataclass
class Said:
    """An answer of the store."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


def s3_error(status: int, code: str, message: str = "Why", **facts: str) -> Said:
    """An error as S3 writes it."""
    more = "".join(f"<{name}>{value}</{name}>" for name, value in facts.items())
    body = f"<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    return Said(status, [("Content-Type", "application/xml")], body.encode())


#: Answers by itself, or leaves it to the store.
Instead = Callable[[Asked], Said | None]
#: Changes what the store said.
Alter = Callable[[Asked, Said], None]


class StoreFront:
    """Use it as a context manager."""

    def __init__(self, port: int) -> None:
        self.instead: Instead = lambda asked: None
        self.alter: Alter = lambda asked, said: None
        self.asked: list[Asked] = []
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                query = parse_qs(parts.query, keep_blank_values=True)
                asked = Asked(self.command, parts.path, query, headers, body)
                front.asked.append(asked)
                said = front.instead(asked) or self.passed_on(body)
                front.alter(asked, said)
                self.send_response_only(said.status)
                for name, value in said.headers:
                    if name.lower() not in ("content-length", "connection"):
                        self.send_header(name, value)
                lengths = [value for name, value in said.headers if name.lower() == "content-length"]
                is_head = self.command == "HEAD"
                self.send_header("Content-Length", lengths[0] if is_head and lengths else str(len(said.body)))
                self.end_headers()
                if not is_head:
                    self.wfile.write(said.body)

            def passed_on(self, body: bytes) -> Said:
                connection = http.client.HTTPConnection("127.0.0.1", port)
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body or None)
                response = connection.getresponse()
                said = Said(response.status, response.getheaders(), response.read())
                connection.close()
                return said

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_OPTIONS = answer

            def log_message(self, *_: object) -> None:
                """Says nothing: the requests are kept."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "StoreFront":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
