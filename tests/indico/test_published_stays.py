"""What was published is never written again through anything that its publisher got: part URLs, ids, repeated
calls; also not by somebody whose permission was withdrawn in between.
"""

import pytest
import requests
from caller import Caller, forget_request
from indico.core.db import db
from uploading import describe, newest_attachment, put_parts, saved, uploaded

# Also on Indico 3.3.
pytestmark = pytest.mark.smoke


def published(app, attachment, caller):
    forget_request()
    return requests.get(caller.client.get(attachment.download_url).headers["Location"], timeout=120).content


@pytest.fixture
def material(app, world, manager):
    """A published material, and all that its publisher was given on the way."""
    created = manager.post(f"{world.event_url}/create", describe("a.bin", 9)).json
    put_parts(created, b"published")
    later = manager.post(
        f"{world.event_url}/sign-parts", {"id": created["upload"]["id"], "part_numbers": [1]}
    ).json
    manager.post(f"{world.event_url}/complete", {"id": created["upload"]["id"]})
    answer = manager.form(world.event_url, s3multipart_upload_id=created["upload"]["id"])
    assert answer.json["success"], answer.json
    return created["upload"]["id"], [created["parts"][0], later[0]], newest_attachment()


def test_part_urls_are_worth_nothing_after_completion(app, world, manager, material, s3):
    _, parts, attachment = material
    for part in parts:
        url = part["url"]
        whole_object = (
            url.split("?")[0]
            + "?"
            + "&".join(
                each
                for each in url.split("?")[1].split("&")
                if not each.startswith(("partNumber", "uploadId"))
            )
        )
        for attempt in (url, whole_object, url.replace("partNumber=1", "partNumber=2")):
            assert requests.put(attempt, data=b"different", timeout=120).status_code in (403, 404)
        for method in ("POST", "DELETE", "GET", "HEAD"):
            assert requests.request(method, url, timeout=120).status_code in (403, 404)
        copied = {"x-amz-copy-source": f"/indico-files/{attachment.file.storage_file_id}"}
        assert requests.put(url, data=b"different", headers=copied, timeout=120).status_code in (403, 404)
    assert published(app, attachment, manager) == b"published"


def test_the_id_of_an_upload_that_is_a_material_is_worth_nothing(app, world, manager, material):
    upload_id, _, attachment = material
    before = attachment.file.id
    sign = manager.post(f"{world.event_url}/sign-parts", {"id": upload_id, "part_numbers": [1]})
    assert (sign.status_code, sign.json["code"]) == (409, "upload_not_open")
    abort = manager.post(f"{world.event_url}/abort", {"id": upload_id})
    assert (abort.status_code, abort.json["code"]) == (409, "already_attached")
    assert manager.post(f"{world.event_url}/complete", {"id": upload_id}).json["state"] == "attached"
    url = world.event_url.replace("direct-upload", f"{attachment.folder_id}/{attachment.id}/")
    assert not manager.form(url, title="a", description="", s3multipart_upload_id=upload_id).json.get(
        "success"
    )
    assert newest_attachment().file.id == before
    assert published(app, attachment, manager) == b"published"


def test_another_part_between_completing_and_saving_changes_nothing(app, world, manager):
    created = manager.post(f"{world.event_url}/create", describe("a.bin", 9)).json
    put_parts(created, b"published")
    manager.post(f"{world.event_url}/complete", {"id": created["upload"]["id"]})
    part = created["parts"][0]
    assert requests.put(part["url"], data=b"different", timeout=120).status_code == 404
    manager.form(world.event_url, s3multipart_upload_id=created["upload"]["id"])
    assert published(app, newest_attachment(), manager) == b"published"


def test_the_parts_of_one_upload_do_not_land_in_another(app, world, manager):
    first, second = (manager.post(f"{world.event_url}/create", describe("a.bin", 9)).json for _ in range(2))
    url = first["parts"][0]["url"]
    mixed = [
        url.replace(first["parts"][0]["url"].split("?")[0], second["parts"][0]["url"].split("?")[0]),
        "&".join(
            next(other for other in second["parts"][0]["url"].split("&") if "uploadId=" in other)
            if "uploadId=" in each and "?" not in each
            else each
            for each in url.split("&")
        ),
    ]
    for attempt in mixed:
        if attempt != url:
            assert requests.put(attempt, data=b"different", timeout=120).status_code in (403, 404)


def leave(world):
    for managed in (world.event, world.category):
        managed.update_principal(world.manager, full_access=False)


WITHDRAWALS = {
    "the right to manage": (403, lambda world: leave(world)),
    "direct uploads": (403, lambda world: world.settings.set("direct_uploads", False)),
    "the category": (
        403,
        lambda world: world.settings.set("direct_upload_categories", [{"id": 10**6}]),
    ),
    "the group": (403, lambda world: world.settings.acls.set("direct_upload_groups", {world.stranger})),
}


@pytest.mark.parametrize("what", WITHDRAWALS)
def test_what_is_withdrawn_in_between_ends_every_call(app, world, manager, what):
    status, withdraw = WITHDRAWALS[what]
    half = manager.post(f"{world.event_url}/create", describe("half.bin", 9)).json
    put_parts(half, b"published")
    complete = uploaded(manager, world.event_url, "complete.bin", b"published")
    before = newest_attachment()
    withdraw(world)
    db.session.commit()
    for call in ("create", "sign-parts", "show", "list", "complete", "abort"):
        body = {**describe("c.bin", 1), "id": half["upload"]["id"], "part_numbers": [1]}
        assert manager.post(f"{world.event_url}/{call}", body).status_code == status, call
    for upload_id in (complete, half["upload"]["id"]):
        assert manager.form(world.event_url, s3multipart_upload_id=upload_id).status_code == status
    assert newest_attachment() == before


def test_a_material_that_is_given_up_while_it_is_saved_is_either_or(app, world, manager, s3):
    """Whichever comes first: the other one is refused, and never is a material without its object."""
    upload_id = uploaded(manager, world.event_url, "a.bin", b"published")
    assert manager.post(f"{world.event_url}/abort", {"id": upload_id}).json["state"] == "aborted"
    assert not manager.form(world.event_url, s3multipart_upload_id=upload_id).json.get("success")
    saved(manager, world.event_url, "b.bin", b"published")
    assert published(app, newest_attachment(), manager) == b"published"


def test_an_upload_that_is_given_up_while_the_store_completes_it_leaves_no_object(
    app, world, manager, s3, monkeypatch
):
    from indico_plugin.models.uploads import DirectUpload
    from s3portal.portal.protocol import completing

    created = manager.post(f"{world.event_url}/create", describe("given-up.bin", 9)).json
    put_parts(created, b"published")
    complete_upload = completing.complete_upload

    def complete_and_be_aborted(store, upload, checksum):
        completed = complete_upload(store, upload, checksum)
        DirectUpload.query.filter_by(id=upload.id).update({"state": "aborted"})
        db.session.commit()
        return completed

    monkeypatch.setattr(completing, "complete_upload", complete_and_be_aborted)
    answer = manager.post(f"{world.event_url}/complete", {"id": created["upload"]["id"]})
    assert (answer.status_code, answer.json["code"]) == (409, "upload_not_open")
    assert not any(key.endswith("given-up.bin") for key in s3.keys("indico-files"))


def test_what_the_store_could_not_remove_is_removed_by_the_janitor(app, world, manager, s3, monkeypatch):
    from indico_plugin.direct_upload import janitor
    from s3portal.portal.protocol import aborting
    from s3portal.transfer import StoreUnavailable

    upload_id = uploaded(manager, world.event_url, "left.bin", b"published")

    def unavailable(store, upload):
        raise StoreUnavailable(operation="AbortMultipartUpload")

    with monkeypatch.context() as away:
        away.setattr(aborting, "abort_upload", unavailable)
        assert manager.post(f"{world.event_url}/abort", {"id": upload_id}).status_code == 503
    # From now on nobody makes a material of it, whatever the store has.
    assert not manager.form(world.event_url, s3multipart_upload_id=upload_id).json.get("success")
    assert any(key.endswith("left.bin") for key in s3.keys("indico-files"))
    janitor.remove_expired_uploads()
    assert not any(key.endswith("left.bin") for key in s3.keys("indico-files"))


def test_a_stranger_s_id_is_worth_nothing(app, world, manager, material):
    upload_id, _, attachment = material
    colleague = Caller(app, world.stranger)
    world.event.update_principal(world.stranger, full_access=True)
    db.session.commit()
    for call in ("sign-parts", "show", "complete", "abort"):
        more = {"part_numbers": [1]} if call == "sign-parts" else {}
        answer = colleague.post(f"{world.event_url}/{call}", {"id": upload_id, **more})
        assert (answer.status_code, answer.json["code"]) == (404, "upload_not_found")
    assert published(app, attachment, manager) == b"published"


def test_giving_up_an_upload_leaves_alone_what_another_one_stored_under_its_key(app, world, manager, s3):
    """A restored database gives ids out again, and with them keys of files that are there."""
    from indico_plugin.models.uploads import DirectUpload

    created = manager.post(f"{world.event_url}/create", describe("met.bin", 9)).json
    key = DirectUpload.query.get(created["upload"]["id"]).key
    s3.client.put_object(Bucket="indico-files", Key=key, Body=b"published")
    assert manager.post(f"{world.event_url}/abort", {"id": created["upload"]["id"]}).status_code == 200
    assert s3.body("indico-files", key) == b"published"
