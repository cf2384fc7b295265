"""Refusals as the reader of a page understands them: in the page's language, with its numbers."""

import ckan.plugins.toolkit as tk

from ckanext.s3multipart.number_words import bytes_words, size_words
from s3portal.transfer import TransferError


def sentence(error: TransferError) -> str:
    """What the error tells the person, in the language of the request."""
    return error.message(
        tk._, lambda size_bytes, exact: bytes_words(size_bytes) if exact else size_words(size_bytes)
    )
