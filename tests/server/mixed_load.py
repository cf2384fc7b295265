"""Writers that do everything that can be written, until the server is gone, and know what they were told.

Each writer has buckets of its own, so that it knows to the last detail what must be in them: what its last
answer said, or, where a request was under way, what that one would have left.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable
from typing import Any
from urllib.error import URLError

import urllib3
from botocore.exceptions import BotoCoreError
from kept_state import Kept, Version, mixtures, read_bucket
from upload_steps import SEED, UPLOAD_STEPS
from writing_steps import KEYS, VERSIONS_LIMIT, WRITING_STEPS, Step

PAST = {"Date": "2020-01-01T00:00:00Z"}
STEPS = WRITING_STEPS | UPLOAD_STEPS
KINDS = {*STEPS, "ending", "marking"}


class Writer:
    """Writes from ``start_with`` on; ``check`` comes after each start of the server."""

    def __init__(self, number: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.plain, self.locked, self.paused, self.made, self.ending, self.marking = (
            f"{kind}-{number}" for kind in ("plain", "locked", "paused", "made", "ending", "marking")
        )
        self.known: dict[str, Kept | None] = {}
        self.contents: dict[str, bytes] = {}
        #: What may be at a key of the bucket whose objects end, and the versions that the other must keep.
        self.may_be: dict[str, set[bytes]] = {}
        self.stored: dict[tuple[str, str], bytes] = {}
        self.in_flight: Step | None = None
        #: An answer that nothing explains.
        self.failure: BaseException | None = None
        self.steps_done: set[str] = set()

    def prepare(self, s3: Any) -> None:
        s3.create_bucket(Bucket=self.plain, ObjectOwnership="ObjectWriter")
        s3.create_bucket(Bucket=self.locked, ObjectOwnership="ObjectWriter", ObjectLockEnabledForBucket=True)
        s3.create_bucket(Bucket=self.paused, ObjectOwnership="ObjectWriter")
        for bucket in (self.ending, self.marking):
            s3.create_bucket(Bucket=bucket)
            rule = {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": PAST}
            s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
        for bucket in (self.paused, self.marking):
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=self.plain, Key="seed", Body=SEED)
        self.known = {
            self.plain: Kept(versions={"seed": (Version("null", SEED),)}),
            self.locked: Kept("Enabled"),
            self.paused: Kept("Enabled"),
            self.made: None,
        }

    def check(self, s3: Any) -> None:
        """Compares all that is there with what may be, and goes on from what is."""
        for bucket, known in self.known.items():
            found = read_bucket(s3, bucket)
            step = self.in_flight
            possible = [known]
            if step is not None and step.bucket == bucket:
                after = step.grown({})
                possible = [known, after] if step.is_one else mixtures(known, after)
            is_there = any(
                found is None if each is None else found is not None and each.is_like(found)
                for each in possible
            )
            assert is_there, f"{bucket}\nfound:    {found}\npossible: {possible}\nduring:   {step}"
            self.known[bucket] = found
        self.in_flight = None
        self._check_ending(s3)

    def _check_ending(self, s3: Any) -> None:
        for entry in s3.list_objects_v2(Bucket=self.ending).get("Contents", []):
            try:
                body = s3.get_object(Bucket=self.ending, Key=entry["Key"])["Body"].read()
            except s3.exceptions.NoSuchKey:
                continue
            assert body in self.may_be[entry["Key"]], entry
        listed = s3.list_object_versions(Bucket=self.marking, MaxKeys=1000)
        assert not listed["IsTruncated"]
        there = {(each["Key"], each["VersionId"]) for each in listed.get("Versions", [])}
        assert set(self.stored) <= there, set(self.stored) - there
        for key, version_id in there:
            body = s3.get_object(Bucket=self.marking, Key=key, VersionId=version_id)["Body"].read()
            assert hashlib.md5(body).hexdigest() in self.contents, (key, version_id)
            self.stored[key, version_id] = body

    def start_with(
        self, s3: Any, stopping: threading.Event, answered: Callable[[], None]
    ) -> threading.Thread:
        """Starts to write, in a thread of its own."""
        thread = threading.Thread(target=self._write, args=(s3, stopping, answered))
        thread.start()
        return thread

    def _write(self, s3: Any, stopping: threading.Event, answered: Callable[[], None]) -> None:
        try:
            while not stopping.is_set():
                self._do_something(s3)
                answered()
        except (BotoCoreError, ConnectionError, urllib3.exceptions.HTTPError, URLError):
            # The server is gone.
            return
        except BaseException as failure:
            self.failure = failure
            raise

    def _do_something(self, s3: Any) -> None:
        kinds = sorted(KINDS)
        kind = self.random.choice(kinds)
        if kind in ("ending", "marking"):
            self._store_what_ends(s3, kind)
        else:
            step = STEPS[kind](self, s3)
            if step is None:
                return
            self.in_flight = step
            answer = step.call()
            self.known[step.bucket] = step.grown(answer or {})
            self.in_flight = None
        self.steps_done.add(kind)

    def _store_what_ends(self, s3: Any, kind: str) -> None:
        key, content = self.random.choice(KEYS), self.content()
        if kind == "ending":
            self.may_be.setdefault(key, set()).add(content)
            s3.put_object(Bucket=self.ending, Key=key, Body=content)
            self.may_be[key] = {content}
        elif len(self.stored) < 40:
            version_id = s3.put_object(Bucket=self.marking, Key=key, Body=content)["VersionId"]
            self.stored[key, version_id] = content

    def content(self) -> bytes:
        content = self.random.randbytes(self.random.choice([0, 9, 3000, 70_000]))
        self.contents[hashlib.md5(content).hexdigest()] = content
        return content

    def bucket(self) -> str:
        return self.random.choice([self.plain, self.locked, self.paused])

    def version_in(self, bucket: str, *, may_be_marker: bool = False) -> tuple[str, Version] | None:
        """Returns a version that nothing holds."""
        there = [
            (key, each)
            for key, versions in self.known[bucket].versions.items()
            for each in versions
            if key != "seed" and not each.is_held and (may_be_marker or each.content is not None)
        ]
        return self.random.choice(there) if there else None

    def key_to_write(self, bucket: str) -> str | None:
        """Returns a key that has not too many versions yet."""
        key = self.random.choice(KEYS)
        return key if len(self.known[bucket].versions.get(key, ())) < VERSIONS_LIMIT else None
