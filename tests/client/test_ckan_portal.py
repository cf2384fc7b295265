"""Calls to a CKAN portal: what is sent, what is made of the answer, and what is tried again."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from s3portal.client.ckan import CkanPortal, PortalError


class ScriptedPortal:
    """Answers as told, in turn, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.asked: list[tuple[str, str | None, object]] = []
        portal = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                portal.asked.append((self.path, self.headers["Authorization"], body))
                status, answer = portal.answers.pop(0)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def will_answer(self, status: int, **envelope: object) -> None:
        self.answers.append((status, json.dumps(envelope).encode()))

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def portal() -> Iterator[ScriptedPortal]:
    running = ScriptedPortal()
    yield running
    running.stop()


@pytest.fixture
def client(portal: ScriptedPortal, monkeypatch) -> CkanPortal:
    monkeypatch.setattr("s3portal.client.ckan._BACKOFF_FACTOR_S", 0.001)
    return CkanPortal(portal.url + "/", "the-token")


def test_an_upload_is_created_with_its_first_parts(portal, client):
    part = {
        "part_number": 1,
        "url": "http://s3/1",
        "headers": {"x": "y"},
        "expires_at": "2026-11-21T10:00:00Z",
    }
    upload = {"id": "u", "size": 6, "part_size": 5, "part_count": 2}
    portal.will_answer(200, success=True, result={"upload": upload, "parts": [part]})
    planned, [signed] = client.create_upload(
        dataset="rivers", filename="ü.csv", size_bytes=6, content_type="text/csv", idempotency_key="k"
    )
    assert (planned.id, planned.size_bytes, planned.part_size_bytes, planned.part_count) == ("u", 6, 5, 2)
    assert (signed.part_number, signed.url, signed.headers) == (1, "http://s3/1", {"x": "y"})
    assert signed.has_expired
    assert portal.asked == [
        (
            "/api/3/action/s3multipart_upload_create",
            "the-token",
            {
                "owner": "rivers",
                "filename": "ü.csv",
                "size": 6,
                "content_type": "text/csv",
                "idempotency_key": "k",
            },
        )
    ]


def test_a_refusal_is_an_error_with_its_code_and_the_portals_words(portal, client):
    portal.will_answer(413, success=False, error={"code": "file_too_large", "message": "Too large: 5 GB."})
    with pytest.raises(PortalError, match="Too large: 5 GB") as caught:
        client.complete_upload("u")
    assert caught.value.code == "file_too_large"
    assert len(portal.asked) == 1


def test_ckans_own_refusals_are_shown_whole(portal, client):
    portal.will_answer(409, success=False, error={"__type": "Validation Error", "name": ["Missing value"]})
    with pytest.raises(PortalError, match="Missing value"):
        client.attach("u", dataset="rivers", name="")


def test_a_busy_portal_is_asked_again(portal, client):
    for _ in range(2):
        portal.answers.append((503, b"busy"))
    portal.will_answer(200, success=True, result={"url": "http://portal/link"})
    assert client.attach("u", dataset="rivers", name="levels.csv") == "http://portal/link"
    assert len(portal.asked) == 3


def test_a_portal_that_stays_busy_is_said(portal, client):
    portal.answers = [(503, b"<html>busy</html>")] * 6
    with pytest.raises(PortalError, match="503"):
        client.abort_upload("u")


def test_a_portal_that_is_not_there_is_said(portal, client):
    portal.stop()
    with pytest.raises(PortalError, match="does not answer") as caught:
        client.abort_upload("u")
    assert caught.value.code == "unreachable"
