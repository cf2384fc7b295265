"""The states of an upload's row: those of every upload, and those that only CKAN has."""

from s3portal.portal import protocol
from s3portal.portal.protocol import LEASED
from s3portal.transfer import DeclaredState, State, Transitions

__all__ = ["LEASED", "TRANSITIONS", "UNFINISHED", "RowState", "shown_state"]


class RowState(DeclaredState):
    """Where an upload is, as its row says it."""

    UPLOADING = State.UPLOADING.value
    ADOPTING = State.ADOPTING.value
    COMPLETED = State.COMPLETED.value
    ATTACHED = State.ATTACHED.value
    ABORTED = State.ABORTED.value
    REFUSED = State.REFUSED.value

    #: One process asks the store to create, complete or abort the upload, and has a lease for it
    #: (s3portal/portal/protocol).
    CREATING = "creating"
    COMPLETING = "completing"
    ABORTING = "aborting"

    #: The file was replaced, or what it belonged to was deleted: its object has to go.
    REMOVING = "removing"
    #: The object is gone; the row says so to those who follow old links.
    REMOVED = "removed"


TRANSITIONS = Transitions(
    {
        RowState.CREATING: (RowState.UPLOADING, RowState.ABORTING),
        RowState.UPLOADING: (RowState.COMPLETING, RowState.ABORTING),
        # Back to what it was where the store refuses, or a process died.
        RowState.COMPLETING: (
            RowState.COMPLETED,
            RowState.ADOPTING,
            RowState.UPLOADING,
            RowState.ABORTING,
        ),
        RowState.ADOPTING: (RowState.COMPLETED, RowState.ABORTING, RowState.ABORTED),
        RowState.COMPLETED: (RowState.ATTACHED, RowState.ABORTING),
        RowState.REFUSED: (RowState.ABORTING, RowState.ABORTED),
        # Back to what it was where the store refuses.
        RowState.ABORTING: (
            RowState.ABORTED,
            RowState.CREATING,
            RowState.UPLOADING,
            RowState.ADOPTING,
            RowState.COMPLETED,
            RowState.REFUSED,
        ),
        RowState.ATTACHED: (RowState.REMOVING,),
        RowState.REMOVING: (RowState.REMOVED,),
        RowState.ABORTED: (),
        RowState.REMOVED: (),
    }
)

#: What its publisher may still do something about: parts are missing, it was not saved yet, or was refused.
UNFINISHED = (
    RowState.CREATING,
    RowState.UPLOADING,
    RowState.COMPLETING,
    RowState.ADOPTING,
    RowState.COMPLETED,
    RowState.REFUSED,
)


def shown_state(state: str) -> DeclaredState:
    """The state that others see of a row in this one. Raises ValueError where there is none of this name."""
    return protocol.shown_state(RowState(state))
