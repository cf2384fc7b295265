"""The states of a row: those of an upload, and, while a process asks the store about it, those of a lease.

Callers never see the latter: to them an upload is what it was before, or what it is becoming. A portal whose
rows have further states declares a table of its own.
"""

from s3portal.transfer import DeclaredState, State, Transitions


class RowState(DeclaredState):
    """Where an upload is, as the row of a portal says it that takes nothing over."""

    UPLOADING = State.UPLOADING.value
    COMPLETED = State.COMPLETED.value
    ATTACHED = State.ATTACHED.value
    ABORTED = State.ABORTED.value

    #: The row is there, and the store is asked to begin the upload.
    CREATING = "creating"
    #: The store is asked to put the parts together.
    COMPLETING = "completing"
    #: The store is asked to remove what it has.
    ABORTING = "aborting"


TRANSITIONS = Transitions(
    {
        RowState.CREATING: (RowState.UPLOADING, RowState.ABORTING),
        RowState.UPLOADING: (RowState.COMPLETING, RowState.ABORTING),
        # Back to what it was where the store refuses, or a process died.
        RowState.COMPLETING: (RowState.COMPLETED, RowState.UPLOADING, RowState.ABORTING),
        RowState.COMPLETED: (RowState.ATTACHED, RowState.ABORTING),
        # Back to what it was where the store refuses.
        RowState.ABORTING: (
            RowState.ABORTED,
            RowState.CREATING,
            RowState.UPLOADING,
            RowState.COMPLETED,
        ),
        RowState.ATTACHED: (),
        RowState.ABORTED: (),
    }
)

#: The states of a row with a lease, or with one that is over.
LEASED = (RowState.CREATING, RowState.COMPLETING, RowState.ABORTING)

#: What its publisher may still do something about.
UNFINISHED = (RowState.CREATING, RowState.UPLOADING, RowState.COMPLETING, RowState.COMPLETED)

_SHOWN: dict[str, DeclaredState] = {
    RowState.CREATING: State.UPLOADING,
    RowState.COMPLETING: State.UPLOADING,
    RowState.ABORTING: State.ABORTED,
}


def shown_state(state: DeclaredState) -> DeclaredState:
    """The state that callers see of a row in this one."""
    return _SHOWN.get(state, state)
