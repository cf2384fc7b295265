"""What the console's cookies are called.

Cookies know of hosts and not of ports (RFC 6265, section 8.5), so the port is in their names: two consoles
on one host do not sign each other's visitors out.
"""

from __future__ import annotations

import re

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.visit import console

SESSION, OIDC_ATTEMPT = "s3portal_console", "s3portal_oidc"
#: Who has not signed in gets one too, so that their form has a token.
VISITOR = "s3portal_visitor"
#: Who has signed in is not kept out by others who guess at their key.
BROWSER = "s3portal_browser"
#: The sentences that the next page shows.
SAID = "s3portal_said"
#: Browsers refuse these from other hosts and over plain HTTP.
_OF_THIS_HOST_ALONE = (SESSION, OIDC_ATTEMPT)


def cookie_name(name: str) -> str:
    """Returns what a cookie is called in the browser of this request."""
    is_secure = console().is_secure()
    asked = console().settings.console_origin or request.host
    found = re.search(r":([0-9]{1,5})$", asked)
    port = found[1] if found else "443" if is_secure else "80"
    prefix = "__Host-" if is_secure and name in _OF_THIS_HOST_ALONE else ""
    return f"{prefix}{name}_{port}"


def cookies_of(name: str) -> list[str]:
    """Returns what this browser has under a name: a page on another port may have added one."""
    return list(dict.fromkeys(request.cookies.getlist(cookie_name(name))))


def cookie_of(name: str) -> str | None:
    return request.cookies.get(cookie_name(name))


def set_cookie(
    answer: AnyResponse, name: str, value: str, same_site: str = "Strict", lifetime_s: int | None = None
) -> None:
    """Sets a cookie that no script reads; without a lifetime, until the browser is closed."""
    answer.set_cookie(
        cookie_name(name),
        value,
        lifetime_s,
        path="/",
        httponly=True,
        samesite=same_site,
        secure=console().is_secure(),
    )


def delete_cookie(answer: AnyResponse, name: str) -> None:
    answer.delete_cookie(cookie_name(name), path="/", secure=console().is_secure(), httponly=True)
