"""botocore's files are megabytes of JSON; a suite whose tests open sessions of their own reads them once."""

import functools
from collections.abc import Iterator

import botocore.session
import pytest


@pytest.fixture(scope="session", autouse=True)
def botocores_files_are_read_once() -> Iterator[None]:
    """For each suite whose conftest imports this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.lru_cache(botocore.session.create_loader))
        yield
