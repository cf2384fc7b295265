"""The commands of the tools that benchmarks/buckets.py compares."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bare_store import BareStore

from s3portal.server.testing import RunningServer

KEY, SECRET = "bench-key", "bench-secret-of-buckets"


@dataclass(frozen=True)
class Place:
    """Where one round of one tool works."""

    server: RunningServer | BareStore
    client: Any
    folder: Path
    source: Path
    large: Path

    @property
    def down(self) -> Path:
        return self.folder / "down"

    @property
    def environment(self) -> dict[str, str]:
        return {
            # rclone cannot do with certificates of one's own, and nothing here is encrypted.
            **{name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"},
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.server.endpoint,
            "S3_ENDPOINT_URL": self.server.endpoint,
            "RCLONE_CONFIG_B_TYPE": "s3",
            "RCLONE_CONFIG_B_PROVIDER": "Other",
            "RCLONE_CONFIG_B_ENDPOINT": self.server.endpoint,
            "RCLONE_CONFIG_B_ACCESS_KEY_ID": KEY,
            "RCLONE_CONFIG_B_SECRET_ACCESS_KEY": SECRET,
            # A store that keeps no contents gives others.
            "RCLONE_IGNORE_CHECKSUM": str(isinstance(self.server, BareStore)).lower(),
            "HOME": str(self.folder),
        }


Words = list[str]


def tools() -> dict[str, dict[str, Callable[[Place], Words]]]:
    """The command of each tool for each operation; an operation that a tool lacks is missing."""
    clients, rclone = os.environ.get("S3PORTAL_CLIENTS", ""), os.environ.get("S3PORTAL_RCLONE", "rclone")

    def found(name: str) -> str:
        return str(Path(clients) / name) if clients else name

    ours = [sys.executable, "-c", "from s3portal.cli import main; main()"]
    s3cmd = [
        *(found("s3cmd"), "--no-ssl", "--no-progress", f"--access_key={KEY}", f"--secret_key={SECRET}"),
        "--region=us-east-1",
    ]

    def at(place: Place) -> Words:
        host = place.server.endpoint.removeprefix("http://")
        return [f"--host={host}", f"--host-bucket={host}"]

    return {
        "s3portal": {
            "up": lambda p: [*ours, "sync", str(p.source), "s3://aaa/p"],
            "again": lambda p: [*ours, "sync", str(p.source), "s3://aaa/p"],
            "copy": lambda p: [*ours, "sync", "s3://aaa", "s3://bbb"],
            "down": lambda p: [*ours, "sync", "s3://aaa/p", str(p.down)],
            "acls": lambda p: [*ours, "bucket", "acl", "reset", "ccc", "--yes"],
            "acls off": lambda p: [*ours, "bucket", "acl", "reset", "aaa", "--yes"],
            "delete": lambda p: [*ours, "bucket", "delete", "vvv", "--empty", "--yes"],
            "large up": lambda p: [*ours, "sync", str(p.large), "s3://lll"],
            "large down": lambda p: [*ours, "sync", "s3://lll", str(p.down)],
            "list": lambda p: [*ours, "ls", "-r", "s3://many"],
        },
        "aws-cli": {
            "up": lambda p: [found("aws"), "s3", "sync", "--quiet", str(p.source), "s3://aaa/p"],
            "again": lambda p: [found("aws"), "s3", "sync", "--quiet", str(p.source), "s3://aaa/p"],
            "copy": lambda p: [found("aws"), "s3", "sync", "--quiet", "s3://aaa", "s3://bbb"],
            "down": lambda p: [found("aws"), "s3", "sync", "--quiet", "s3://aaa/p", str(p.down)],
            "large up": lambda p: [found("aws"), "s3", "sync", "--quiet", str(p.large), "s3://lll"],
            "large down": lambda p: [found("aws"), "s3", "sync", "--quiet", "s3://lll", str(p.down)],
            "list": lambda p: [found("aws"), "s3", "ls", "--recursive", "s3://many"],
        },
        "s3cmd": {
            "up": lambda p: [*s3cmd, *at(p), "sync", "-q", f"{p.source}/", "s3://aaa/p/"],
            "again": lambda p: [*s3cmd, *at(p), "sync", "-q", f"{p.source}/", "s3://aaa/p/"],
            "copy": lambda p: [*s3cmd, *at(p), "sync", "-q", "s3://aaa/", "s3://bbb/"],
            "down": lambda p: [*s3cmd, *at(p), "sync", "-q", "s3://aaa/p/", f"{p.down}/"],
            "acls": lambda p: [*s3cmd, *at(p), "setacl", "-q", "--acl-private", "--recursive", "s3://ccc/"],
            "large up": lambda p: [*s3cmd, *at(p), "sync", "-q", f"{p.large}/", "s3://lll/"],
            "large down": lambda p: [*s3cmd, *at(p), "sync", "-q", "s3://lll/", f"{p.down}/"],
            "list": lambda p: [*s3cmd, *at(p), "ls", "--recursive", "s3://many"],
        },
        "rclone": {
            "up": lambda p: [rclone, "sync", str(p.source), "b:aaa/p"],
            "again": lambda p: [rclone, "sync", str(p.source), "b:aaa/p"],
            "copy": lambda p: [rclone, "sync", "b:aaa", "b:bbb"],
            "down": lambda p: [rclone, "sync", "b:aaa/p", str(p.down)],
            "delete": lambda p: [rclone, "purge", "b:vvv", "--s3-versions"],
            "large up": lambda p: [rclone, "sync", str(p.large), "b:lll"],
            "large down": lambda p: [rclone, "sync", "b:lll", str(p.down)],
            "list": lambda p: [rclone, "lsf", "-R", "b:many"],
        },
        "s5cmd": {
            "up": lambda p: [found("s5cmd"), "--log", "error", "sync", f"{p.source}/", "s3://aaa/p/"],
            "again": lambda p: [found("s5cmd"), "--log", "error", "sync", f"{p.source}/", "s3://aaa/p/"],
            "copy": lambda p: [found("s5cmd"), "--log", "error", "sync", "s3://aaa/*", "s3://bbb/"],
            "down": lambda p: [found("s5cmd"), "--log", "error", "sync", "s3://aaa/p/*", f"{p.down}/"],
            "delete": lambda p: [found("s5cmd"), "--log", "error", "rm", "--all-versions", "s3://vvv/*"],
            "large up": lambda p: [found("s5cmd"), "--log", "error", "sync", f"{p.large}/", "s3://lll/"],
            "large down": lambda p: [
                found("s5cmd"), "--log", "error", "sync", "s3://lll/*", f"{p.down}/",
            ],
            "list": lambda p: [found("s5cmd"), "ls", "s3://many/*"],
        },
    }  # fmt: skip
