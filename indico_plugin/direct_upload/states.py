"""The states that a direct upload has, of those of every upload. None is taken over or refused: Indico gives
out no session credentials."""

from s3portal.transfer import DeclaredState, State, Transitions


class UploadState(DeclaredState):
    """Where a direct upload is, as its row says it."""

    UPLOADING = State.UPLOADING.value
    COMPLETED = State.COMPLETED.value
    ATTACHED = State.ATTACHED.value
    ABORTED = State.ABORTED.value


TRANSITIONS = Transitions(
    {
        UploadState.UPLOADING: (UploadState.COMPLETED, UploadState.ABORTED),
        UploadState.COMPLETED: (UploadState.ATTACHED, UploadState.ABORTED),
        UploadState.ATTACHED: (),
        UploadState.ABORTED: (),
    }
)

#: The states in which a publisher can resume an upload, or save it.
UNFINISHED = (UploadState.UPLOADING, UploadState.COMPLETED)
