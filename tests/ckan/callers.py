"""Who calls CKAN in the tests: with an API token, by cookie, or as nobody; and what they do to publish a
file."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import requests
from ckan import model
from ckan.tests import factories
from ckan.tests.helpers import CKANTestApp
from werkzeug.test import Client, TestResponse

MIB = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """What an action answered over HTTP."""

    status: int
    body: dict[str, Any]

    @property
    def result(self) -> Any:
        assert self.status == 200, self.body
        return self.body["result"]

    @property
    def error(self) -> dict[str, Any]:
        assert self.body["success"] is False
        return self.body["error"]


@dataclass(frozen=True)
class Caller:
    """Somebody before the portal. ``dataset`` is the id of a dataset that they may edit."""

    app: CKANTestApp
    name: str = ""
    user_id: str = ""
    token: str = field(default="", repr=False)
    organisation: str = ""
    organisation_id: str = ""
    dataset: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self.token} if self.token else {}

    def client(self) -> Client:
        """A client without cookies. CKAN's own follows redirects, and Flask's goes past CKAN's middleware."""
        return Client(self.app.app, use_cookies=False)

    def call(self, action: str, **asked: Any) -> Answer:
        """Calls an action as programs do."""
        response = self.client().post(f"/api/3/action/{action}", json=asked, headers=self.headers)
        assert response.is_json, response.get_data(as_text=True)[:500]
        return Answer(response.status_code, response.get_json())

    def do(self, action: str, **asked: Any) -> Any:
        """Calls an action that has to succeed, and returns its result."""
        return self.call(action, **asked).result

    def get(self, url: str, **kwargs: Any) -> TestResponse:
        """Fetches a page or a link, without following redirects."""
        headers = {**self.headers, **kwargs.pop("headers", {})}
        return self.client().get(url, headers=headers, **kwargs)

    def head(self, url: str) -> TestResponse:
        return self.client().head(url, headers=self.headers)

    def create(self, size: int = 3, filename: str = "rivers.csv", **asked: Any) -> Answer:
        """Begins an upload."""
        return self.call(
            "s3multipart_upload_create",
            **{
                "owner": self.dataset,
                "filename": filename,
                "size": size,
                "content_type": "text/csv",
                **asked,
            },
        )

    def begin(self, content: bytes = b"1,2", **asked: Any) -> dict[str, Any]:
        """Begins an upload and sends its parts, as the uploader does; returns the upload."""
        created = self.create(size=len(content), **asked).result
        upload = created["upload"]
        for part in created["parts"]:
            begin = (part["part_number"] - 1) * upload["part_size"]
            sent = requests.put(
                part["url"],
                data=content[begin : begin + upload["part_size"]],
                headers=part["headers"],
                timeout=120,
            )
            assert sent.status_code == 200, sent.text
        return upload

    def upload(self, content: bytes = b"1,2", **asked: Any) -> dict[str, Any]:
        """Uploads and completes a file; returns the upload."""
        return self.do("s3multipart_upload_complete", id=self.begin(content, **asked)["id"])

    def attach(self, upload: dict[str, Any], **resource: Any) -> dict[str, Any]:
        """Saves a new resource whose file the upload becomes; returns the resource."""
        return self.do(
            "resource_create",
            **{"package_id": self.dataset, "s3multipart_upload_id": upload["id"], **resource},
        )

    def publish(self, content: bytes = b"1,2", **asked: Any) -> dict[str, Any]:
        """Uploads a file and saves a new resource with it; returns the resource."""
        return self.attach(self.upload(content, **asked))

    def upload_through_ckan(self, content: bytes, filename: str, **resource: str) -> dict[str, Any]:
        """Saves a resource as without the extension, the file in the request; ``id`` says which resource."""
        action = "resource_patch" if "id" in resource else "resource_create"
        response = self.client().post(
            f"/api/3/action/{action}",
            data={"package_id": self.dataset, **resource, "upload": (io.BytesIO(content), filename)},
            headers=self.headers,
        )
        return Answer(response.status_code, response.get_json()).result

    def follow(self, url: str, **kwargs: Any) -> requests.Response:
        """Fetches a link of the portal and then, as a browser does, what it leads to."""
        answer = self.get(url, **kwargs)
        assert answer.status_code == 302, answer.get_data(as_text=True)[:500]
        return requests.get(answer.headers["Location"], headers=kwargs.get("headers"), timeout=120)


def new_publisher(app: CKANTestApp, **dataset: Any) -> Caller:
    """A user with an API token, their organisation, and a dataset in it."""
    with app.flask_app.test_request_context():
        user = factories.UserWithToken()
        organisation = factories.Organization(users=[{"name": user["name"], "capacity": "editor"}])
        package = factories.Dataset(user=user, owner_org=organisation["id"], **dataset)
    model.Session.remove()
    return Caller(
        app=app,
        name=user["name"],
        user_id=user["id"],
        token=user["token"],
        organisation=organisation["name"],
        organisation_id=organisation["id"],
        dataset=package["id"],
    )


def new_stranger(app: CKANTestApp) -> Caller:
    """A signed-in user who may edit nothing."""
    return _without_dataset(app, factories.UserWithToken)


def new_sysadmin(app: CKANTestApp) -> Caller:
    """A user whom CKAN allows everything."""
    return _without_dataset(app, factories.SysadminWithToken)


def _without_dataset(app: CKANTestApp, factory: Any) -> Caller:
    with app.flask_app.test_request_context():
        user = factory()
    model.Session.remove()
    return Caller(app=app, name=user["name"], user_id=user["id"], token=user["token"])
