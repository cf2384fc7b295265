"""Who sees a dataset can change at any moment: nobody gets a file in between, by whatever way it is sent."""

import shutil
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from callers import Answer, Caller, new_publisher, new_stranger, new_sysadmin
from ckan import model
from served_portal import served
from shown_links import CONTENT, Setting

from s3portal.server.testing import RunningServer

MODES = ["redirect", "nginx", "proxy", "public"]


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest, setting: Setting) -> str:
    setting("download_mode", request.param)
    return str(request.param)


def gets(caller: Caller, resource: dict, **headers: str) -> bool:
    """Whether the caller is sent the file, or to it; asked in every way that clients ask."""
    link = urlsplit(resource["url"]).path
    answers = [
        caller.get(link, headers=headers),
        caller.get(link.rsplit("/", 1)[0], headers=headers),
        caller.get(link, headers={"Range": "bytes=0-3", **headers}),
        caller.get(link, headers={"If-None-Match": '"x"', **headers}),
        caller.head(link),
    ]
    served_ = [
        "X-Accel-Redirect" in answer.headers
        or "X-Amz-Signature" in answer.headers.get("Location", "")
        or "/public/" in answer.headers.get("Location", "")
        or answer.status_code in (200, 206)
        or answer.data[:4] == CONTENT[:4]
        for answer in answers
    ]
    assert len(set(served_)) == 1, [answer.status_code for answer in answers]
    return served_[0]


def test_private_to_public_and_back(portal: Any, mode: str) -> None:
    publisher = new_publisher(portal, private=True)
    resource = publisher.publish(CONTENT)
    nobody, stranger = Caller(portal), new_stranger(portal)
    assert (gets(publisher, resource), gets(nobody, resource), gets(stranger, resource)) == (
        True,
        False,
        False,
    )

    publisher.do("package_patch", id=publisher.dataset, private=False)
    assert (gets(nobody, resource), gets(stranger, resource)) == (True, True)

    publisher.do("package_patch", id=publisher.dataset, private=True)
    assert (gets(publisher, resource), gets(nobody, resource), gets(stranger, resource)) == (
        True,
        False,
        False,
    )


def test_every_way_to_hide_a_dataset(portal: Any, mode: str) -> None:
    nobody, sysadmin = Caller(portal), new_sysadmin(portal)
    for hide in (
        lambda each: each.do("package_delete", id=each.dataset),
        lambda each: sysadmin.do("bulk_update_private", datasets=[each.dataset], org_id=each.organisation_id),
        lambda each: each.do("package_patch", id=each.dataset, state="draft"),
    ):
        publisher = new_publisher(portal)
        resource = publisher.publish(CONTENT)
        assert gets(nobody, resource)

        hide(publisher)

        assert not gets(nobody, resource)


def test_a_dataset_that_goes_to_another_organisation(portal: Any, mode: str) -> None:
    """Its new members read it, its former ones do not."""
    publisher, other = new_publisher(portal, private=True), new_publisher(portal)
    sysadmin = new_sysadmin(portal)
    resource = publisher.publish(CONTENT)
    assert (gets(publisher, resource), gets(other, resource)) == (True, False)

    sysadmin.do("package_owner_org_update", id=publisher.dataset, organization_id=other.organisation_id)
    model.Session.remove()

    assert gets(other, resource)
    assert gets(Caller(portal), resource) is False


def test_a_member_who_leaves(portal: Any, mode: str) -> None:
    publisher = new_publisher(portal, private=True)
    stranger, sysadmin = new_stranger(portal), new_sysadmin(portal)
    resource = publisher.publish(CONTENT)
    sysadmin.do(
        "organization_member_create", id=publisher.organisation, username=stranger.name, role="member"
    )
    assert gets(stranger, resource)

    sysadmin.do("organization_member_delete", id=publisher.organisation, username=stranger.name)

    assert not gets(stranger, resource)


def test_a_resource_that_goes_to_another_dataset(portal: Any, mode: str) -> None:
    """As extensions move them: what counts is where it is now, and not where its file was uploaded to."""
    publisher, private = new_publisher(portal), new_publisher(portal, private=True)
    resource = publisher.publish(CONTENT)
    nobody = Caller(portal)
    assert gets(nobody, resource)

    model.Session.query(model.Resource).filter_by(id=resource["id"]).update({"package_id": private.dataset})
    model.Session.commit()

    assert not gets(nobody, resource)
    assert gets(private, resource)


def test_a_file_cannot_be_taken_into_a_dataset_of_ones_own(portal: Any, publisher: Caller) -> None:
    """Whoever may read the other one's id could publish what is private there."""
    private = new_publisher(portal, private=True)
    secret = private.publish(CONTENT)

    stolen: Answer = publisher.call(
        "package_patch",
        id=publisher.dataset,
        resources=[{"id": secret["id"], "url": secret["url"], "url_type": "upload"}],
    )

    assert stolen.status in (403, 404, 409)
    assert not gets(Caller(portal), secret)


def test_a_link_that_was_handed_out_dies_with_its_time(
    portal: Any, s3_server: RunningServer, setting: Setting
) -> None:
    setting("download_expires", "30 seconds")
    publisher = new_publisher(portal)
    resource = publisher.publish(CONTENT)
    handed_out = Caller(portal).get(resource["url"]).headers["Location"]
    publisher.do("package_patch", id=publisher.dataset, private=True)

    assert requests.get(handed_out, timeout=120).status_code == 200
    s3_server.advance_clock(31)
    try:
        assert requests.get(handed_out, timeout=120).status_code == 403
    finally:
        s3_server.advance_clock(-31)


def test_links_survive_renaming_moving_replacing_and_every_change_of_mode(
    portal: Any, publisher: Caller, setting: Setting
) -> None:
    other, sysadmin = new_publisher(portal), new_sysadmin(portal)
    resource = publisher.publish(CONTENT, filename="rivers.csv")
    kept = [urlsplit(resource["url"]).path, urlsplit(resource["url"]).path.rsplit("/", 1)[0]]

    def content() -> set[bytes]:
        found = set()
        for mode in ("redirect", "proxy", "public"):
            setting("download_mode", mode)
            for link in kept:
                answer = sysadmin.get(link)
                assert answer.status_code in (200, 302), (mode, link, answer.status_code)
                found.add(
                    answer.data if mode == "proxy" else requests.get(answer.location, timeout=120).content
                )
        return found

    assert content() == {CONTENT}
    publisher.do("package_patch", id=publisher.dataset, name=f"renamed-{publisher.dataset[:8]}")
    assert content() == {CONTENT}
    sysadmin.do("package_owner_org_update", id=publisher.dataset, organization_id=other.organisation_id)
    assert content() == {CONTENT}
    model.Session.remove()
    upload = sysadmin.upload(b"new", filename="levels.txt", owner=publisher.dataset, resource=resource["id"])
    sysadmin.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])
    assert content() == {b"new"}


@pytest.fixture
def forwarding_is_served(setting: Setting) -> None:
    setting("proxy_token_downloads", True)


def clients(address: str, token: str) -> dict[str, list[str]]:
    """Programs that keep their header when a redirect leads elsewhere, and programs that do not."""
    header = f"Authorization: {token}"
    return {
        "curl": ["curl", "-sSfL", "-H", header, address],
        "curl that trusts": ["curl", "-sSfL", "--location-trusted", "-H", header, address],
        "wget": ["wget", "-q", "-O", "-", f"--header={header}", address],
        "urllib": [
            sys.executable,
            "-c",
            "import sys, urllib.request as r;"
            " asked = r.Request(sys.argv[1], headers={'Authorization': sys.argv[2]});"
            " sys.stdout.buffer.write(r.urlopen(asked).read())",
            address,
            token,
        ],
    }


@pytest.mark.parametrize("program", ["curl", "curl that trusts", "wget", "urllib"])
def test_clients_that_forward_their_token_and_those_that_do_not(
    portal: Any, forwarding_is_served: None, program: str
) -> None:
    publisher = new_publisher(portal, private=True)
    resource = publisher.publish(CONTENT)
    with served(portal.app) as address:
        command = clients(address + urlsplit(resource["url"]).path, publisher.token)[program]
        if shutil.which(command[0]) is None:
            pytest.skip(f"NOT RUN: no {command[0]} on this machine")
        got = subprocess.run(command, capture_output=True, timeout=300, check=False)

    assert (got.returncode, got.stdout) == (0, CONTENT), got.stderr


def test_requests_drops_its_token_and_a_session_that_keeps_it_is_served(
    portal: Any, forwarding_is_served: None
) -> None:
    publisher = new_publisher(portal, private=True)
    resource = publisher.publish(CONTENT)

    class Keeping(requests.Session):
        def rebuild_auth(self, *_: Any) -> None:
            """Nothing is dropped."""

    with served(portal.app) as address:
        link = address + urlsplit(resource["url"]).path
        for session in (requests.Session(), Keeping()):
            assert session.get(link, headers=publisher.headers, timeout=120).content == CONTENT
