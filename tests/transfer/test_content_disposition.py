"""Downloads are saved under their own name, and nothing that is downloaded runs in a browser."""

from email.message import Message
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3portal.transfer import content_disposition, safe_content_type, safe_filename


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ("rivers.csv", 'attachment; filename="rivers.csv"'),
        ("two words.csv", 'attachment; filename="two words.csv"'),
        ("Flüsse.csv", "attachment; filename=\"Flusse.csv\"; filename*=UTF-8''Fl%C3%BCsse.csv"),
        ("河川.csv", "attachment; filename=\"file.csv\"; filename*=UTF-8''%E6%B2%B3%E5%B7%9D.csv"),
        ("河川", "attachment; filename=\"file\"; filename*=UTF-8''%E6%B2%B3%E5%B7%9D"),
        ('a"b;c.csv', "attachment; filename=\"a_b_c.csv\"; filename*=UTF-8''a%22b%3Bc.csv"),
        ("100%25.csv", "attachment; filename=\"100_25.csv\"; filename*=UTF-8''100%2525.csv"),
        ("a\r\nX-Evil: 1", 'attachment; filename="aX-Evil: 1"'),
        ("../../x.csv", 'attachment; filename="x.csv"'),
    ],
)
def test_the_header_names_the_file(filename: str, header: str) -> None:
    assert content_disposition(filename) == header


def test_only_on_request_is_it_shown_in_the_browser() -> None:
    assert content_disposition("rivers.pdf", inline=True) == 'inline; filename="rivers.pdf"'


@given(st.text(max_size=120))
def test_no_name_ends_the_header_or_leaves_ascii_and_the_exact_name_comes_through(filename: str) -> None:
    header = content_disposition(filename)
    message = Message()
    message["Content-Disposition"] = header

    assert header.isascii()
    assert header.isprintable()
    assert message.get_content_disposition() == "attachment"
    _, _, extended = header.partition("; filename*=UTF-8''")
    exact = unquote(extended) if extended else message.get_filename()
    assert exact == safe_filename(filename)


@pytest.mark.parametrize(
    "active",
    [
        "text/html",
        "TEXT/HTML; charset=utf-8",
        " text/html ",
        "text/html;",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "application/xml",
        "application/rss+xml",
        "application/mathml+xml",
        "text/javascript",
        "application/javascript",
        "application/x-javascript",
        "application/ecmascript",
        "text/javascript1.5",
        "text/css",
        "text/xsl",
        "multipart/x-mixed-replace; boundary=x",
        "message/rfc822",
        "application/x-shockwave-flash",
    ],
)
def test_what_a_browser_would_run_is_only_bytes(active: str) -> None:
    assert safe_content_type(active) == "application/octet-stream"


@pytest.mark.parametrize(
    "broken",
    ["", "text", "text/", "/html", "text/html\r\nX: y", "text/plain\x00", "text html", "te<xt/plain", "ä/b"],
)
def test_what_is_no_content_type_is_only_bytes(broken: str) -> None:
    assert safe_content_type(broken) == "application/octet-stream"


@pytest.mark.parametrize(
    ("given_type", "kept"),
    [
        ("text/csv", "text/csv"),
        ("Text/CSV; charset=UTF-8", "text/csv; charset=utf-8"),
        ('text/plain; charset="iso-8859-1"', "text/plain; charset=iso-8859-1"),
        ("text/plain; format=flowed", "text/plain"),
        ("application/x-netcdf", "application/x-netcdf"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",) * 2,
        ("application/pdf", "application/pdf"),
        ("image/png", "image/png"),
    ],
)
def test_the_type_of_a_data_file_is_kept(given_type: str, kept: str) -> None:
    assert safe_content_type(given_type) == kept
