"""A form with a file in it, as browsers post it: its fields at once, its file as it comes off the socket.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html and RFC 7578.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import NEED_DATA, Data, Epilogue, Event, Field, File, MultipartDecoder

from s3portal.server.http.values import whole_number
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# "The preceding form fields and their values may be up to 20 KB": RESTObjectPOST, form fields.
FIELDS_LIMIT_BYTES = 20 * 1024
READ_BYTES = 256 * 1024
_BOUNDARY_LIMIT = 70
# In a header that a reader is sent, these would begin another one.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class PostedFile(io.RawIOBase):
    """The file of a form, read once. What comes after it is not looked at, as with S3.

    ``size_range_bytes`` is what the policy allows; over it, reading raises EntityTooLarge, under it, at the
    end, EntityTooSmall.
    """

    def __init__(self, form: _FormReader, limit_bytes: int) -> None:
        self._form = form
        self._pending = memoryview(b"")
        self._ended = False
        self._read_bytes = 0
        #: No file is larger: what was left of the request when the file began.
        self.limit_bytes = limit_bytes
        self.size_range_bytes: tuple[int, int] | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        while not self._pending and not self._ended:
            event = self._form.next_event()
            if not isinstance(event, Data):
                raise _malformed()
            self._pending = memoryview(event.data)
            self._ended = not event.more_data
        count = min(len(view), len(self._pending))
        view[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        self._count(count)
        return count

    def _count(self, count: int) -> None:
        self._read_bytes += count
        if self.size_range_bytes is None:
            return
        least, largest = self.size_range_bytes
        if self._read_bytes > largest:
            facts = {"ProposedSize": str(self._read_bytes), "MaxSizeAllowed": str(largest)}
            raise S3Error("EntityTooLarge", facts=facts)
        if not count and self._read_bytes < least:
            facts = {"ProposedSize": str(self._read_bytes), "MinSizeAllowed": str(least)}
            raise S3Error("EntityTooSmall", facts=facts)


@dataclass(frozen=True)
class PostedForm:
    """``fields`` are those before the file, names in lower case; ``filename`` has no folders in it."""

    fields: Mapping[str, str]
    filename: str
    file: PostedFile

    def headers(self) -> dict[str, str]:
        """Returns the fields as the headers of a PUT would have come: UTF-8 as Latin-1 characters.

        Raises InvalidArgument for a value that no header can carry.
        """
        for name, value in self.fields.items():
            if _CONTROL.search(value):
                message = f"The field {name!r} holds control characters."
                raise S3Error("InvalidArgument", message, facts={"ArgumentName": name})
        return {name: value.encode().decode("latin-1") for name, value in self.fields.items()}


def read_posted_form(request: S3Request, body: io.RawIOBase) -> PostedForm:
    """Reads a form up to where its file begins.

    Raises PreconditionFailed for what is not such a form, MissingContentLength, MalformedPOSTRequest,
    MaxPostPreDataLengthExceededError, InvalidArgument for a field that comes twice, and
    IncorrectNumberOfFilesInPostRequest when there is no file.
    """
    content_type, options = parse_options_header(request.header("content-type"))
    boundary = options.get("boundary", "")
    if content_type != "multipart/form-data":
        condition = "Bucket POST must be of the enclosure-type multipart/form-data"
        raise S3Error("PreconditionFailed", facts={"Condition": condition})
    length_bytes = whole_number(request.header("content-length"))
    if length_bytes is None:
        raise S3Error("MissingContentLength")
    if not boundary.isascii() or not 0 < len(boundary) <= _BOUNDARY_LIMIT:
        raise _malformed()
    form = _FormReader(body, boundary)
    fields: dict[str, str] = {}
    while True:
        event = form.next_event()
        if isinstance(event, Epilogue):
            raise S3Error("IncorrectNumberOfFilesInPostRequest")
        if isinstance(event, Field | File) and not event.name:
            raise _malformed()
        if isinstance(event, Field | File) and event.name.lower() == "file":
            name = event.filename if isinstance(event, File) else ""
            # Browsers of old gave whole paths, with the separators of their system.
            filename = re.split(r"[/\\]", name)[-1]
            return PostedForm(fields, filename, PostedFile(form, length_bytes))
        if isinstance(event, Field | File):
            # The name says which one is the file: some clients give every field a file name.
            _add(fields, event.name.lower(), form.text())


def _add(fields: dict[str, str], name: str, value: str) -> None:
    if name in fields:
        message = f"POST requires exactly one field value for {name!r}"
        raise S3Error("InvalidArgument", message, facts={"ArgumentName": name})
    fields[name] = value


class _FormReader:
    """Werkzeug's decoder, fed from a socket. However large the file, it keeps a READ_BYTES or two."""

    def __init__(self, body: io.RawIOBase, boundary: str) -> None:
        self._body = body
        # It drains its buffer while the file passes, so that only senseless fields come to this size.
        self._decoder = MultipartDecoder(boundary.encode("latin-1"), 2 * READ_BYTES)
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._fields_bytes = 0

    def next_event(self) -> Event:
        """Returns what comes next; raises MalformedPOSTRequest when it is no form."""
        try:
            while (event := self._decoder.next_event()) is NEED_DATA:
                self._feed()
        except (ValueError, RequestEntityTooLarge) as problem:
            raise _malformed() from problem
        return event

    def text(self) -> str:
        """Returns the value of the field that has just begun; all of them together have a limit."""
        value = b""
        while True:
            event = self.next_event()
            if not isinstance(event, Data):
                raise _malformed()
            value += event.data
            self._fields_bytes += len(event.data)
            if self._fields_bytes > FIELDS_LIMIT_BYTES:
                raise S3Error("MaxPostPreDataLengthExceededError")
            if not event.more_data:
                break
        try:
            return value.decode()
        except UnicodeDecodeError as problem:
            raise _malformed() from problem

    def _feed(self) -> None:
        count = self._body.readinto(self._buffer) or 0
        self._decoder.receive_data(bytes(self._buffer[:count]) if count else None)


def _malformed() -> S3Error:
    return S3Error("MalformedPOSTRequest")
