"""The upload protocol's contract, with the console as the portal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from contract_portal import Answer, Person, PortalInTest, once_at
from upload_contract import RULES, Rule

from s3portal.console.database import ConsoleDatabase
from s3portal.console.uploads.portal import ConsoleCaller, ConsolePortal
from s3portal.console.uploads.rows import ConsoleRows, Folder
from s3portal.portal.protocol import CALLS
from s3portal.server.testing import RunningServer
from s3portal.transfer import Store, TransferError, TransferSettings, open_store

BUCKET = "test-bucket"
#: The console has nobody who looks after the uploads of others; nobody without a session gets so far; the
#: store's refusal is the visitor's own; and what is complete is an object, which giving up does not remove
#: (test_console_giving_up.py).
NOT_OF_THE_CONSOLE = {
    "who_is_not_signed_in_is_refused",
    "administrators_of_the_owner_give_up_uploads_of_others",
    "administrators_of_the_owner_list_uploads_of_everybody",
    "administrators_of_the_owner_hand_uploads_over",
    "a_creation_that_the_store_refuses_leaves_nothing",
    "giving_up_whose_answer_was_lost_is_made_good",
    "what_the_store_did_not_let_go_is_attached_by_nobody",
}


class Killed(BaseException):
    """The process is dead: nothing of it runs any more."""


class ConsoleInTest(PortalInTest):
    names_owner = False

    def __init__(self, server: RunningServer, database: ConsoleDatabase) -> None:
        self._server = server
        self._database = database
        self._is_dead = False
        self.limit_size(100 * 1024 * 1024)
        self.owner, self.other_owner = f"{BUCKET}/rivers/", f"{BUCKET}/lakes/"
        self.prefixes = ("rivers/", "lakes/")
        self.colleague_name, self.stranger_name = "colleague", "stranger"
        self.publisher, self.colleague = self._person("publisher"), self._person("colleague")
        self.stranger = self._person("stranger", may_upload=False)
        self.administrator = self.anonymous = self.stranger

    def limit_size(self, size_bytes: int) -> None:
        user = self._server.users["portal"]
        self._settings = TransferSettings(
            s3_bucket=BUCKET,
            s3_endpoint=self._server.endpoint,
            s3_access_key_id=user.access_key_id,
            s3_secret_access_key=user.secret_access_key,
            max_upload_size=size_bytes,
        )
        self.store = open_store(self._settings)

    def without_role(self) -> None:
        """There is none."""

    def attach(self, upload_id: str) -> None:
        self._rows().finish(upload_id)

    def expire(self, upload_id: str) -> None:
        row = self._rows().find(upload_id)
        assert row is not None
        over = replace(row.upload, expires_at=datetime.now(timezone.utc))
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE uploads SET expires_at = ? WHERE id = ?", (over.expires_at.timestamp(), upload_id)
            )

    def killed(self, moment: str, operation: str, call: Callable[[], object]) -> None:
        def die() -> None:
            self._is_dead = True
            raise Killed

        try:
            with once_at(self.store, moment, operation, die):
                call()
        except Killed:
            self._is_dead = False
            # A dead process is known by its id, and this one lives: its lease is over otherwise.
            with self._database.transaction() as connection:
                connection.execute("UPDATE uploads SET lease_until = 0")
        else:
            raise AssertionError(f"no {operation} was sent")

    def _rows(self) -> ConsoleRows:
        return _DyingRows(self._database, time.time, self)

    def _person(self, name: str, may_upload: bool = True) -> Person:
        def call(call_name: str, **asked: Any) -> Answer:
            owner = asked.pop("owner", self.owner)
            caller = ConsoleCaller(
                ConsolePortal(self._rows(), lambda bucket: self._bucket(may_upload)),
                f"arn:aws:iam::000000000000:user/{name}",
                Folder.of(owner),
            )
            try:
                return Answer(200, CALLS[call_name](caller, asked))
            except TransferError as refusal:
                return Answer(refusal.http_status, refusal.as_dict())

        return call

    def _bucket(self, may_upload: bool) -> Store:
        if may_upload:
            return self.store
        return open_store(replace(self._settings, s3_bucket="no-such-bucket-for-you"))


class _DyingRows(ConsoleRows):
    """A process that is dead writes nothing any more, and tidies nothing up."""

    def __init__(self, database: ConsoleDatabase, now: Callable[[], float], portal: ConsoleInTest) -> None:
        super().__init__(database, now)
        object.__setattr__(self, "portal", portal)

    def give_back(self, *arguments: Any, **named: Any) -> bool:
        if self.portal._is_dead:  # type: ignore[attr-defined]
            raise Killed
        return super().give_back(*arguments, **named)

    def delete(self, *arguments: Any) -> None:
        if self.portal._is_dead:  # type: ignore[attr-defined]
            raise Killed
        super().delete(*arguments)


@pytest.mark.parametrize(
    "rule",
    [rule for rule in RULES if rule.__name__ not in NOT_OF_THE_CONSOLE],
    ids=lambda rule: rule.__name__,
)
def test_the_console_keeps(rule: Rule, s3_server: RunningServer, tmp_path: Path) -> None:
    rule(ConsoleInTest(s3_server, ConsoleDatabase(tmp_path / "console.sqlite")))
