"""How files reach readers: redirect, streamed by Indico, proxied by a real nginx with the documented
block.
"""

import os
import shutil
import socket
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests

from indico_plugin.storage import S3Storage
from s3portal.demo.process import Child, free_port

# Also on Indico 3.3.
pytestmark = pytest.mark.smoke

MIB = 1024 * 1024
NAMES = {
    "plain.pdf": "plain.pdf",
    "Grüße aus Zürich.pdf": "Grüße aus Zürich.pdf",
    "報告書 二〇二六.pdf": "報告書 二〇二六.pdf",
    'a "quoted" 100% name; really.pdf': 'a "quoted" 100% name; really.pdf',
    "тест.pdf": "тест.pdf",
}


@pytest.fixture(scope="module")
def content():
    return os.urandom(9 * MIB)


@pytest.fixture(scope="module")
def bucket(s3):
    """A bucket that no test of this module writes to."""
    s3.client.create_bucket(Bucket="downloads")
    return "downloads"


@pytest.fixture(scope="module")
def stored(s3, bucket, content):
    """A file, whose key needs escaping in URLs."""
    key = "event/1/event/1-2-a b+c%20ü.pdf"
    s3.client.put_object(Bucket=bucket, Key=key, Body=content)
    return key


def send(app, storage, key, content_type="application/pdf", filename="a.pdf", inline=True, **request):
    with app.test_request_context("/", **request):
        response = storage.send_file(key, content_type, filename, inline)
        response.direct_passthrough = False
        return response


def test_a_redirect_leads_to_the_bytes_and_is_not_kept(app, s3, bucket, stored, content):
    response = send(app, S3Storage(s3.options(bucket=bucket)), stored)
    assert response.status_code == 302
    assert "no-store" in response.headers["Cache-Control"]
    assert "X-Accel-Redirect" not in response.headers
    url = response.headers["Location"]
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
    assert "X-Amz-Expires=300" in url
    answer = requests.get(url, timeout=120)
    assert answer.content == content
    assert answer.headers["Content-Disposition"] == 'inline; filename="a.pdf"'


def test_a_url_lives_as_long_as_the_options_say(app, s3, bucket, stored):
    response = send(app, S3Storage(s3.options(bucket=bucket, expires="2 minutes")), stored)
    assert "X-Amz-Expires=120&" in response.headers["Location"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("proxy", ["off", "on"])
def test_file_names_arrive_in_every_script(app, s3, bucket, stored, name, proxy):
    response = send(
        app, S3Storage(s3.options(bucket=bucket, proxy=proxy)), stored, filename=name, inline=False
    )
    if proxy == "off":
        response = requests.get(response.headers["Location"], timeout=120)
    disposition = response.headers["Content-Disposition"]
    assert disposition.startswith("attachment; ")
    assert disposition.isascii()
    exact = disposition.rpartition("filename*=UTF-8''")[2] if "filename*" in disposition else None
    assert (unquote(exact) if exact else disposition.split('"')[1]) == NAMES[name]


@pytest.mark.parametrize(
    ("content_type", "shown"),
    [
        ("application/pdf", True), ("image/png", True), ("text/plain", True), ("video/mp4", True),
        ("text/html", False), ("image/svg+xml", False), ("application/xml", False), ("nonsense", False),
        ("text/javascript", False), ("application/xhtml+xml", False), ("application/vnd.ms-excel", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("proxy", ["off", "on", "nginx"])
def test_only_what_runs_nothing_is_shown_in_place(app, s3, bucket, stored, content_type, shown, proxy):
    response = send(app, S3Storage(s3.options(bucket=bucket, proxy=proxy)), stored, content_type=content_type)
    if proxy == "on":
        disposition, sent_type = response.headers["Content-Disposition"], response.headers["Content-Type"]
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    else:
        answer = requests.get(response.headers["Location"], timeout=120)
        disposition, sent_type = answer.headers["Content-Disposition"], answer.headers["Content-Type"]
    assert disposition.startswith("inline" if shown else "attachment")
    assert not any(word in sent_type for word in ("html", "svg", "xml", "script"))


def test_android_is_given_files_to_keep(app, s3, bucket, stored):
    android = {"User-Agent": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120.0 Mobile"}
    response = send(app, S3Storage(s3.options(bucket=bucket, proxy="on")), stored, headers=android)
    assert response.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        (None, 200, 0, 9 * MIB - 1),
        ("bytes=0-99", 206, 0, 99),
        ("bytes=1000000-", 206, 1000000, 9 * MIB - 1),
        ("bytes=-5", 206, 9 * MIB - 5, 9 * MIB - 1),
        ("bytes=0-1,5-6", 200, 0, 9 * MIB - 1),
        ("pages=1-2", 200, 0, 9 * MIB - 1),
    ],
)
def test_streaming_answers_ranges(app, s3, bucket, stored, content, asked, status, first, last):
    headers = {"Range": asked} if asked else {}
    response = send(app, S3Storage(s3.options(bucket=bucket, proxy="on")), stored, headers=headers)
    assert response.status_code == status
    assert response.get_data() == content[first : last + 1]
    assert response.headers["Content-Length"] == str(last - first + 1)
    if status == 206:
        assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(content)}"


def test_a_range_of_a_file_that_has_changed_is_answered_with_all_of_it(app, s3, bucket, stored, content):
    storage = S3Storage(s3.options(bucket=bucket, proxy="on"))
    etag = send(app, storage, stored).headers["ETag"]
    same = send(app, storage, stored, headers={"Range": "bytes=0-9", "If-Range": etag})
    other = send(app, storage, stored, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    dated = send(
        app, storage, stored, headers={"Range": "bytes=0-9", "If-Range": "Sat, 21 Nov 2026 10:00:00 GMT"}
    )
    assert [response.status_code for response in (same, other, dated)] == [206, 200, 200]
    assert other.get_data() == content


def test_a_range_outside_the_file_is_refused_with_its_size(app, s3, bucket, stored, content):
    with pytest.raises(Exception) as refusal:
        send(
            app,
            S3Storage(s3.options(bucket=bucket, proxy="on")),
            stored,
            headers={"Range": "bytes=99999999-"},
        )
    assert refusal.value.code == 416
    assert refusal.value.length == len(content)


@pytest.mark.parametrize("proxy", ["off", "on", "nginx"])
def test_head_is_answered_without_a_redirect_that_would_refuse_it(app, s3, bucket, stored, content, proxy):
    response = send(app, S3Storage(s3.options(bucket=bucket, proxy=proxy)), stored, method="HEAD")
    assert response.status_code == 200
    assert response.headers["Content-Length"] == str(len(content))
    assert response.get_data() == b""


def test_public_host_is_for_browsers_and_host_for_nginx(app, bucket):
    options = (
        f"bucket={bucket},host=http://10.0.0.1:9000,public_host=files.example.org,addressing_style=path,"
        "access_key=a,secret_key=b"
    )
    redirect = send(app, S3Storage(options), "k")
    assert redirect.headers["Location"].startswith(f"https://files.example.org/{bucket}/k?")
    proxied = send(app, S3Storage(f"{options},proxy=nginx"), "k")
    assert proxied.headers["X-Accel-Redirect"].startswith(f"/.xsf/s3/http/10.0.0.1%3A9000/{bucket}/k%3F")


# The block of the plugin's documentation; docs/indico.md has the same.
NGINX_BLOCK = (Path(__file__).parent / "nginx-block.conf").read_text()


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    """Starts nginx in front of an Indico of our choice: ``nginx(port)`` is its address."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("NOT RUN: no nginx on this machine")
    children = []

    def start(upstream_port):
        folder, port = tmp_path_factory.mktemp("nginx"), free_port()
        # Addresses are numbers here, so no resolver is asked; it has to be one nginx can parse.
        block = NGINX_BLOCK.replace("YOUR_RESOLVER", "127.0.0.1")
        temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\nhttp {{\n"
            + "".join(f"{kind}_temp_path {folder};" for kind in temporary)
            + f"access_log off;\nserver {{ listen 127.0.0.1:{port};\nlocation / {{"
            f" proxy_pass http://127.0.0.1:{upstream_port}; proxy_set_header Host $http_host; }}\n"
            f"{block}\n}} }}\n"
        )
        child = Child("nginx", [program, "-p", folder, "-c", folder / "nginx.conf"], log=folder / "log")
        children.append(child)
        child.wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        return f"http://127.0.0.1:{port}"

    yield start
    for child in children:
        child.stop()


def test_nginx_with_the_documented_block_hands_out_the_file_itself(app, s3, bucket, stored, content, nginx):
    from threading import Thread

    from werkzeug.serving import make_server

    storage = S3Storage(s3.options(bucket=bucket, proxy="nginx"))

    def answer(environ, start_response):
        with app.request_context(environ):
            return storage.send_file(stored, "application/pdf", "Grüße 100%.pdf")(environ, start_response)

    indico = make_server("127.0.0.1", 0, answer, threaded=True)
    Thread(target=indico.serve_forever, daemon=True).start()
    address = nginx(indico.port)
    whole = requests.get(f"{address}/file", allow_redirects=False, timeout=120)
    part = requests.get(f"{address}/file", headers={"Range": "bytes=100-199", "Cookie": "a=b"}, timeout=120)
    head = requests.head(f"{address}/file", timeout=120)
    indico.shutdown()
    assert (whole.status_code, whole.content) == (200, content)
    assert (part.status_code, part.content) == (206, content[100:200])
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(content)))
    assert "filename*=UTF-8''Gr%C3%BC%C3%9Fe%20100%25.pdf" in whole.headers["Content-Disposition"]
    for answer in (whole, part, head):
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
