"""The keys that requests and URLs are signed with."""

from typing import NamedTuple


class SigningKeys(NamedTuple):
    """An access key; ``token`` comes with temporary ones. Named as botocore's frozen credentials are."""

    access_key: str
    secret_key: str
    token: str | None = None
