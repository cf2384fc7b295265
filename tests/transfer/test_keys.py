"""Keys are made of ids and of file names that are safe wherever they turn up."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s3portal.transfer import dataset_prefix, object_key, safe_filename

ORGANISATION = "5b1e6d1c-3f5e-4b0e-9f0a-0d6c1d0f4a11"
DATASET = "a3f7b1de-77c5-4a8f-8a41-6d9f0b0f2c22"
UPLOAD = "0c9a2f64-1d3b-4e5f-9a7b-8c6d5e4f3a33"

# Anything that a form can send, with what attacks are made of well represented.
nasty_text = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("./\\ \x00\r\n\u202e\u200f\u2066\u200d\u0301é\ufeff\uffff\u2028\u3000🙂"),
    ),
    max_size=300,
)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("rivers.csv", "rivers.csv"),
        ("Flüsse 2026 (final).tar.gz", "Flüsse 2026 (final).tar.gz"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\Users\\me\\rivers.csv", "rivers.csv"),
        ("rivers.csv/", "rivers.csv"),
        ("rivers/..", "rivers"),
        ("..", "file"),
        (". . .", "file"),
        ("...", "file"),
        ("", "file"),
        ("   ", "file"),
        ("/", "file"),
        ("\u202e", "file"),
        (".htaccess", "htaccess"),
        ("  rivers.csv . ", "rivers.csv"),
        ("\u3000rivers.csv\u00a0", "rivers.csv"),
        ("rivers\r\nSet-Cookie: a.csv", "riversSet-Cookie: a.csv"),
        ("riv\x00ers.csv", "rivers.csv"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("\ufeffrivers.csv", "rivers.csv"),
        ("Cafe\u0301.csv", "Café.csv"),
        ("e\u200b\u0301.csv", "é.csv"),
        ("می\u200cخواهم.csv", "می\u200cخواهم.csv"),  # noqa: RUF001
        ("bad\udc80.csv", "bad.csv"),
    ],
)
def test_a_file_name_is_made_safe(name: str, safe: str) -> None:
    assert safe_filename(name) == safe


@given(nasty_text)
@example("a" * 300 + ".netcdf")
@example("🙂" * 100 + ".csv.gz")
@example("e" * 254 + "\u0301")
def test_whatever_was_sent_a_safe_name_comes_out(name: str) -> None:
    safe = safe_filename(name)

    assert 1 <= len(safe.encode()) <= 255
    assert not set(safe) & set("/\\\x00\r\n\t\x7f\u0085\u2028\u2029")
    assert not any(unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI") for c in safe)
    assert safe.strip(" .") == safe
    assert unicodedata.is_normalized("NFC", safe)
    assert safe_filename(safe) == safe


@pytest.mark.parametrize(
    ("name", "ending"),
    [("a" * 400 + ".csv", "a.csv"), ("ü" * 400 + ".tar.gz", "ü.tar.gz"), ("🙂" * 99 + ".x" * 2, "🙂.x.x")],
)
def test_a_long_name_keeps_its_extension_and_whole_characters(name: str, ending: str) -> None:
    safe = safe_filename(name)

    assert safe.endswith(ending)
    assert 252 <= len(safe.encode()) <= 255


def test_what_is_too_long_for_an_extension_is_cut_like_a_name() -> None:
    assert safe_filename("x." + "a" * 400) == "x." + "a" * 253


def test_a_key_is_made_of_ids_and_the_safe_name() -> None:
    key = object_key("portal/files", ORGANISATION, DATASET, UPLOAD, "../rivers 2026.csv")

    assert key == f"portal/files/{ORGANISATION}/{DATASET}/{UPLOAD}/rivers 2026.csv"


def test_a_key_has_no_wildcard_that_a_policy_would_open() -> None:
    key = object_key("", ORGANISATION, DATASET, UPLOAD, "what? *all* ${aws:username}.csv")

    assert key.endswith("/what_ _all_ _{aws:username}.csv")


@pytest.mark.parametrize("prefix", ["", "/", "portal", "/portal/", "portal/files"])
def test_a_key_stands_under_the_prefix_of_its_dataset_and_never_begins_with_a_slash(prefix: str) -> None:
    key = object_key(prefix, ORGANISATION, DATASET, UPLOAD, "rivers.csv")

    assert key.startswith(dataset_prefix(prefix, ORGANISATION, DATASET))
    assert not key.startswith("/")
    assert "//" not in key


@given(nasty_text, st.text("pP0-_", min_size=1, max_size=512))
def test_a_whole_key_is_at_most_1024_bytes(name: str, prefix: str) -> None:
    key = object_key(prefix, ORGANISATION, DATASET, UPLOAD, name)

    assert len(key.encode()) <= 1024
    assert key.count("/") == 4


def test_a_prefix_that_leaves_no_room_for_a_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="no room for a file name"):
        object_key("p" * 900, ORGANISATION, DATASET, UPLOAD, "rivers.csv")


@pytest.mark.parametrize(
    "forged", ["", "..", "a/b", "a\\b", "a*", "${aws:username}", "a\n", "ä", "a" * 101, "a..b"]
)
def test_what_is_no_id_gets_into_no_key(forged: str) -> None:
    for ids in ((forged, DATASET, UPLOAD), (ORGANISATION, forged, UPLOAD), (ORGANISATION, DATASET, forged)):
        with pytest.raises(ValueError, match="cannot be an id"):
            object_key("", *ids, "rivers.csv")
    with pytest.raises(ValueError, match="cannot be an id"):
        dataset_prefix("", ORGANISATION, forged)
