"""The states of an upload's row: those of every upload, and those that only CKAN has."""

from s3portal.transfer import DeclaredState, State, Transitions


class RowState(DeclaredState):
    """Where an upload is, as its row says it."""

    UPLOADING = State.UPLOADING.value
    ADOPTING = State.ADOPTING.value
    COMPLETED = State.COMPLETED.value
    ATTACHED = State.ATTACHED.value
    ABORTED = State.ABORTED.value
    REFUSED = State.REFUSED.value

    #: One process asks the store to create, complete or abort the upload, and has a lease for it (leases.py).
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

#: One process asks the store about the upload.
LEASED = (RowState.CREATING, RowState.COMPLETING, RowState.ABORTING)

#: What its publisher may still do something about: parts are missing, it was not saved yet, or was refused.
UNFINISHED = (
    RowState.CREATING,
    RowState.UPLOADING,
    RowState.COMPLETING,
    RowState.ADOPTING,
    RowState.COMPLETED,
    RowState.REFUSED,
)

#: What the states of a lease look like to everybody else.
_SHOWN = {
    RowState.CREATING: RowState.UPLOADING,
    RowState.COMPLETING: RowState.UPLOADING,
    RowState.ABORTING: RowState.ABORTED,
}


def shown_state(state: str) -> RowState:
    """The state that others see of a row in this one. Raises ValueError where there is none of this name."""
    declared = RowState(state)
    return _SHOWN.get(declared, declared)
