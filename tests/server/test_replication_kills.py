"""Servers that replicate to each other under kill -9 and network cuts: nothing is lost, nothing is there
twice, and all end with the same.

The short form runs with the other tests. The long one is run by hand, and takes some ten minutes:

    S3PORTAL_REPLICATION_KILLS=60 python -m pytest tests/server/test_replication_kills.py
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from replicating_processes import BUCKET, Cable, ReplicatingProcess
from s3_callers import MIB

KILLS = int(os.environ.get("S3PORTAL_REPLICATION_KILLS", "1"))
PATIENCE_S = 300
KEYS = "abcde"


class Writer:
    """Writes to one server what no other writer writes, and keeps what it was told of."""

    def __init__(self, number, server):
        self._number, self._server = number, server
        self._chance = random.Random(f"{number} {KILLS}")
        self._count = 0
        #: Key and digest of the content by version id, as answered; version ids of what was deleted for
        #: good, or may have been.
        self.stored, self.doomed, self.markers = {}, set(), set()
        self.stopping = threading.Event()
        self.answered = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self):
        self.stopping.set()
        self._thread.join()

    def _run(self):
        s3 = self._server.client()
        while not self.stopping.is_set():
            try:
                self._write(s3)
            except (ClientError, BotoCoreError):
                # Killed, or not there yet: what was asked for may have been done or not.
                self.stopping.wait(0.05)
            else:
                self.answered.release()

    def _write(self, s3):
        self._count += 1
        key, content = self._chance.choice(KEYS), f"{self._number}:{self._count}".encode()
        action = self._chance.random()
        if action < 0.75 or not self.stored:
            if action < 0.05:
                content += b"." * 5 * MIB
                answer = self._upload(s3, key, content)
            else:
                answer = s3.put_object(
                    Bucket=BUCKET, Key=key, Body=content, Metadata={"n": content.decode()[:9]}
                )
            self.stored[answer["VersionId"]] = (key, digest(content))
        elif action < 0.9:
            self.markers.add(s3.delete_object(Bucket=BUCKET, Key=key)["VersionId"])
        else:
            version_id = self._chance.choice(sorted(set(self.stored) - self.doomed) or sorted(self.stored))
            self.doomed.add(version_id)
            s3.delete_object(Bucket=BUCKET, Key=self.stored[version_id][0], VersionId=version_id)

    def _upload(self, s3, key, content):
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)
        named = {"Bucket": BUCKET, "Key": key, "UploadId": upload["UploadId"]}
        parts = []
        for number, body in enumerate((content[: 5 * MIB], content[5 * MIB :]), start=1):
            etag = s3.upload_part(**named, PartNumber=number, Body=body)["ETag"]
            parts.append({"PartNumber": number, "ETag": etag})
        return s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})


@pytest.mark.parametrize("count", [2, 3])
def test_servers_converge_whatever_is_killed_and_cut(tmp_path, count):
    chance = random.Random(f"{count} {KILLS}")
    servers = [ReplicatingProcess(tmp_path / f"{number}") for number in range(count)]
    cables = {}
    for number, server in enumerate(servers):
        ends = {f"to-{other}": Cable(servers[other].port) for other in range(count) if other != number}
        cables |= {(number, name): cable for name, cable in ends.items()}
        server.configure(ends)
    try:
        for server in servers:
            server.start()
        writers = [Writer(number, server) for number, server in enumerate(servers)]
        try:
            for _ in range(KILLS):
                victim, cable = chance.randrange(count), chance.choice(sorted(cables))
                for _ in range(chance.randrange(3, 25)):
                    assert writers[(victim + 1) % count].answered.acquire(timeout=PATIENCE_S)
                cables[cable].cut()
                servers[victim].kill()
                assert writers[(victim + 1) % count].answered.acquire(timeout=PATIENCE_S)
                servers[victim].start()
                cables[cable].mend()
        finally:
            for writer in writers:
                writer.join()
        clients = [server.client() for server in servers]
        wait_until_alike(clients)
        contents = [contents_of(s3) for s3 in clients]
        assert all(found == contents[0] for found in contents[1:]), "the servers differ"
        check(contents[0], writers)
    finally:
        for server in servers:
            server.kill()
        for cable in cables.values():
            cable.close()


def wait_until_alike(clients):
    """Returns once all servers list the same, and nothing is on its way."""
    ends_at = time.monotonic() + PATIENCE_S
    listings = []
    while time.monotonic() < ends_at:
        before, listings = listings, [listing_of(s3) for s3 in clients]
        if listings == before and all(listing == listings[0] for listing in listings):
            return
        threading.Event().wait(1)
    different = set.union(*listings) - set.intersection(*listings)
    raise AssertionError(f"after {PATIENCE_S} s the servers still differ in {sorted(different)[:20]}")


def listing_of(s3):
    """Returns all versions and delete markers: key, version id, date, ETag, and whether it is the latest."""
    return {
        (one["Key"], one["VersionId"], one["LastModified"], one.get("ETag", ""), one["IsLatest"])
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET)
        for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
    }


def contents_of(s3):
    """Returns key and digest of the content of each version by its id, None for a delete marker."""
    found = {}
    for key, version_id, _, etag, _ in listing_of(s3):
        named = {"Bucket": BUCKET, "Key": key, "VersionId": version_id}
        found[version_id] = (key, digest(s3.get_object(**named)["Body"].read())) if etag else None
    return found


def digest(content):
    return hashlib.sha256(content).hexdigest()


def check(contents, writers):
    found = {name: version for name, version in contents.items() if version is not None}
    markers = {name for name, version in contents.items() if version is None}
    for writer in writers:
        kept = {name: value for name, value in writer.stored.items() if name not in writer.doomed}
        assert kept.items() <= found.items(), "something was lost"
        assert writer.markers <= markers
    digests = [content for _, content in found.values()]
    assert len(set(digests)) == len(digests), "something is there twice"
