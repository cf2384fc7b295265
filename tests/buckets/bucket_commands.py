"""What a command said and how it ended."""

from collections import Counter
from dataclasses import dataclass

#: When the files of the tests were changed last.
TIME_S = 1_700_000_000


@dataclass(frozen=True)
class Said:
    """Exit code, standard output, standard error."""

    code: int
    out: str
    err: str


def operations(server, since=0):
    return Counter(request.operation for request in list(server.requests)[since:])


def keys(client, bucket="files", prefix=""):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [each["Key"] for page in pages for each in page.get("Contents", [])]


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
