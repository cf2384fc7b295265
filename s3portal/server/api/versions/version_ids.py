"""Version ids in requests: there is one version of an object, called ``null``."""

from __future__ import annotations

from s3portal.server.gateway.call import Call
from s3portal.server.wire.errors import S3Error


def refuse_versions(call: Call) -> None:
    """Raises NoSuchVersion for a version id: objects here have one version, called ``null``."""
    if call.parameter("versionId") not in (None, "", "null"):
        raise S3Error("NoSuchVersion", facts={"VersionId": call.parameter("versionId") or ""})
