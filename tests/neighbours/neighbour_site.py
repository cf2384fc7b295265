"""The portal as the publisher's programs see it: datasets, files and views, by API."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import requests

from s3portal.demo.people import ORGANISATION

TIMEOUT_S = 120


@dataclass(frozen=True)
class Site:
    """A portal, and the API token of its publisher."""

    url: str
    token: str = field(repr=False)

    def do(self, action: str, **asked: Any) -> Any:
        """Calls an action that has to succeed, and returns its result."""
        answer = requests.post(
            f"{self.url}/api/3/action/{action}", json=asked, headers=self.headers, timeout=TIMEOUT_S
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self.token}

    def dataset(self, *, private: bool = False, **described: Any) -> str:
        """Makes a dataset; its name."""
        name = f"rivers-{uuid.uuid4().hex[:8]}"
        self.do(
            "package_create",
            **{"name": name, "title": name, "owner_org": ORGANISATION, "private": private, **described},
        )
        return name

    def upload(
        self,
        dataset: str,
        content: bytes,
        filename: str,
        content_type: str,
        *,
        sha256: str = "",
        resource: str = "",
    ) -> dict[str, Any]:
        """Uploads and completes a file of one part; returns the upload."""
        described = {"filename": filename, "size": len(content), "content_type": content_type}
        replaces = {"resource": resource} if resource else {}
        created = self.do("s3multipart_upload_create", owner=dataset, **described, **replaces)
        [part] = created["parts"]
        sent = requests.put(part["url"], data=content, headers=part["headers"], timeout=TIMEOUT_S)
        assert sent.status_code == 200, sent.text
        known = {"sha256": sha256} if sha256 else {}
        return self.do("s3multipart_upload_complete", id=created["upload"]["id"], **known)

    def publish(
        self, dataset: str, content: bytes, filename: str, content_type: str = "", **described: Any
    ) -> dict[str, Any]:
        """Uploads a file and saves a new resource with it; returns the resource."""
        upload = self.upload(dataset, content, filename, content_type)
        return self.do(
            "resource_create",
            **{"package_id": dataset, "name": filename, "s3multipart_upload_id": upload["id"], **described},
        )

    def view(self, resource: dict[str, Any], view_type: str) -> str:
        """Adds a view to a resource; the path of the page that has it alone."""
        view = self.do(
            "resource_view_create", resource_id=resource["id"], view_type=view_type, title=view_type
        )
        return f"/dataset/{resource['package_id']}/resource/{resource['id']}/view/{view['id']}"
