"""A browser without scripts at the console: it keeps cookies, and fills in the forms of pages."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests


class _Forms(HTMLParser):
    """The forms of a page, by where they go to, with what they send as they are."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, str, list[tuple[str, str]]]] = []
        self._select: str | None = None
        self._area: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append((given.get("action") or "", given.get("method") or "get", []))
        if not self.forms:
            return
        fields, name = self.forms[-1][2], given.get("name")
        if tag == "input" and name and given.get("type") not in ("checkbox", "radio", "file", "submit"):
            fields.append((name, given.get("value") or ""))
        if tag == "input" and name and given.get("type") in ("checkbox", "radio") and "checked" in given:
            fields.append((name, given.get("value") or "on"))
        if tag == "select":
            self._select = name
        if tag == "option" and self._select and "selected" in given:
            fields.append((self._select, given.get("value") or ""))
        if tag == "textarea":
            self._area = name
            fields.append((name or "", ""))

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            name, value = self.forms[-1][2].pop()
            self.forms[-1][2].append((name, value + data))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None
        if tag == "textarea":
            self._area = None


class ConsoleVisitor:
    """Somebody at the console at ``url``, with a browser of their own."""

    def __init__(self, url: str) -> None:
        self.origin = url.removesuffix("/ui")
        self.http = requests.Session()
        self.page: requests.Response | None = None

    def open(self, path: str) -> requests.Response:
        """Opens a page; its forms are the ones that are filled in next."""
        self.page = self.http.get(urljoin(self.origin, path))
        return self.page

    def submit(self, action: str = "", /, **fields: str) -> requests.Response:
        """Fills in the page's form that goes to ``action`` ('' for the page itself), and sends it."""
        assert self.page is not None
        forms = [
            form for form in _Forms(self.page.text).forms if form[0].endswith(action) and form[1] == "post"
        ]
        own = next((form for form in forms if form[0] == action), forms[0])
        filled = [(name, value) for name, value in own[2] if name not in fields] + list(fields.items())
        url = urljoin(self.page.url, own[0])
        self.page = self.http.post(url, data=filled, headers={"Origin": self.origin})
        return self.page

    def sign_in(self, access_key_id: str, secret_access_key: str, **more: str) -> requests.Response:
        self.open("/ui/sign-in")
        return self.submit(
            "/ui/sign-in", access_key_id=access_key_id, secret_access_key=secret_access_key, **more
        )

    def cookie_name(self, name: str) -> str:
        """What a cookie of this console is called: cookies do not know of ports."""
        return f"{name}_{urlsplit(self.origin).port}"

    def token(self) -> str:
        """The token that the forms of the page have."""
        assert self.page is not None
        found = re.search(r'name="csrf_token" value="(\w+)"', self.page.text)
        assert found
        return found[1]

    @property
    def text(self) -> str:
        assert self.page is not None
        return self.page.text
