"""A user in front of a browser, for tests that call the site in this process."""

from flask import g


class Caller:
    """A user with a session in the browser's way: a cookie, and the CSRF token of the page."""

    def __init__(self, app, user):
        self.client = app.test_client()
        self.csrf = ""
        if user is not None:
            with self.client.session_transaction() as session:
                session["_user_id"] = user.id
                session["_csrf_token"] = self.csrf = "0123456789abcdef"

    def post(self, url, body=None, **headers):
        headers = {"X-CSRF-Token": self.csrf, "X-Requested-With": "XMLHttpRequest", **headers}
        forget_request()
        return self.client.post(url, json=body if body is not None else {}, headers=headers)

    def form(self, url, **fields):
        fields = {"csrf_token": self.csrf, "folder": "__None", "acl": "[]", **fields}
        forget_request()
        return self.client.post(url, data=fields, headers={"X-Requested-With": "XMLHttpRequest"})

    def get(self, url):
        forget_request()
        return self.client.get(url, headers={"X-Requested-With": "XMLHttpRequest"})


def forget_request():
    """Indico keeps settings and more for the time of a request, in what tests share between requests."""
    for name in list(g):
        g.pop(name)
