"""The states that a direct upload has: those of every portal. None is taken over or refused, since Indico
gives out no session credentials."""

from s3portal.portal.protocol import LEASED, TRANSITIONS, UNFINISHED
from s3portal.portal.protocol import RowState as UploadState

__all__ = ["LEASED", "TRANSITIONS", "UNFINISHED", "UploadState"]
