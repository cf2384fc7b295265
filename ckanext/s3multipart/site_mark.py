"""Which site a database belongs to. A copy of it, for a test say, knows the same uploads, and its janitor
would remove the files of the site that it was copied from: so a janitor removes only at home."""

from ckan.model.system_info import get_system_info, set_system_info

from ckanext.s3multipart.errors import DatabaseOfAnotherSite
from ckanext.s3multipart.settings import portal_host

_KEY = "s3multipart.site"


def require_same_site() -> None:
    """Notes the site in its database the first time. Raises DatabaseOfAnotherSite where another is noted."""
    noted = get_system_info(_KEY)
    if not noted:
        mark_site()
    elif noted != portal_host():
        raise DatabaseOfAnotherSite(noted=noted, here=portal_host())


def mark_site() -> None:
    """From now on the database is this site's."""
    set_system_info(_KEY, portal_host())
