"""A browser before the portal: signed in by cookie, with the CSRF token of the pages it has seen."""

from __future__ import annotations

from typing import Any

import requests
from bs4 import BeautifulSoup, Tag
from ckan import model
from ckan.tests import factories
from ckan.tests.helpers import CKANTestApp
from werkzeug.test import Client, TestResponse

PASSWORD = "correct-horse-7"
#: Cookies are given to the host that the links of the portal lead to.
SITE_URL = "http://test.ckan.net"


class Browser:
    """Somebody who logged in with a password. ``dataset`` is a dataset that they may edit."""

    def __init__(self, app: CKANTestApp, **dataset: Any) -> None:
        with app.flask_app.test_request_context():
            user = factories.User(password=PASSWORD)
            organisation = factories.Organization(users=[{"name": user["name"], "capacity": "editor"}])
            package = factories.Dataset(user=user, owner_org=organisation["id"], **dataset)
        model.Session.remove()
        self.name = user["name"]
        self.organisation = organisation["name"]
        self.dataset = package["id"]
        self._client = Client(app.app)
        login = self.page("/user/login")
        answer = self.post(
            "/user/login",
            data={"login": self.name, "password": PASSWORD, **csrf_field(login)},
        )
        assert answer.status_code == 302, answer.get_data(as_text=True)[:500]

    def page(self, url: str, status: int = 200) -> BeautifulSoup:
        """A page, by GET."""
        return read(self.get(url), status)

    def get(self, url: str, **kwargs: Any) -> TestResponse:
        return self._client.get(url, base_url=SITE_URL, **kwargs)

    def post(self, url: str, **kwargs: Any) -> TestResponse:
        return self._client.post(url, base_url=SITE_URL, **kwargs)

    def action(self, name: str, *, csrf_token: str = "", **asked: Any) -> TestResponse:
        """Calls an action as the scripts of a page do."""
        headers = {"X-CSRFToken": csrf_token} if csrf_token else {}
        return self.post(f"/api/3/action/{name}", json=asked, headers=headers)

    def csrf_token(self) -> str:
        """The token that scripts find in the head of every page."""
        return next(iter(csrf_field(self.page("/dataset/")).values()))

    def upload(self, content: bytes = b"1,2", filename: str = "rivers.csv", **asked: Any) -> dict[str, Any]:
        """Uploads a small file, as the uploader on the form does."""
        token = self.csrf_token()
        created = self.action(
            "s3multipart_upload_create",
            csrf_token=token,
            **{
                "owner": self.dataset,
                "filename": filename,
                "size": len(content),
                "content_type": "text/csv",
                **asked,
            },
        ).get_json()["result"]
        assert requests.put(created["parts"][0]["url"], data=content, timeout=120).status_code == 200
        completed = self.action("s3multipart_upload_complete", csrf_token=token, id=created["upload"]["id"])
        return completed.get_json()["result"]

    def publish(self, content: bytes) -> None:
        """Uploads a file and saves a new resource with it."""
        answer = self.submit(
            f"/dataset/{self.dataset}/resource/new",
            **{"s3multipart_upload_id": self.upload(content)["id"], "name": "Rivers"},
            **{"url_type": "upload", "url": "", "save": "go-dataset-complete"},
        )
        assert answer.status_code == 302, answer.get_data(as_text=True)[:500]

    def resources(self) -> list[dict[str, Any]]:
        """The resources of the dataset."""
        return self.package()["resources"]

    def package(self) -> dict[str, Any]:
        """The dataset."""
        return self.get(f"/api/3/action/package_show?id={self.dataset}").get_json()["result"]

    def follow(self, url: str) -> requests.Response:
        """Clicks a link of the portal."""
        answer = self.get(url)
        assert answer.status_code == 302, answer.get_data(as_text=True)[:500]
        return requests.get(answer.headers["Location"], timeout=120)

    def submit(self, page_url: str, /, **fields: Any) -> TestResponse:
        """Fills in the form on the page and submits it, with everything that the page has put into it."""
        form = resource_form(self.get(page_url))
        values = {
            field["name"]: field.get("value", "")
            for field in form.select("input[name]:not([disabled])")
            if field.get("type") not in ("file", "radio", "checkbox")
        }
        return self.post(form["action"], data={**values, **fields})


def resource_form(answer: TestResponse) -> Tag:
    """The resource form on a page."""
    form = read(answer).select_one("form#resource-edit")
    assert form is not None
    return form


def csrf_field(page: BeautifulSoup) -> dict[str, str]:
    """The name and the value of the CSRF token, from the head of a page."""
    name = page.select_one("meta[name=csrf_field_name]")["content"]
    return {name: page.select_one(f"meta[name={name}]")["content"]}


def read(answer: TestResponse, status: int = 200) -> BeautifulSoup:
    assert answer.status_code == status, answer.get_data(as_text=True)[:500]
    return BeautifulSoup(answer.get_data(as_text=True), "html.parser")
