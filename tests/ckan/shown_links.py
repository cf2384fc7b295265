"""Links as pages show them."""

from collections.abc import Callable

from ckanext.s3multipart.links import persistent_link

Setting = Callable[[str, object], None]


CONTENT = b"station,level\nA,1\n"


def shown_link(portal, url: str) -> str:
    """The link that the resource page shows, to be kept."""
    with portal.flask_app.test_request_context():
        return persistent_link(url)
