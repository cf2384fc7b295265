"""An API token that is known before the portal has started: extensions read theirs from CKAN's .ini."""

import contextlib
from pathlib import Path

import jwt
import psycopg2

from s3portal.demo.secret import kept_secret

_ID = "token-of-the-extensions"


def token_of_extensions(ckan_folder: Path) -> str:
    """The token that CKAN accepts once `let_in` has been called."""
    return jwt.encode({"jti": _ID}, kept_secret(ckan_folder / "session-secret"), algorithm="HS256")


def let_in(database_url: str, user: str) -> None:
    """Gives the token to a user."""
    with (
        contextlib.closing(psycopg2.connect(database_url)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO api_token (id, name, user_id)"
            " SELECT %s, 'extensions', id FROM public.user WHERE name = %s",
            [_ID, user],
        )
