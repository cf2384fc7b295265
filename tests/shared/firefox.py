"""Firefox, driven by WebDriver BiDi, which it speaks itself: without geckodriver, and any build of it.

Of BiDi (https://www.w3.org/TR/webdriver-bidi/) there is here what a publisher does: open pages, fill fields,
press buttons, choose files.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

TIMEOUT_S = 120.0
LOOK_AGAIN_S = 0.05
# It asks nobody anything when it starts, and shows no page of its own.
PREFERENCES = """
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
"""


#: The event of a page that asks something, for example whether to leave it.
ASKED = "browsingContext.userPromptOpened"


class BidiError(Exception):
    """Firefox refused a command."""


class Firefox:
    """A running Firefox with one page."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last_id = 0
        #: What Firefox told of, as it came: the parameters of each event, by the event's name.
        self.events: dict[str, list[dict[str, Any]]] = {}
        # A page that guards its upload would ask whether to leave, and a dialog for files would wait.
        prompts = {"beforeUnload": "accept", "file": "ignore", "default": "ignore"}
        session = self.command(
            "session.new", capabilities={"alwaysMatch": {"unhandledPromptBehavior": prompts}}
        )
        self.version = str(session["capabilities"]["browserVersion"])
        self.command("session.subscribe", events=["log.entryAdded", "input.fileDialogOpened", ASKED])
        self._page = self.command("browsingContext.getTree")["contexts"][0]["context"]

    def command(self, method: str, **parameters: object) -> Any:
        """Sends a BiDi command; its result. Raises BidiError, and TimeoutError where no answer comes."""
        self._last_id += 1
        self._socket.send(json.dumps({"id": self._last_id, "method": method, "params": parameters}))
        while True:
            message = self._receive()
            if message.get("id") != self._last_id:
                continue
            if message["type"] == "error":
                raise BidiError(f"{method}: {message['error']}: {message['message']}")
            return message["result"]

    def open(self, url: str) -> None:
        """Opens a page, and waits until it has loaded."""
        self.command("browsingContext.navigate", context=self._page, url=url, wait="complete")

    def reload(self) -> None:
        """Loads the page anew, although it asks whether to leave it."""
        self.require_no_dialog()
        self.command("browsingContext.reload", context=self._page, wait="complete")

        assert self.events.pop(ASKED, []), "the page did not ask"

    def require_no_dialog(self) -> None:
        """Raises AssertionError where a page asked something, since the last reload."""
        assert self.events.get(ASKED, []) == [], "a page asked what its publisher would not expect"

    def run(self, expression: str) -> Any:
        """The value of an expression in the page, as far as JSON can say it."""
        result = self.command(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._page},
            awaitPromise=False,
        )
        if result["type"] == "exception":
            raise BidiError(f"{expression}: {result['exceptionDetails']['text']}")
        value = result["result"].get("value")
        return None if value is None else json.loads(value)

    def wait_for(self, condition: str) -> None:
        """Waits until the expression is true in the page, or in one that follows it. Raises TimeoutError."""
        give_up_at = time.monotonic() + TIMEOUT_S
        while not self.run(condition):
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"{condition} is not so at {self.run('location.href')}")
            # Whatever happens meanwhile may have changed it.
            with suppress(TimeoutError):
                self._receive(LOOK_AGAIN_S)

    def click(self, selector: str) -> None:
        """Clicks the element as a mouse does."""
        at_once = "{block: 'center', behavior: 'instant'}"
        self.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView({at_once})")
        element = {"type": "element", "element": {"sharedId": self._element(selector)}}
        move = {"type": "pointerMove", "x": 0, "y": 0, "origin": element}
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        mouse = {"type": "pointer", "id": "mouse", "actions": [move, *press]}
        self.command("input.performActions", context=self._page, actions=[mouse])

    def fill(self, selector: str, text: str) -> None:
        """Types into a field, over what is there."""
        self.run(f"document.querySelector({json.dumps(selector)}).select()")
        keys = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        actions = [{"type": "key", "id": "keyboard", "actions": keys}]
        self.command("input.performActions", context=self._page, actions=actions)

    def choose_file(self, selector: str, path: Path) -> None:
        """Clicks what opens the dialog for files, and chooses one in it."""
        dialogs = self.events.setdefault("input.fileDialogOpened", [])
        dialogs.clear()
        self.click(selector)
        while not dialogs:
            self._receive()
        self.command("input.setFiles", context=self._page, element=dialogs[0]["element"], files=[str(path)])

    def _element(self, selector: str) -> str:
        locator = {"type": "css", "value": selector}
        [node] = self.command(
            "browsingContext.locateNodes", context=self._page, locator=locator, maxNodeCount=1
        )["nodes"]
        return str(node["sharedId"])

    def _receive(self, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout_s))
        if message.get("type") == "event":
            self.events.setdefault(message["method"], []).append(message["params"])
        return message


@pytest.fixture
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """A Firefox with a profile of its own: the one that the environment names, or the system's."""
    path = os.environ.get("S3PORTAL_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
    if not path:
        pytest.skip(
            "THE UPLOADER WAS NOT TRIED IN FIREFOX: there is none, as from `apt-get install firefox-esr`"
        )
    profile = tmp_path_factory.mktemp("firefox")
    (profile / "user.js").write_text(PREFERENCES, "utf-8")
    process = subprocess.Popen(
        [path, "--remote-debugging-port", "0", "--headless", "--no-remote", "-profile", str(profile)],
        env={**os.environ, "HOME": str(profile), "MOZ_CRASHREPORTER_DISABLE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Firefox is several processes, which end with their group.
        start_new_session=True,
    )
    try:
        with connect(f"{_address(process)}/session", max_size=None, compression=None) as socket:
            running = Firefox(socket)
            yield running
            running.require_no_dialog()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    """Where Firefox listens, which it says once it does."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if address := re.search(r"WebDriver BiDi listening on (ws://\S+)", line):
            # Nobody reads the rest, and a full pipe would stop Firefox.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return address[1]
    raise BidiError(f"Firefox ended: {said}")
