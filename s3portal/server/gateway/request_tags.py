"""The tags that a request brings along, for policies that ask about them. Pure.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/tagging-and-policies.html
"""

from __future__ import annotations

from collections.abc import Mapping

from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request, parse_query
from s3portal.server.wire.xml_documents import parse_document, text_of


def tags_of_request(request: S3Request) -> Mapping[str, str]:
    """Returns the tags of x-amz-tagging: written like a query, or in a form's field as a document.

    What is neither has no tags; whoever stores them says what is wrong with it.
    """
    text = request.header("x-amz-tagging") or ""
    try:
        return _of_document(text) if text.lstrip().startswith("<") else dict(parse_query(text))
    except S3Error:
        return {}


def _of_document(text: str) -> Mapping[str, str]:
    # A field's characters are its bytes, as a header's are.
    root = parse_document(text.encode("latin-1", "replace"), "Tagging")
    return {text_of(tag, "Key") or "": text_of(tag, "Value") or "" for tag in root.iterfind("TagSet/Tag")}
