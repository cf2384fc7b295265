"""The upload protocol, once for every portal.

A portal implements `Rows`, `Portal` and `Caller` (interface.py), hands each request's fields to a call, and
sends what it answers:

>>> answer = CALLS["create"](caller, request_fields_as_a_mapping)

`SqlRows` (sql_rows.py) is `Rows` for portals with SQLAlchemy and PostgreSQL. What a portal does to uploads
without a caller (a janitor, a form that is saved) it does with `look`, `complete` and `abort`.
"""

from s3portal.portal.protocol import request_fields
from s3portal.portal.protocol.aborting import abort
from s3portal.portal.protocol.calls import CALLS, FIRST_BATCH, shown, upload_id
from s3portal.portal.protocol.completing import complete
from s3portal.portal.protocol.creating import begin
from s3portal.portal.protocol.errors import CannotTakeOver, NotAnAdministrator
from s3portal.portal.protocol.fields import FIELDS, require_known
from s3portal.portal.protocol.handing_over import hand_over
from s3portal.portal.protocol.interface import Caller, Lease, Owner, Portal, Row, Rows, Wanted
from s3portal.portal.protocol.leases import LEASE_S, asking_store
from s3portal.portal.protocol.looking import look
from s3portal.portal.protocol.request_fields import can_be_kept
from s3portal.portal.protocol.states import LEASED, TRANSITIONS, UNFINISHED, RowState, shown_state

__all__ = [
    "CALLS",
    "FIELDS",
    "FIRST_BATCH",
    "LEASED",
    "LEASE_S",
    "TRANSITIONS",
    "UNFINISHED",
    "Caller",
    "CannotTakeOver",
    "Lease",
    "NotAnAdministrator",
    "Owner",
    "Portal",
    "Row",
    "RowState",
    "Rows",
    "Wanted",
    "abort",
    "asking_store",
    "begin",
    "can_be_kept",
    "complete",
    "hand_over",
    "look",
    "request_fields",
    "require_known",
    "shown",
    "shown_state",
    "upload_id",
]
