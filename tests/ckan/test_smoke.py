"""The main job, on every CKAN that is supported: upload, attach, download, replace, delete."""

import pytest
from browser import Browser
from callers import MIB, Caller

pytestmark = pytest.mark.smoke


def test_a_file_is_uploaded_in_parts_attached_and_downloaded(publisher: Caller) -> None:
    content = bytes(range(256)) * 4096 * 6 + b"the last part is smaller"

    resource = publisher.publish(content, filename="river gauges.csv")

    assert resource["size"] == len(content)
    assert resource["mimetype"] == "text/csv"
    assert resource["format"] == "CSV"
    assert resource["url_type"] == "upload"
    downloaded = publisher.follow(resource["url"])
    assert downloaded.content == content
    assert downloaded.headers["Content-Disposition"] == 'attachment; filename="river gauges.csv"'
    assert len(content) > 5 * MIB


def test_the_uploaders_buttons_are_dressed_as_ckans_own(portal) -> None:
    browser = Browser(portal)

    page = browser.page(f"/dataset/{browser.dataset}/resource/new")

    plain = set(page.select_one("#resource-upload-button")["class"])
    ours = page.select(".s3portal-uploader button")
    assert ours
    assert all(set(button["class"]) >= plain for button in ours)
