"""The states of an upload's row: those of every upload, and those that only CKAN has."""

from s3portal.portal import protocol
from s3portal.portal.protocol import LEASED
from s3portal.transfer import DeclaredState, State

__all__ = ["LEASED", "PUBLISHED", "TRANSITIONS", "UNFINISHED", "RowState", "shown_state"]


class RowState(DeclaredState):
    """Where an upload is, as its row says it."""

    # Those of every portal's rows.
    CREATING = protocol.RowState.CREATING.value
    UPLOADING = protocol.RowState.UPLOADING.value
    COMPLETING = protocol.RowState.COMPLETING.value
    COMPLETED = protocol.RowState.COMPLETED.value
    ATTACHED = protocol.RowState.ATTACHED.value
    ABORTING = protocol.RowState.ABORTING.value
    ABORTED = protocol.RowState.ABORTED.value

    # Those of files that were written with session credentials, or that are inspected.
    ADOPTING = State.ADOPTING.value
    QUARANTINED = State.QUARANTINED.value
    REFUSED = State.REFUSED.value

    #: The file was replaced and is kept: readers reach it by its id, and it can be restored.
    VERSION = "version"
    #: The file was replaced, or what it belonged to was deleted: its object has to go.
    REMOVING = "removing"
    #: The object is gone; the row says so to those who follow old links.
    REMOVED = "removed"


TRANSITIONS = protocol.TRANSITIONS.extended(
    RowState,
    {
        RowState.COMPLETING: (RowState.ADOPTING, RowState.QUARANTINED),
        RowState.ADOPTING: (
            RowState.COMPLETED,
            RowState.QUARANTINED,
            RowState.ABORTING,
            RowState.ABORTED,
        ),
        RowState.QUARANTINED: (RowState.COMPLETED, RowState.REFUSED, RowState.ABORTING),
        RowState.REFUSED: (RowState.ABORTING, RowState.ABORTED),
        RowState.ABORTING: (RowState.ADOPTING, RowState.REFUSED, RowState.QUARANTINED),
        RowState.ATTACHED: (RowState.VERSION, RowState.REMOVING),
        RowState.VERSION: (RowState.ATTACHED, RowState.REMOVING),
        RowState.REMOVING: (RowState.REMOVED,),
        RowState.REMOVED: (),
    },
)

#: A resource's file, now or earlier: whoever may read the resource may have it.
PUBLISHED = (RowState.ATTACHED, RowState.VERSION)

#: What its publisher may still do something about: parts are missing, it was not saved yet, or was refused.
UNFINISHED = (
    *map(RowState, protocol.UNFINISHED),
    RowState.ADOPTING,
    RowState.QUARANTINED,
    RowState.REFUSED,
)


def shown_state(state: str) -> DeclaredState:
    """The state that others see of a row in this one. Raises ValueError where there is none of this name."""
    return protocol.shown_state(RowState(state))
