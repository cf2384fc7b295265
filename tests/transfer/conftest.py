"""What the tests of the transfers share.

Tests that need a real store take ``store``. It is the bundled server, or any other, which these name:
``S3PORTAL_TEST_ENDPOINT`` (blank for AWS), ``S3PORTAL_TEST_ACCESS_KEY_ID``,
``S3PORTAL_TEST_SECRET_ACCESS_KEY``, ``S3PORTAL_TEST_REGION``, ``S3PORTAL_TEST_BUCKET`` and, for session
credentials, ``S3PORTAL_TEST_ROLE``.

Tests of what stores answer once in a million times take ``scripted``, a store that says just what it was told
to.
"""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest
from botocore_files import botocores_files_are_read_once as botocores_files_are_read_once  # a fixture
from foreign_store import bundled_server_where_it_is_needed as bundled_server_where_it_is_needed  # a fixture
from foreign_store import foreign_store, is_foreign
from new_uploads import new_upload
from scripted_store import ScriptedStore

from s3portal.transfer import Store, TransferSettings, Upload, create_upload, open_store


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Store:
    """A real store with a bucket that the tests may write to."""
    if is_foreign():
        return foreign_store()
    server = request.getfixturevalue("s3_server")
    return open_store(
        TransferSettings(
            s3_bucket="test-bucket",
            s3_endpoint=server.endpoint,
            s3_access_key_id=server.users["portal"].access_key_id,
            s3_secret_access_key=server.users["portal"].secret_access_key,
            s3_role="arn:aws:iam::000000000000:role/uploads",
            s3_prefix="s3portal-tests",
        )
    )


@pytest.fixture
def scripted() -> Iterator[ScriptedStore]:
    """A store that answers what the test says."""
    script = ScriptedStore()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            script.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            script.headers.append({name.lower(): value for name, value in self.headers.items()})
            script.requests.append((self.command, unquote(self.path)))
            status, headers, body = script.next_answer()
            self.close_connection = True
            if not status:
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), "Connection": "close", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            """Says nothing: the requests are kept."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield script
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def scripted_store(scripted: ScriptedStore, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The portal's side of the scripted store; retries come at once."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    return open_store(
        TransferSettings(
            s3_bucket="river-data",
            s3_endpoint=scripted.endpoint,
            # Otherwise the script would begin with the questions about checksums.
            checksum="off",
            s3_access_key_id="AKIDEXAMPLE",
            s3_secret_access_key="wJalrXUtnFEMI",
            s3_role="arn:aws:iam::123456789012:role/uploads",
        )
    )


@pytest.fixture
def begin(store: Store) -> Callable[..., Upload]:
    """Begins an upload of a file of so many bytes at the real store."""

    def begin_upload(
        size_bytes: int, filename: str = "Flüsse 2026.csv", dataset_id: str = "rivers"
    ) -> Upload:
        new = new_upload(
            store,
            "the-lab",
            dataset_id,
            filename=filename,
            size_bytes=size_bytes,
            content_type="text/csv",
            metadata={"portal": "https://data.example.org", "user": "Ånna", "filename": filename},
        )
        return create_upload(store, new)

    return begin_upload
