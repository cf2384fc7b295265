"""One process asks the store about an upload, and no row stays locked while it waits.

How a lease is kept is the affair of `Rows`; here is how the calls use one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from s3portal.portal.protocol.interface import Lease, OwnerT, Portal, Rows, RowT
from s3portal.portal.protocol.states import LEASED
from s3portal.transfer import CALL, COMPLETE, Lane, Store, StoreBusy, StoreError, asking

#: Longer than any call may ask the store, with what a busy machine adds.
LEASE_S = COMPLETE.within_s + 45
#: When to try again, for a call that met another one at the same upload.
RETRY_AFTER_S = 2
# How long a call waits for another one that has the lease.
_PATIENCE_S = 2.0
_LOOK_AGAIN_S = 0.1


@contextmanager
def asking_store(
    portal: Portal[RowT, OwnerT], row: RowT, lane: Lane = CALL, *, user: str = ""
) -> Iterator[Store]:
    """Asks the upload's store inside, with nothing of the database held. Raises StoreBusy, StoreFailed."""
    store = portal.store(row)
    portal.rows.let_go()
    with asking(store, lane, user=user):
        yield store


def settled(rows: Rows[RowT, OwnerT], find: Callable[[], RowT | None]) -> RowT | None:
    """The row as soon as no process is asking the store about it, or its lease is over.

    Holds no connection while it waits. Raises StoreBusy where that takes long.
    """
    give_up_at = time.monotonic() + _PATIENCE_S
    while True:
        row = find()
        if row is None or row.state not in LEASED or not rows.is_leased(row.upload.id):
            return row
        rows.let_go()
        if time.monotonic() >= give_up_at:
            raise StoreBusy(operation=f"wait for {row.upload.id}", retry_after_s=RETRY_AFTER_S)
        time.sleep(_LOOK_AGAIN_S)


@contextmanager
def given_back_on_error(rows: Rows[RowT, OwnerT], lease: Lease[RowT]) -> Iterator[None]:
    """What the store refuses or does not answer leaves the upload as it was."""
    try:
        yield
    except BaseException as error:
        failed = isinstance(error, StoreError) and not isinstance(error, StoreBusy)
        rows.give_back(lease, store_failed=failed)
        raise
