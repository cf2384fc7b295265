"""What the contract suite of the upload protocol (upload_contract.py) needs of a portal that it is run
against."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from botocore.exceptions import ClientError, ReadTimeoutError
from killed import AFTER, BEFORE

from s3portal.transfer import Store, list_uploads


@dataclass(frozen=True)
class Answer:
    """What a call answered: its result, or the error as the protocol has it."""

    status: int
    body: Any

    @property
    def result(self) -> Any:
        assert self.status == 200, self.body
        return self.body

    @property
    def refusal(self) -> tuple[int, str]:
        assert self.status != 200, self.body
        return self.status, self.body["code"]


#: Makes a call of this name, with these fields; ``owner`` is one of the portal's.
Person = Callable[..., Answer]


class PortalInTest(ABC):
    """A portal with people and two owners, new for each rule."""

    #: May upload to both owners.
    publisher: Person
    #: May upload to ``owner``, too.
    colleague: Person
    #: Signed in, and may upload to neither.
    stranger: Person
    #: What `hand_over` knows these two by.
    colleague_name: str
    stranger_name: str
    #: Administers ``owner``.
    administrator: Person
    #: Nobody knows them.
    anonymous: Person
    #: What an anonymous call is refused with: 401, unless the framework looks for something else first.
    anonymous_status = 401
    #: Whether calls name their owner; where they do not, the address does.
    names_owner = True
    #: As calls have it.
    owner: Any
    other_owner: Any
    #: What the keys of both begin with.
    prefixes: tuple[str, ...]
    store: Store

    @abstractmethod
    def limit_size(self, size_bytes: int) -> None:
        """Lets in files of up to so many bytes, whole mebibytes."""

    @abstractmethod
    def without_role(self) -> None:
        """Gives out no session credentials."""

    @abstractmethod
    def attach(self, upload_id: str) -> None:
        """Saves the publisher's completed upload as a file of ``owner``."""

    @abstractmethod
    def expire(self, upload_id: str) -> None:
        """The time of the upload is over."""

    @abstractmethod
    def killed(self, moment: str, operation: str, call: Callable[[], object]) -> None:
        """Makes the call in a process that dies at this moment of the first such request to the store."""

    def objects(self) -> list[str]:
        """The names of the files that the store has for the two owners."""
        found = []
        for prefix in self.prefixes:
            listed = self.store.client().list_objects_v2(Bucket=self.store.bucket, Prefix=prefix)
            found += [each["Key"] for each in listed.get("Contents", [])]
        return found

    def unfinished(self) -> list[str]:
        """The keys of the multipart uploads that the store has for the two owners."""
        return [each.key for prefix in self.prefixes for each in list_uploads(self.store, prefix)]

    def forget_failures(self) -> None:
        """What the store did before is not held against it."""
        for gate in ("gate s3", "gate sts"):
            self.store._opened.pop((os.getpid(), gate), None)


@contextmanager
def once_at(store: Store, moment: str, operation: str, act: Callable[[], object]) -> Iterator[None]:
    """Acts at this moment of the next such request to the store; ``act`` may raise."""
    events, name = store.client().meta.events, f"{moment}.s3.{operation}"

    def handle(**_: Any) -> object:
        events.unregister(name, handle)
        return act()

    events.register_first(name, handle)
    try:
        yield
    finally:
        events.unregister(name, handle)


def loses_answer(store: Store, operation: str) -> Any:
    """The store does what it is asked for next, and its answer does not arrive."""

    def lose() -> None:
        raise ReadTimeoutError(endpoint_url="the store")

    return once_at(store, AFTER, operation, lose)


def refuses(store: Store, operation: str) -> Any:
    """The store refuses the next such request, in words of its own."""
    error = {"Code": "AccessDenied", "Message": "arn:secret"}

    def refuse() -> None:
        # Nothing is sent: other handlers of this moment would send it.
        raise ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403}}, operation)

    return once_at(store, BEFORE, operation, refuse)


def send(created: Mapping[str, Any], content: bytes) -> None:
    """Sends the signed parts of an upload, as the uploader does."""
    upload = created["upload"]
    for part in created["parts"]:
        begin = (part["part_number"] - 1) * upload["part_size"]
        body = content[begin : begin + upload["part_size"]]
        sent = requests.put(part["url"], data=body, headers=part["headers"], timeout=120)
        assert sent.status_code == 200, sent.text
