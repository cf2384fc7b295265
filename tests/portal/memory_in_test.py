"""The portal in memory for the contract suite: its people, and processes of its own that die."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from contract_portal import Answer, PortalInTest, once_at
from memory_portal import Killed, MemoryCaller, MemoryPortal, MemoryRows, Process, Table

from s3portal.portal.protocol import CALLS, RowState
from s3portal.transfer import State, Store, TransferError


class MemoryPortalInTest(PortalInTest):
    """The portal before a store, with its people; each call is made by a process of its own."""

    def __init__(self, open_store: Callable[[int], Store]) -> None:
        self._open_store, self._table = open_store, Table()
        self.store = open_store(100 * 1024 * 1024)
        self.colleague_name, self.stranger_name = "colleague", "stranger"
        self.owner, self.other_owner = f"rivers-{uuid.uuid4()}", f"lakes-{uuid.uuid4()}"
        self.prefixes = (f"memory/{self.owner}/", f"memory/{self.other_owner}/")
        both, owner = frozenset({self.owner, self.other_owner}), frozenset({self.owner})
        self._publishers = {"publisher": both, "colleague": both}
        self.publisher = self._person("publisher")
        self.colleague = self._person("colleague")
        self.stranger = self._person("stranger")
        self.administrator = self._person("administrator", administers=owner)
        self.anonymous = self._person("")
        self._process = Process()

    def limit_size(self, size_bytes: int) -> None:
        self.store = self._open_store(size_bytes)

    def without_role(self) -> None:
        """There is none."""

    def attach(self, upload_id: str) -> None:
        kept = self._table.kept[upload_id]
        assert kept.state == State.COMPLETED
        kept.upload, kept.state = kept.upload.become(State.ATTACHED), RowState.ATTACHED

    def expire(self, upload_id: str) -> None:
        kept = self._table.kept[upload_id]
        kept.upload = replace(kept.upload, expires_at=datetime.now(timezone.utc))

    def killed(self, moment: str, operation: str, call: Callable[[], object]) -> None:
        process = self._process
        try:
            with once_at(self.store, moment, operation, process.die):
                call()
        except Killed:
            self._process = Process()
        else:
            raise AssertionError(f"no {operation} was sent")

    def _person(self, name: str, administers: frozenset[str] = frozenset()) -> Any:
        def call(call_name: str, **asked: Any) -> Answer:
            portal = MemoryPortal(MemoryRows(self._table, self._process), self.store)
            caller = MemoryCaller(portal, name, self._publishers, administers)
            try:
                return Answer(200, CALLS[call_name](caller, asked))
            except TransferError as refusal:
                return Answer(refusal.http_status, refusal.as_dict())

        return call
