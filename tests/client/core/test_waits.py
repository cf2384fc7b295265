"""What is said of a host that no answer comes from, whatever the library calls it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import urllib3

from s3portal.client.waits import unreached

BODY = b"1,2"
Act = Callable[[socket.socket], object]


@contextmanager
def a_server(act: Act) -> Iterator[str]:
    """Does this to one connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                act(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def closed(connection: socket.socket) -> None:
    request = b""
    while not request.endswith(BODY):
        request += connection.recv(10_000)


def silent(connection: socket.socket) -> None:
    while connection.recv(10_000):
        """Until the other side has had enough."""


def no_tls(connection: socket.socket) -> None:
    connection.recv(10_000)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def reset(connection: socket.socket) -> None:
    # Before it is sent, the other side may learn of the end by its own sending.
    closed(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def said_of(url: str, pool: urllib3.PoolManager | None = None) -> str:
    timeout = urllib3.Timeout(connect=10, read=0.2)
    with pytest.raises(urllib3.exceptions.HTTPError) as error:
        (pool or urllib3.PoolManager()).request("PUT", url, body=BODY, retries=False, timeout=timeout)
    return str(unreached(url, error.value))


@pytest.mark.parametrize(
    ("act", "scheme", "said"),
    [
        (closed, "http", "the connection was closed before an answer came"),
        (reset, "http", "the connection was cut off"),
        (no_tls, "https", "http or https"),
        (silent, "http", "it does not answer"),
    ],
)
def test_a_host_and_what_happened_are_named(act: Act, scheme: str, said: str) -> None:
    with a_server(act) as host:
        sentence = said_of(f"{scheme}://{host}/key?X-Amz-Signature=secret")

    assert sentence.startswith(f"{host} cannot be reached: ")
    assert said in sentence
    assert "secret" not in sentence
    assert "HTTPConnection" not in sentence


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"

    assert said_of(f"http://{host}/") == f"{host} cannot be reached: it refuses the connection"


def test_a_name_that_nobody_knows() -> None:
    assert said_of("https://user:word@portal.invalid/a") == (
        "portal.invalid cannot be reached: its name is unknown here. Check the address and the network"
    )


def test_a_proxy_that_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"

    sentence = said_of("https://data.example.org/", urllib3.ProxyManager(proxy))

    assert "the proxy that HTTPS_PROXY or HTTP_PROXY names" in sentence
