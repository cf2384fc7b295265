"""Uploads that stay in their middle for as long as a test looks at it, however fast the machine is."""

from s3portal.server.testing import Hold, RunningServer

#: As many parts as an upload sends at a time: when so many are held back, those before them are stored.
AT_A_TIME = 4


def hold_parts(s3: RunningServer, after: int = 0) -> Hold:
    """Lets the store take so many parts and no more; ``s3.faults.clear()`` lets it go on."""
    return s3.faults.hold("UploadPart", after=after)


def lose_parts(s3: RunningServer, hold: Hold) -> None:
    """What is held back never arrives, and nothing is held back any more. For uploads that have stopped: what
    the store has of them is certain from here on."""
    s3.faults.add("UploadPart", drop=True)
    hold.release()
    s3.wait_until_idle()
    s3.faults.clear()
