"""The uploader's core on a page of the portal, without the form: files are uploaded by script, with options.

The modules are those that the portal serves, the adapter is the form's, the file is one from the disk, chosen
in a file input as a person would. What is uploaded belongs to the dataset and to no resource.
"""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

NEW_RESOURCE = "/dataset/rivers/resource/new"

_PREPARE = Path(__file__).with_suffix(".js").read_text("utf-8")


class CorePage:
    """A page of the portal that uploads by script."""

    def __init__(self, page: Page) -> None:
        """The page has to be logged in as somebody who may upload to the dataset."""
        self.page = page
        page.goto(NEW_RESOURCE)
        field = page.locator(".s3portal-uploader")
        self._served = [field.get_attribute(f"data-{name}") for name in ("script-url", "api", "owner")]

    def open(self, *files: Path, path: str = "/dataset/rivers") -> None:
        """Opens a page anew, and chooses files on it: what was there is gone at once, as after a crash."""
        self.page.goto("about:blank")
        self.page.goto(path)
        self.page.evaluate(_PREPARE, self._served)
        self.page.set_input_files("#core-files", files)

    def start(self, **options: Any) -> int:
        """Starts an upload; its number. Options are those of MultipartUpload and of ``core.start``."""
        return int(self.page.evaluate("options => core.start(options)", options))

    def wait_for(self, number: int, *states: str, timeout_s: float = 300) -> dict[str, Any]:
        """Waits until the upload is in one of the states; what there is to see of it then."""
        arrived = "([number, states]) => states.includes(core.uploads[number].upload.state)"
        self.page.wait_for_function(arrived, arg=[number, states], timeout=timeout_s * 1000)
        return self.shown(number)

    def wait_for_share(self, number: int, share: float) -> None:
        """Waits until so much of the file is on its way or stored."""
        self.page.wait_for_function("([number, share]) => core.share(number) >= share", arg=[number, share])

    def upload(self, **options: Any) -> dict[str, Any]:
        """Uploads to the end, good or bad; what there is to see of it then."""
        return self.wait_for(self.start(**options), "complete", "failed")

    def call(self, number: int, method: str) -> None:
        """Calls a method of the upload."""
        self.page.evaluate(
            "([number, method]) => { core.uploads[number].upload[method](); }", [number, method]
        )

    def shown(self, number: int) -> dict[str, Any]:
        """What there is to see of an upload now."""
        return dict(self.page.evaluate("number => core.shown(number)", number))

    def unfinished(self) -> list[dict[str, Any]]:
        """The publisher's unfinished uploads of this dataset, the newest first."""
        listed = self.page.evaluate("() => core.adapter.list()")
        return [upload for upload in listed if upload["state"] == "uploading"]
