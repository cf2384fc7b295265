"""The portal's store: the bundled S3 server as a child, or one that runs elsewhere."""

from __future__ import annotations

import http.client
import json
import secrets
import string
import sys
from dataclasses import dataclass
from pathlib import Path

from s3portal.demo.process import Child
from s3portal.demo.secret import kept_secret, write_private
from s3portal.demo.service import Service

BUCKET = "river-data"
REGION = "us-east-1"
ADMIN = "admin"
PORTAL_USER = "portal"
ROLE = "uploads"
# The bundled server's only account.
_ROLE_ARN = f"arn:aws:iam::000000000000:role/{ROLE}"


@dataclass(frozen=True)
class ExternalS3:
    """A bucket, and how the portal gets at it. `public_endpoint` is what browsers use, where it differs."""

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str
    role: str = ""
    region: str = REGION
    public_endpoint: str = ""

    def ckan_settings(self) -> dict[str, str]:
        """The same as settings of the CKAN extension."""
        settings = {
            "s3_bucket": self.bucket,
            "s3_region": self.region,
            "s3_role": self.role,
            "s3_endpoint": self.endpoint,
            "s3_public_endpoint": self.public_endpoint,
            "s3_access_key_id": self.access_key_id,
            "s3_secret_access_key": self.secret_access_key,
        }
        return {f"ckanext.s3multipart.{name}": value for name, value in settings.items() if value}


class S3Server(Service):
    """The bundled S3 server with one bucket, an administrator, and a user `portal` that may do what it must.

    `origins` are the addresses of the pages that may send files to the bucket (CORS). With a `console_port`
    its web console runs there.
    """

    name = "The S3 server"

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        *,
        host: str = "127.0.0.1",
        public_host: str = "",
        origins: tuple[str, ...] = (),
        console_port: int | None = None,
    ) -> None:
        super().__init__(folder, port, host=host)
        self._console_port = console_port
        self.console_url = f"http://{public_host or host}:{console_port}/ui" if console_port else ""
        self.endpoint = f"http://{public_host or host}:{self.port}"
        self.access_log = self.folder / "access.jsonl"
        self._origins = origins

    def access(self, user: str = PORTAL_USER) -> ExternalS3:
        """What a client needs, as the restricted user `portal` or as `admin`."""
        return ExternalS3(
            endpoint=self.endpoint,
            bucket=BUCKET,
            access_key_id=kept_secret(self.folder / f"{user}-key-id", new=_new_key_id),
            secret_access_key=kept_secret(self.folder / f"{user}-secret"),
            role=_ROLE_ARN,
        )

    def _spawn(self) -> Child:
        configuration = self.folder / "server.json"
        write_private(configuration, json.dumps(self._configuration(), indent=2))
        return Child(
            self.name,
            [
                *(sys.executable, "-m", "s3portal", "server", "--root", self.folder / "store"),
                *("--host", self.host, "--port", str(self.port)),
                *("--config", configuration, "--log", self.access_log),
                *("--mode", "all" if self._console_port else "api"),
                *(("--console-port", str(self._console_port)) if self._console_port else ()),
            ],
            log=self.folder / "server.log",
        )

    def _answers(self) -> bool:
        return answers_http(self.host, self.port)

    def _configuration(self) -> dict[str, object]:
        admin, portal = self.access(ADMIN), self.access(PORTAL_USER)
        return {
            "users": [
                _user(ADMIN, admin, _policy(("s3:*", "sts:*", "iam:*", "kms:*"), "*")),
                _user(PORTAL_USER, portal, _portal_policy()),
            ],
            "roles": [
                {
                    "name": ROLE,
                    "trusted": [PORTAL_USER],
                    "max_session_s": 12 * 3600,
                    "policy": _policy(
                        ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"), _objects()
                    ),
                }
            ],
            "buckets": [
                {
                    "name": BUCKET,
                    "abort_uploads_after_days": 30,
                    "cors": [
                        {
                            "AllowedOrigins": list(self._origins),
                            "AllowedMethods": ["GET", "HEAD", "PUT", "POST"],
                            "AllowedHeaders": ["*"],
                            "ExposeHeaders": [
                                *("ETag", "x-amz-version-id"),
                                *("x-amz-checksum-crc64nvme", "x-amz-checksum-crc32c", "Retry-After"),
                            ],
                            "MaxAgeSeconds": 3600,
                        },
                        # Scripts of other sites read public files by the portal's links.
                        {
                            "AllowedOrigins": ["*"],
                            "AllowedMethods": ["GET", "HEAD"],
                            "AllowedHeaders": ["Range", "If-Match", "If-None-Match"],
                            "ExposeHeaders": ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"],
                            "MaxAgeSeconds": 3600,
                        },
                    ]
                    if self._origins
                    else [],
                }
            ],
        }


def answers_http(host: str, port: int, path: str = "/") -> bool:
    """Whether a web server answers there, whatever it answers but "I am broken" (5xx)."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _new_key_id() -> str:
    """20 capitals and digits, which is what AWS's own look like."""
    return "S3P" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(17))


def _objects() -> str:
    return f"arn:aws:s3:::{BUCKET}/*"


def _portal_policy() -> dict[str, object]:
    """What the CKAN extension does with the bucket, and nothing else."""
    to_objects = _statement(
        (
            *("s3:PutObject", "s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject"),
            *("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
        ),
        _objects(),
    )
    # ListBucket lets S3 say 404, not 403, of an object that is not there.
    to_bucket = _statement(
        (
            *("s3:ListBucket", "s3:ListBucketMultipartUploads"),
            *("s3:GetBucketLocation", "s3:GetBucketCORS", "s3:GetLifecycleConfiguration"),
        ),
        f"arn:aws:s3:::{BUCKET}",
    )
    return {
        "Version": "2012-10-17",
        "Statement": [to_objects, to_bucket, _statement(("sts:AssumeRole",), _ROLE_ARN)],
    }


def _policy(actions: tuple[str, ...], resource: str) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": [_statement(actions, resource)]}


def _statement(actions: tuple[str, ...], resource: str) -> dict[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def _user(name: str, access: ExternalS3, policy: dict[str, object]) -> dict[str, object]:
    return {
        "name": name,
        "access_key_id": access.access_key_id,
        "secret_access_key": access.secret_access_key,
        "policy": policy,
    }
