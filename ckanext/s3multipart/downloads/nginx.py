"""Handing a file out through nginx, which stands before the portal and fetches the file from the store.

The portal answers with ``X-Accel-Redirect``. It names a path and never a host: the store's address is written
in nginx's own configuration (docs/ckan.md), so nothing that the portal, an extension or a reader says makes
nginx fetch from anywhere else.
"""

from urllib.parse import quote, urlsplit

from flask import Response

from ckanext.s3multipart.downloads.presentation import OWN_ORIGIN_HEADERS
from s3portal.transfer import Store

#: The location in nginx's configuration.
LOCATION = "/.s3multipart/"
#: What a reader sees where nginx does not know the location, or where there is no nginx.
_NOT_SET_UP = (
    "The server in front of this portal is not set up for downloads. Please tell the administrator.\n"
)


def handed_to_nginx(store: Store, url: str) -> Response:
    """The answer that has nginx fetch what is at ``url``, a presigned one of this store as the portal itself
    reaches it. Raises ValueError for an address that is not the store's own."""
    bucket_url = store.address.base_url
    if not url.startswith(bucket_url):
        raise ValueError(f"{url} is not an address of {bucket_url}")
    address = urlsplit(url)
    # Without a charset: nginx would put it into the type of the file.
    response = Response(_NOT_SET_UP, status=200, content_type="text/plain")
    # nginx decodes this once; what is left is the path as it was signed, with its percent signs.
    response.headers["X-Accel-Redirect"] = LOCATION + quote(f"{address.path[1:]}?{address.query}", safe="/")
    response.headers.update(OWN_ORIGIN_HEADERS)
    return response
