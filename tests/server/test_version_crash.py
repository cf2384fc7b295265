"""kill -9 while several write to the same keys of a bucket with versions: no answered version is lost, no
removed one comes back, and the counters are right."""

from __future__ import annotations

import random
import threading

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from killed_server import KilledServer, require_no_leftovers
from s3_callers import BUCKET
from versioned_buckets import set_versioning

ROUNDS = 5


@pytest.fixture
def server(tmp_path):
    server = KilledServer(tmp_path)
    yield server
    server.kill()


class Memory:
    """What the writers know of versions, each by (key, version id).

    ``answered`` have their content, None for a delete marker, and must be there; ``removed`` must not;
    ``in_flight`` were being removed when the server ended, and may be there. ``asked`` are all contents that
    were ever sent.
    """

    def __init__(self):
        self.answered, self.removed, self.in_flight = {}, set(), set()
        self.asked = set()
        self.lock = threading.Lock()


class Writer(threading.Thread):
    """Puts, marks and removes versions until the server is gone."""

    def __init__(self, s3, seed, memory, enough):
        super().__init__()
        self.s3, self.memory, self.enough = s3, memory, enough
        self.random = random.Random(seed)

    def run(self):
        answers = 0
        try:
            while True:
                self.step(f"{self.random.randrange(3)}")
                answers += 1
                if answers == 12:
                    self.enough.set()
        except (BotoCoreError, ClientError, OSError):
            return

    def step(self, key):
        choice = self.random.random()
        target = {"Bucket": BUCKET, "Key": key}
        if choice < 0.6:
            content = self.random.randbytes(self.random.choice([8, 3000, 100_000]))
            self.memory.asked.add(content)
            version_id = self.s3.put_object(**target, Body=content)["VersionId"]
            self.memory.answered[key, version_id] = content
        elif choice < 0.8:
            version_id = self.s3.delete_object(**target)["VersionId"]
            self.memory.answered[key, version_id] = None
        else:
            self.remove()

    def remove(self):
        with self.memory.lock:
            known = list(self.memory.answered)
            if not known:
                return
            key, version_id = self.random.choice(known)
            # From now on nobody relies on it.
            del self.memory.answered[key, version_id]
            self.memory.in_flight.add((key, version_id))
        self.s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version_id)
        self.memory.removed.add((key, version_id))
        self.memory.in_flight.discard((key, version_id))


def everything(s3):
    """Returns the content of each version by (key, version id), None for a marker; and the current ones."""
    found, current = {}, []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET):
        for entry in page.get("Versions", []):
            named = {"Key": entry["Key"], "VersionId": entry["VersionId"]}
            body = s3.get_object(Bucket=BUCKET, **named)["Body"].read()
            found[entry["Key"], entry["VersionId"]] = body
        for entry in page.get("DeleteMarkers", []):
            found[entry["Key"], entry["VersionId"]] = None
        current += [
            e["Key"] for kind in ("Versions", "DeleteMarkers") for e in page.get(kind, []) if e["IsLatest"]
        ]
    return found, current


def test_answered_versions_survive_and_removed_ones_stay_away(server):
    memory = Memory()
    set_versioning(server.start(), "Enabled")
    server.kill()
    for number in range(ROUNDS):
        s3 = server.start()
        found, current = everything(s3)
        assert sorted(current) == sorted({key for key, _ in found})
        for named, content in memory.answered.items():
            assert found[named] == content
        assert not memory.removed & set(found)
        for named in set(found) - set(memory.answered) - memory.in_flight:
            assert found[named] is None or found[named] in memory.asked
        memory.answered = dict(found)
        memory.in_flight.clear()
        enough = threading.Event()
        server.kill_under([Writer(s3, 100 * number + each, memory, enough) for each in range(3)], once=enough)
    server.start()
    server.kill()
    assert require_no_leftovers(server.root)
