"""The tags that a request brings along, for policies that ask about them. Pure.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/tagging-and-policies.html
"""

from __future__ import annotations

from collections.abc import Mapping

from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request
from s3portal.server.wire.tag_sets import tags_of_document, tags_of_query
from s3portal.server.wire.xml_documents import parse_document


def tags_of_request(request: S3Request) -> Mapping[str, str]:
    """Returns the tags of x-amz-tagging: written like a query, or in a form's field as a document.

    What is neither has no tags; whoever stores them says what is wrong with it.
    """
    text = request.header("x-amz-tagging") or ""
    try:
        if not text.lstrip().startswith("<"):
            return tags_of_query(text)
        # A field's characters are its bytes, as a header's are.
        return tags_of_document(parse_document(text.encode("latin-1", "replace"), "Tagging"))
    except S3Error:
        return {}
