"""Answers in XML that no S3 store sends."""

import pytest

from s3portal.buckets.direct import read_xml

GROWING = '<!DOCTYPE a [<!ENTITY b "cccc"><!ENTITY d "&b;&b;">]><a><Key>&d;</Key></a>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_entities_are_refused_in_every_encoding(encoding):
    with pytest.raises(ValueError, match="document type, or is not UTF-8"):
        read_xml(GROWING.encode(encoding))


def test_a_name_that_looks_like_a_document_type_is_a_name():
    assert read_xml(b"<a><Key>&lt;!DOCTYPE a&gt;</Key></a>").text("Key") == "<!DOCTYPE a>"


@pytest.mark.parametrize("body", [b"", b"<a>", b"not XML", b"<a>&d;</a>"])
def test_what_is_not_xml_is_refused(body):
    with pytest.raises(ValueError, match="not XML"):
        read_xml(body)
