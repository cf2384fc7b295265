"""The states of a session grant: a prefix or a key that others than the portal can write for a while."""

from s3portal.transfer import DeclaredState, Transitions


class GrantState(DeclaredState):
    """Whether credentials of a grant are given out, and whether any can still be good."""

    #: Credentials and forms are given out.
    LIVE = "live"
    #: No more are given out; those that were may still be good.
    DRAINING = "draining"
    #: None is valid any longer, and what lies there and is not kept is being removed.
    CLOSING = "closing"


TRANSITIONS = Transitions(
    {
        GrantState.LIVE: (GrantState.DRAINING, GrantState.CLOSING),
        GrantState.DRAINING: (GrantState.CLOSING,),
        # Another session for the same upload.
        GrantState.CLOSING: (GrantState.DRAINING,),
    }
)
