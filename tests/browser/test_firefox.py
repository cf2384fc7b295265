"""The main job in Firefox: faults, a reload in the middle, the same file once more, equal bytes."""

import json
import uuid
from pathlib import Path

from firefox import Firefox as Firefox
from firefox import firefox as firefox  # a fixture
from held_parts import AT_A_TIME, hold_parts, lose_parts
from portal_pages import sha256

from s3portal.client.ckan import CkanPortal
from s3portal.client.digests import sha256_of_link
from s3portal.demo.people import ORGANISATION, PUBLISHER
from s3portal.demo.portal import Portal
from s3portal.server.testing import RunningServer

FIELD = '.s3portal-uploader [data-s3portal="choose"]'
UNFINISHED = '[data-s3portal="unfinished"]'
PART_COUNT = 13


def log_in(firefox: Firefox, portal: Portal) -> None:
    firefox.open(f"{portal.url}/user/login")
    firefox.fill("#field-login", PUBLISHER.name)
    firefox.fill("#field-password", f"{PUBLISHER.password(portal.secrets)}\ue007")
    firefox.wait_for("!location.pathname.includes('login') && document.readyState === 'complete'")


def is_shown(selector: str) -> str:
    """Whether the page shows it, as an expression."""
    return f"document.querySelector({json.dumps(selector)})?.checkVisibility()"


def says(text: str) -> str:
    """Whether the uploader says so, as an expression."""
    return f"document.querySelector('.s3portal-uploader')?.innerText.includes({json.dumps(text)})"


def sent_part_numbers(s3: RunningServer) -> list[int]:
    parts = (r for r in s3.requests if r.operation == "UploadPart" and r.status == 200)
    return sorted(r.part_number or 0 for r in parts)


def go_wrong(s3: RunningServer) -> None:
    """The store is busy now and then, and the line is cut."""
    s3.faults.add("UploadPart", status=503, every=4)
    s3.faults.add("UploadPart", drop=True, every=5)


def test_an_upload_survives_faults_and_a_reload_and_comes_back_equal(
    firefox: Firefox, portal: Portal, s3: RunningServer, big_file: Path
) -> None:
    client = CkanPortal(portal.url, portal.publisher_token())
    dataset = f"rivers-{uuid.uuid4().hex[:8]}"
    client.call("package_create", name=dataset, owner_org=ORGANISATION)
    log_in(firefox, portal)
    go_wrong(s3)
    hold = hold_parts(s3, after=9)

    firefox.open(f"{portal.url}/dataset/{dataset}/resource/new")
    firefox.wait_for(is_shown(FIELD))
    firefox.choose_file(FIELD, big_file)
    hold.wait_for(AT_A_TIME)
    firefox.reload()
    lose_parts(s3, hold)
    go_wrong(s3)
    firefox.wait_for(is_shown(UNFINISHED))
    [unfinished] = client.unfinished_uploads(dataset)
    stored = client.show_upload(unfinished.id).stored or ()
    assert stored
    s3.requests.clear()

    firefox.choose_file(f'{UNFINISHED} [data-s3portal="go"]', big_file)
    firefox.fill('input[name="name"]', "Gauges by Firefox")
    firefox.wait_for(says("Uploaded and verified"))
    firefox.click(
        '#resource-edit button[value="go-metadata"], #resource-edit button[value="go-dataset-complete"]'
    )
    firefox.wait_for("!location.pathname.includes('/resource/new') && document.readyState === 'complete'")

    assert set(sent_part_numbers(s3)) == set(range(1, PART_COUNT + 1)) - set(stored)
    assert {0, 503} <= {r.status for r in s3.requests if r.operation == "UploadPart"}
    [resource] = [each for each in client.resources(dataset) if each["name"] == "Gauges by Firefox"]
    assert sha256_of_link(resource["url"]) == sha256(big_file)
    assert resource["s3multipart_checksum"].startswith("crc64nvme:")
    errors = [
        entry["text"] for entry in firefox.events.get("log.entryAdded", []) if entry["level"] == "error"
    ]
    # So Firefox says it of a connection that is cut, as these were.
    assert [text for text in errors if "CORS request did not succeed" not in text] == []
