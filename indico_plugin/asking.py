"""How Indico asks the store: within a deadline where a person waits, and with no database transaction
open.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from flask import has_request_context
from indico.core.db import db

from s3portal.transfer import CALL, Lane, Store, asking, deadline

_SENDING_WITHIN_S = 60.0
_SLOWEST_BYTES_PER_S = 100_000


@contextmanager
def asking_for_a_person(store: Store, lane: Lane = CALL) -> Iterator[None]:
    """Asks the store inside, for ten seconds together at most, where a request of someone waits for it;
    commands and tasks have all the time that the library takes.

    Raises StoreBusy instead of asking a store that is away.
    """
    if not has_request_context():
        yield
        return
    with asking(store, lane):
        yield


def sending_for_a_person(in_request: bool, size_bytes: int = 0) -> AbstractContextManager[None]:
    """The time that one request of a save may take over all its tries, where someone waits for it: a minute,
    and more for many bytes. ``in_request`` is asked for since parts are sent by threads, which know no
    request.
    """
    if not in_request:
        return nullcontext()
    return deadline(_SENDING_WITHIN_S + size_bytes / _SLOWEST_BYTES_PER_S)


@contextmanager
def without_transaction(store: Store, lane: Lane = CALL, *, user: str = "") -> Iterator[None]:
    """Commits, so that no connection and no lock is held, and then asks the store inside. Rows are read again
    after it.
    """
    db.session.commit()
    with asking(store, lane, user=user):
        yield
