"""Random histories of buckets that keep versions, keep them no longer, or never did: what the server answers
is what a slow, plain model of S3's documentation says."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from s3_callers import client_of

from s3portal.server.storage import usage

KEYS = ("a", "a/b", "a/c", "b")
NEVER, ENABLED, SUSPENDED = "Never", "Enabled", "Suspended"
numbers = itertools.count()


@dataclass
class Model:
    """Of each key the versions (id, content), the newest first; the content of a delete marker is None."""

    state: str = NEVER
    keys: dict[str, list[tuple[str, bytes | None]]] = field(default_factory=dict)

    def add(self, key: str, version_id: str, content: bytes | None) -> None:
        versions = self.keys.setdefault(key, [])
        if self.state != ENABLED:
            versions[:] = [each for each in versions if each[0] != "null"]
        versions.insert(0, (version_id, content))

    def content(self, key: str, version_id: str | None = None) -> bytes | None:
        versions = self.keys.get(key, [])
        if version_id is not None:
            return next((content for each, content in versions if each == version_id), None)
        return versions[0][1] if versions else None

    def remove(self, key: str, version_id: str) -> None:
        self.keys[key] = [each for each in self.keys.get(key, []) if each[0] != version_id]

    def listed(self) -> list[tuple[str, str, bytes | None, bool]]:
        return [
            (key, version_id, content, number == 0)
            for key in sorted(self.keys, key=str.encode)
            for number, (version_id, content) in enumerate(self.keys[key])
        ]


class Both:
    """A bucket and its model, to which the same is done."""

    def __init__(self, server) -> None:
        self.s3 = client_of(server, "admin")
        self.storage = server._server.storage
        self.bucket = f"bucket-{next(numbers)}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.model = Model()

    def target(self, key):
        return {"Bucket": self.bucket, "Key": key}

    def version_of(self, key, which):
        """The id of the version with a number, counted from the newest; "null" where there is no such one."""
        versions = self.model.keys.get(key, [])
        return versions[which][0] if which < len(versions) else "null"

    def set_state(self, key, which, state):
        if state != NEVER:
            self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": state})
            self.model.state = state

    def put(self, key, which, state):
        content = b"%d" % next(numbers) * (1 + which * 10_000)
        answer = self.s3.put_object(**self.target(key), Body=content)
        self.model.add(key, answer.get("VersionId", "null"), content)

    def put_if_new(self, key, which, state):
        content = b"%d" % next(numbers)
        try:
            answer = self.s3.put_object(**self.target(key), Body=content, IfNoneMatch="*")
        except self.s3.exceptions.ClientError as refused:
            assert refused.response["Error"]["Code"] == "PreconditionFailed"
            assert self.model.content(key) is not None
        else:
            assert self.model.content(key) is None
            self.model.add(key, answer.get("VersionId", "null"), content)

    def upload(self, key, which, state):
        content = b"%d" % next(numbers)
        upload_id = self.s3.create_multipart_upload(**self.target(key))["UploadId"]
        etag = self.s3.upload_part(**self.target(key), UploadId=upload_id, PartNumber=1, Body=content)["ETag"]
        answer = self.s3.complete_multipart_upload(
            **self.target(key),
            UploadId=upload_id,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]},
        )
        self.model.add(key, answer.get("VersionId", "null"), content)

    def copy(self, key, which, state):
        source, version_id = KEYS[which], self.version_of(KEYS[which], which)
        content = self.model.content(source, version_id)
        given = {"CopySource": {**self.target(source), "VersionId": version_id}}
        try:
            answer = self.s3.copy_object(**self.target(key), **given, MetadataDirective="REPLACE")
        except self.s3.exceptions.ClientError as refused:
            assert refused.response["Error"]["Code"] in ("NoSuchVersion", "InvalidRequest")
            assert content is None
        else:
            assert content is not None
            self.model.add(key, answer.get("VersionId", "null"), content)

    def delete(self, key, which, state):
        answer = self.s3.delete_object(**self.target(key))
        if self.model.state == NEVER:
            self.model.remove(key, "null")
        else:
            assert answer["DeleteMarker"]
            self.model.add(key, answer["VersionId"], None)

    def delete_version(self, key, which, state):
        version_id = self.version_of(key, which)
        answer = self.s3.delete_object(**self.target(key), VersionId=version_id)
        was_marker = (version_id, None) in self.model.keys.get(key, [])
        assert answer.get("DeleteMarker", False) == was_marker
        self.model.remove(key, version_id)

    def delete_many(self, key, which, state):
        asked = [{"Key": other, "VersionId": self.version_of(other, which)} for other in KEYS]
        deleted = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [*asked, {"Key": key}]})[
            "Deleted"
        ]
        for each in asked:
            self.model.remove(each["Key"], each["VersionId"])
        if self.model.state == NEVER:
            self.model.remove(key, "null")
        else:
            self.model.add(key, deleted[-1]["DeleteMarkerVersionId"], None)

    def compare(self, page_size):
        found, marker = [], {}
        while True:
            page = self.s3.list_object_versions(Bucket=self.bucket, MaxKeys=page_size, **marker)
            entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
            assert len(entries) <= page_size
            found += [(e["Key"], e["VersionId"], e.get("Size"), e["IsLatest"]) for e in entries]
            if not page["IsTruncated"]:
                break
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
        expected = [
            (key, version_id, None if content is None else len(content), is_latest)
            for key, version_id, content, is_latest in self.model.listed()
        ]
        # A page lists its objects first and its markers then; boto3 keeps no more of the order.
        assert found == expected if page_size == 1 else sorted(found, key=str) == sorted(expected, key=str)
        current = [
            key for key, _, content, is_latest in self.model.listed() if is_latest and content is not None
        ]
        listing = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        assert [entry["Key"] for entry in listing] == current
        for key, version_id, content, is_latest in self.model.listed():
            if content is not None:
                assert self.s3.get_object(**self.target(key), VersionId=version_id)["Body"].read() == content
                if is_latest:
                    assert self.s3.get_object(**self.target(key))["Body"].read() == content
        assert usage.of_bucket(self.storage, self.bucket) == usage.recounted(self.storage, self.bucket)


STEPS = ("put", "put_if_new", "upload", "copy", "delete", "delete_version", "delete_many", "set_state")
steps = st.tuples(
    st.sampled_from(STEPS),
    st.sampled_from(KEYS),
    st.integers(0, 3),
    st.sampled_from([ENABLED, SUSPENDED]),
)


@settings(max_examples=examples(40), deadline=None)
@given(
    st.sampled_from([NEVER, ENABLED, SUSPENDED]), st.lists(steps, max_size=30), st.sampled_from([1, 2, 1000])
)
def test_random_histories_are_those_of_the_model(shared_server, state, history, page_size):
    both = Both(shared_server)
    both.set_state("", 0, state)
    for name, key, which, new_state in history:
        # What begins without versions stays without, in most histories.
        if name != "set_state" or state != NEVER or which == 0:
            getattr(both, name)(key, which, new_state)
    both.compare(page_size)
