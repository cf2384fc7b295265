"""What the tests of the dtool broker say often: a bucket seen from behind, an item put, a dataset read."""

import json
import os
import subprocess
import textwrap
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import dtoolcore

from s3portal.transfer import Store, TransferSettings, open_store

_LONGEST_COMMAND_S = 300


@dataclass(frozen=True)
class Bucket:
    """A bucket with keys that may do everything with it, and a client of it to look behind the scenes."""

    name: str
    endpoint: str
    access_key_id: str
    secret_access_key: str
    session_token: str = ""

    @property
    def uri(self) -> str:
        return f"s3://{self.name}"

    @property
    def settings(self) -> dict[str, str]:
        """The bucket as dtool's settings name it; on AWS, which has no endpoint, as AWS's do."""
        if not self.endpoint:
            return {
                "AWS_ACCESS_KEY_ID": self.access_key_id,
                "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
                **({"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {}),
            }
        return {
            f"DTOOL_S3_ENDPOINT_{self.name}": self.endpoint,
            f"DTOOL_S3_ACCESS_KEY_ID_{self.name}": self.access_key_id,
            f"DTOOL_S3_SECRET_ACCESS_KEY_{self.name}": self.secret_access_key,
        }

    @property
    def store(self) -> Store:
        return _store_of(self)

    def put(self, key: str, body: bytes = b"", **metadata: str) -> None:
        self.store.client().put_object(Bucket=self.name, Key=key, Body=body, Metadata=metadata)

    def get(self, key: str) -> bytes:
        return self.store.client().get_object(Bucket=self.name, Key=key)["Body"].read()

    def etag(self, key: str) -> str:
        return self.store.client().head_object(Bucket=self.name, Key=key)["ETag"]

    def metadata(self, key: str) -> dict[str, str]:
        return self.store.client().head_object(Bucket=self.name, Key=key)["Metadata"]

    def delete(self, key: str) -> None:
        self.store.client().delete_object(Bucket=self.name, Key=key)

    def list_keys(self, prefix: str = "") -> list[str]:
        pages = self.store.client().get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.name, Prefix=prefix)
        return [listed["Key"] for page in found for listed in page.get("Contents", ())]

    def unfinished_uploads(self) -> list[str]:
        answer = self.store.client().list_multipart_uploads(Bucket=self.name)
        return [upload["Key"] for upload in answer.get("Uploads", ())]


@lru_cache
def _store_of(bucket: Bucket) -> Store:
    return open_store(
        TransferSettings(
            s3_bucket=bucket.name,
            s3_endpoint=bucket.endpoint,
            s3_access_key_id=bucket.access_key_id,
            s3_secret_access_key=bucket.secret_access_key,
            s3_session_token=bucket.session_token,
        )
    )


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


class Dtool(Protocol):
    """The dtool command line in some Python's environment. Environment, folder and home are the test's."""

    def __call__(self, *arguments: str, text_in: str | None = None) -> Ended:
        """Runs dtool to its end."""

    def ok(self, *arguments: str, text_in: str | None = None) -> str:
        """Runs dtool, which has to succeed, and returns what it printed."""
        done = self(*arguments, text_in=text_in)
        assert done.returncode == 0, f"dtool {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout.strip()


@dataclass(frozen=True)
class Command(Dtool):
    """dtool as people start it."""

    python: str

    def __call__(self, *arguments: str, text_in: str | None = None) -> Ended:
        done = subprocess.run(
            self.line(*arguments), input=text_in, capture_output=True, text=True, timeout=_LONGEST_COMMAND_S
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def bytes(self, *arguments: str) -> bytes:
        """What a command writes that has to succeed, as it is."""
        return subprocess.run(
            self.line(*arguments), capture_output=True, check=True, timeout=_LONGEST_COMMAND_S
        ).stdout

    def line(self, *arguments: str) -> list[str]:
        # pkg_resources, which dtool imports, warns of itself each time.
        return [self.python, "-W", "ignore", str(Path(self.python).parent / "dtool"), *arguments]


class ForkingDtool(Dtool):
    """The same without its start: forking_dtool.py runs each command in a process of its own."""

    def __init__(self, python: str) -> None:
        self.python = python
        self._forking = subprocess.Popen(
            [python, "-W", "ignore", str(Path(__file__).with_name("forking_dtool.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, text_in: str | None = None) -> Ended:
        return self._ask(arguments=arguments, text_in=text_in)

    def script(self, script: str) -> Any:
        """Runs a script that has to succeed, with dtoolcore and json imported.

        Returns what it printed, which is JSON, or None where it printed nothing.
        """
        done = self._ask(script=textwrap.dedent(script))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def stop(self) -> None:
        self._forking.communicate()

    def _ask(self, **asked: Any) -> Ended:
        command = json.dumps({**asked, "environment": dict(os.environ), "folder": str(Path.cwd())})
        print(command, file=self._forking.stdin, flush=True)
        told = json.loads(self._forking.stdout.readline())
        return Ended(told["status"], told["out"], told["err"])


def put_bytes(proto: dtoolcore.ProtoDataSet, folder: Path, relpath: str, content: bytes) -> None:
    """Puts an item whose file is gone as soon as it was put."""
    path = folder / "staged"
    path.write_bytes(content)
    try:
        proto.put_item(str(path), relpath)
    finally:
        path.unlink()


def contents_of(uri: str) -> dict[str, bytes]:
    """What another command reads from a frozen dataset: ``{relpath: content}``."""
    dataset = dtoolcore.DataSet.from_uri(uri)
    return {
        dataset.item_properties(name)["relpath"]: Path(dataset.item_content_abspath(name)).read_bytes()
        for name in dataset.identifiers
    }


def item_key(proto: dtoolcore.ProtoDataSet, relpath: str) -> str:
    """The key of an item of a dataset without a prefix."""
    return f"{proto.uuid}/data/{dtoolcore.utils.generate_identifier(relpath)}"
