"""CKAN for the contract suite of the upload protocol: an organisation with two datasets and its people."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from callers import Caller, new_publisher, new_stranger
from ckan import model
from ckan.tests.helpers import CKANTestApp
from contract_portal import Answer, Person, PortalInTest
from killed import ended
from killed_ckan import in_another_process
from organisation_members import member_of

from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import portal_store

ACTIONS = {
    "create": "s3multipart_upload_create",
    "sign_parts": "s3multipart_upload_sign_parts",
    "show": "s3multipart_upload_show",
    "list": "s3multipart_upload_list",
    "complete": "s3multipart_upload_complete",
    "abort": "s3multipart_upload_abort",
    "credentials": "s3multipart_credentials",
    "hand_over": "s3multipart_upload_hand_over",
}


class CkanInTest(PortalInTest):
    """``setting`` changes one of the extension's settings for the test."""

    def __init__(self, app: CKANTestApp, setting: Callable[[str, object], None]) -> None:
        self._setting, self._publisher = setting, new_publisher(app)
        self.owner = self._publisher.dataset
        other = self._publisher.do(
            "package_create", name=f"{self._publisher.name}-2", owner_org=self._publisher.organisation_id
        )
        self.other_owner = other["id"]
        self.prefixes = (f"{self._publisher.organisation_id}/",)
        self.publisher = person(self._publisher)
        colleague, stranger = member_of(self._publisher, "editor"), new_stranger(app)
        self.colleague_name, self.stranger_name = colleague.name, stranger.name
        self.colleague = person(colleague)
        self.administrator = person(member_of(self._publisher, "admin"))
        self.stranger = person(stranger)
        self.anonymous = person(Caller(app))
        self.store = portal_store()

    def limit_size(self, size_bytes: int) -> None:
        self._setting("max_upload_size", str(size_bytes))
        self.store = portal_store()

    def without_role(self) -> None:
        self._setting("s3_role", "")
        self.store = portal_store()

    def attach(self, upload_id: str) -> None:
        self._publisher.attach({"id": upload_id})

    def expire(self, upload_id: str) -> None:
        model.Session.query(UploadRow).filter_by(id=upload_id).update(
            {"expires_at": now() - timedelta(seconds=1)}
        )
        model.Session.commit()

    def killed(self, moment: str, operation: str, call: Callable[[], object]) -> None:
        process = in_another_process(call, killed_at=(moment, operation))
        assert ended(process) == "killed", f"no {operation} was sent"


def person(caller: Caller) -> Person:
    """The caller as the contract has them; errors without what CKAN adds."""

    def call(name: str, **asked: Any) -> Answer:
        if name == "list_all":
            return everybodys(caller, asked["owner"])
        answer = caller.call(ACTIONS[name], **asked)
        if answer.status == 200:
            return Answer(200, answer.result)
        return Answer(answer.status, {key: answer.error[key] for key in answer.error if key != "__type"})

    return call


def everybodys(caller: Caller, dataset: str) -> Answer:
    """CKAN lists everybody's uploads by organisation."""
    organisation = model.Package.get(dataset).owner_org
    answer = caller.call("s3multipart_organization_upload_list", organization=organisation)
    if answer.status != 200:
        return Answer(answer.status, answer.error)
    return Answer(200, [each for each in answer.result if each["owner"]["id"] == dataset])


@pytest.fixture
def portal_in_test(portal: CKANTestApp, setting: Callable[[str, object], None]) -> CkanInTest:
    """The portal before the contract."""
    return CkanInTest(portal, setting)
