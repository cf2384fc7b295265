"""A row of the operations table for IAM."""

from __future__ import annotations

from collections.abc import Callable

from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import QueryOperation

VERSION = "2010-05-08"


def row(name: str, handler: Callable[[Call], str | None]) -> QueryOperation:
    return QueryOperation("iam", VERSION, name, handler)
