"""Which site a database belongs to. A copy of it, for a test say, knows the same uploads, and its janitor
would remove the files of the site that it was copied from: so a janitor removes only at home. Nor does
whoever purges a dataset of the copy, or replaces one of its files, take them away from the original."""

import sqlalchemy as sa
from ckan import model
from ckan.model.system_info import get_system_info, set_system_info, system_info_table

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


def is_copied() -> bool:
    """Whether another site is noted; asked on a connection of its own, in no transaction of the caller's."""
    noted = sa.select(system_info_table.c.value).where(system_info_table.c.key == _KEY)
    with model.Session.get_bind().connect() as connection:
        return connection.execute(noted).scalar() not in (None, "", portal_host())


def mark_site() -> None:
    """From now on the database is this site's."""
    set_system_info(_KEY, portal_host())
