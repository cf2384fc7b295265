"""The states that only a portal's rows have: somebody asks the store about the upload just now.

Callers never see them (`SHOWN`): to them an upload is what it was before, or what it is becoming.
"""

from s3portal.transfer import ABORTED, UPLOADING

#: The row is there, and the store is asked to begin the upload.
CREATING = "creating"
COMPLETING = "completing"
ABORTING = "aborting"

#: Of a row that somebody has, or had, a lease of.
LEASED = (CREATING, COMPLETING, ABORTING)

#: What these states look like to everybody else.
SHOWN = {CREATING: UPLOADING, COMPLETING: UPLOADING, ABORTING: ABORTED}


def shown_state(state: str) -> str:
    """The state that callers see."""
    return SHOWN.get(state, state)
