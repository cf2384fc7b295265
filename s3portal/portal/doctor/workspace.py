"""The doctor's own corner of the bucket: what is written there is removed again, whatever happens.

Keys are ``<s3_prefix>/s3portal/doctor/<run>/…``. A run that was killed leaves something, which the next run
removes, unless that other run may still be in progress.
"""

import os
import re
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from botocore.exceptions import BotoCoreError, ClientError

from s3portal.portal.doctor.answer import Answer
from s3portal.portal.doctor.case import LONG_CALL_S
from s3portal.transfer import Store, dataset_prefix, deadline, error_code

_RUN = re.compile(r"(?P<computer>[A-Za-z0-9-]*)_(?P<pid>[0-9]+)_[0-9a-f]{32}")
#: What another computer's doctor wrote within this time may be in use.
_OTHERS_KEEP = timedelta(hours=1)


@dataclass(frozen=True)
class Written:
    """An object, or with ``s3_upload_id`` an unfinished upload."""

    key: str
    version_id: str | None = None
    s3_upload_id: str | None = None


@dataclass
class Workspace:
    """The keys of one run, and what was written under them."""

    store: Store
    run: str
    _written: list[Written] = field(default_factory=list)
    #: What could not be removed, with the store's reason.
    left_behind: list[tuple[Written, Exception]] = field(default_factory=list)

    @property
    def all_runs_prefix(self) -> str:
        """What all keys of all doctors begin with."""
        return dataset_prefix(self.store.settings.s3_prefix, "s3portal", "doctor")

    @property
    def prefix(self) -> str:
        """What all keys of this run begin with."""
        return f"{self.all_runs_prefix}{self.run}/"

    def key(self, name: str) -> str:
        """A key of this run."""
        return self.prefix + name

    def note(self, key: str, *, version_id: str | None = None, s3_upload_id: str | None = None) -> None:
        """Remembers what was written, or may have been."""
        written = Written(key, version_id, s3_upload_id)
        if written not in self._written:
            self._written.append(written)

    def try_writing(self, key: str, send: Callable[[], Answer]) -> Answer:
        """Sends a request that writes an object, and remembers it unless the store refused. Raises what
        ``send`` raises."""
        try:
            answer = send()
        except BaseException:
            # Whether it was written is unknown.
            self.note(key)
            raise
        if not 400 <= answer.status <= 499:
            self.note(key, version_id=answer.header("x-amz-version-id"))
        return answer

    def was_refused(self, key: str, error: Exception) -> None:
        """Forgets an object that the store refused to write. After any other error it may be there."""
        if isinstance(error, ClientError):
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if 400 <= status <= 499:
                self._written = [each for each in self._written if each.key != key]

    def done_with(self, key: str, *, s3_upload_id: str) -> None:
        """The upload is an object now, or gone."""
        self._written = [
            each for each in self._written if (each.key, each.s3_upload_id) != (key, s3_upload_id)
        ]

    def remove_all(self) -> None:
        """Removes what this run wrote, also what it does not know of since the answer was lost."""
        noted, self._written = self._written, []
        with deadline(LONG_CALL_S):
            for written in noted:
                self._remove(written)
            for written, _ in _listed(self.store, self.prefix):
                self._remove(written)

    def remove_remains(self) -> int:
        """Removes what earlier runs left, and says how much that was."""
        removed = 0
        with deadline(LONG_CALL_S):
            for written, written_at in _listed(self.store, self.all_runs_prefix):
                run = written.key.removeprefix(self.all_runs_prefix).partition("/")[0]
                if run != self.run and not _may_be_going_on(run, written_at):
                    removed += self._remove(written)
        return removed

    def _remove(self, written: Written) -> bool:
        client, bucket = self.store.client(), self.store.bucket
        try:
            if written.s3_upload_id:
                client.abort_multipart_upload(Bucket=bucket, Key=written.key, UploadId=written.s3_upload_id)
            elif written.version_id:
                client.delete_object(Bucket=bucket, Key=written.key, VersionId=written.version_id)
            else:
                client.delete_object(Bucket=bucket, Key=written.key)
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and error_code(error) in ("NoSuchUpload", "NoSuchKey", "404"):
                return False
            self.left_behind.append((written, error))
            return False
        return True


@contextmanager
def workspace(store: Store) -> Iterator[Workspace]:
    """A workspace that is empty again at the end, after Ctrl-C too."""
    space = Workspace(store, f"{_this_computer()}_{os.getpid()}_{uuid.uuid4().hex}")
    try:
        yield space
    finally:
        space.remove_all()


def _listed(store: Store, prefix: str) -> Iterator[tuple[Written, datetime]]:
    """Every version, object and unfinished upload under the prefix, as far as the keys may list them: what
    cannot be listed is not looked for, since what was written was noted.
    """
    client, where = store.client(), {"Bucket": store.bucket, "Prefix": prefix}
    with _as_far_as_allowed():
        for page in client.get_paginator("list_multipart_uploads").paginate(**where):  # type: ignore[arg-type]
            for upload in page.get("Uploads", []):
                yield Written(upload["Key"], s3_upload_id=upload["UploadId"]), upload["Initiated"]
    versions_told = False
    with _as_far_as_allowed():
        for versions in client.get_paginator("list_object_versions").paginate(**where):  # type: ignore[arg-type]
            versions_told = True
            for version in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
                yield Written(version["Key"], version["VersionId"]), version["LastModified"]
    if not versions_told:
        with _as_far_as_allowed():
            for objects in client.get_paginator("list_objects_v2").paginate(**where):  # type: ignore[arg-type]
                for each in objects.get("Contents", []):
                    yield Written(each["Key"]), each["LastModified"]


@contextmanager
def _as_far_as_allowed() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError):
        return


def _may_be_going_on(run: str, written_at: datetime) -> bool:
    match = _RUN.fullmatch(run)
    if match is None:
        return False
    if match["computer"] != _this_computer():
        return datetime.now(timezone.utc) - written_at < _OTHERS_KEEP
    pid = int(match["pid"])
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _this_computer() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40]
