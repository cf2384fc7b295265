"""Objects in the usual form are found as reading the whole XML finds them; others are read as XML."""

from html import escape
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3portal.buckets import listed_objects
from s3portal.buckets.direct import read_xml
from s3portal.buckets.listed_objects import objects_of, page_and_objects

TIME = "2026-01-02T03:04:05.000Z"
KEYS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=8), max_size=5
)


def contents(key, etag="&quot;e&quot;", after_etag="", after_size="<StorageClass>GLACIER</StorageClass>"):
    facts = (
        f"<Key>{key}</Key><LastModified>{TIME}</LastModified><ETag>{etag}</ETag>{after_etag}<Size>7</Size>"
    )
    return f"<Contents>{facts}{after_size}</Contents>"


def listing(*objects, encoded=False, declared='<?xml version="1.0" encoding="UTF-8"?>'):
    encoding = "<EncodingType>url</EncodingType>" if encoded else ""
    text = f"{declared}<ListBucketResult><IsTruncated>false</IsTruncated>{encoding}{''.join(objects)}"
    return f"{text}<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>".encode()


@pytest.fixture
def unusual(monkeypatch):
    """The documents whose objects were read as XML."""
    found = []
    monkeypatch.setattr(listed_objects, "objects_of", lambda page: found.append(page) or objects_of(page))
    return found


@given(KEYS, st.booleans())
def test_any_keys_are_those_of_the_xml(keys, encoded):
    body = listing(*(contents(quote_plus(key) if encoded else escape(key)) for key in keys), encoded=encoded)
    page, objects = page_and_objects(body)
    assert objects == objects_of(read_xml(body))
    assert [each.key for each in objects] == keys
    assert page.text("IsTruncated") == "false"
    assert [each.text("Prefix") for each in page.all("CommonPrefixes")] == ["p/"]


@pytest.mark.parametrize(
    "one",
    [
        contents("a%2Fb+c"),
        contents("a", etag='"e"'),
        contents("a", etag="e-2", after_size=""),
        contents(
            "a", after_etag="<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>X</ChecksumType>"
        ),
    ],
)
def test_the_usual_forms_need_no_xml(one, unusual):
    body = listing(contents("first"), one, encoded=True)
    assert page_and_objects(body)[1] == objects_of(read_xml(body))
    assert unusual == []


@pytest.mark.parametrize(
    "body",
    [
        listing(contents("a"), " ", contents("b")),
        listing(contents("a", after_size="<Owner><ID>o</ID></Owner>"), contents("b")),
        listing(f"<Contents><Size>1</Size><Key>a</Key><LastModified>{TIME}</LastModified></Contents>"),
        listing(contents("a"), f"<!-- {contents('b')} -->", contents("c")),
        listing(contents("<![CDATA[<a>]]>")),
        listing(contents("&#252;")),
        listing(contents("a"), declared='<?xml version="1.0" encoding="US-ASCII"?>'),
    ],
    ids=["blanks", "owners", "another order", "a comment", "CDATA", "an entity", "another encoding"],
)
def test_other_forms_are_read_as_xml(body, unusual):
    assert page_and_objects(body)[1] == objects_of(read_xml(body))
    assert len(unusual) == 1


@pytest.mark.parametrize("key", ["\x00", b"\xff", "&nbsp;"], ids=repr)
def test_what_is_no_xml_is_refused(key):
    body = listing(contents("KEY")).replace(b"KEY", key if isinstance(key, bytes) else key.encode())
    with pytest.raises(ValueError, match=r"not XML|not UTF-8|utf-8"):
        page_and_objects(body)
