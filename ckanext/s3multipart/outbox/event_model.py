"""Two tables: what happened, and to whom it has to be told."""

import ckan.plugins.toolkit as tk
import sqlalchemy as sa

from s3portal.transfer import DeclaredState


class DeliveryState(DeclaredState):
    """How far an event is with one of those who are told."""

    #: It is told now, or again after a while.
    WAITING = "waiting"
    DELIVERED = "delivered"
    #: It was tried for as long as the site wants.
    GIVEN_UP = "given_up"


class Event(tk.BaseModel):
    """Something that happened to a file. ``body`` is JSON: what plugins and webhooks are told of it."""

    __tablename__ = "s3multipart_event"

    id = sa.Column(sa.UnicodeText, primary_key=True)
    kind = sa.Column(sa.UnicodeText, nullable=False)
    body = sa.Column(sa.UnicodeText, nullable=False)
    happened_at = sa.Column(sa.DateTime(timezone=True), nullable=False)


class Delivery(tk.BaseModel):
    """An event for one who is told. The ids are in the order in which things happened to a ``subject``."""

    __tablename__ = "s3multipart_delivery"
    __table_args__ = (
        sa.Index("s3multipart_delivery_waiting", "state", "next_at"),
        sa.Index("s3multipart_delivery_order", "target", "subject", "id"),
        sa.Index("s3multipart_delivery_event", "event_id"),
    )

    id = sa.Column(sa.BigInteger, primary_key=True, autoincrement=True)
    event_id = sa.Column(
        sa.UnicodeText,
        sa.ForeignKey("s3multipart_event.id", name="s3multipart_delivery_event_id", ondelete="CASCADE"),
        nullable=False,
    )
    #: Who is told: ``plugin`` and its name, or ``webhook`` and the endpoint's.
    target = sa.Column(sa.UnicodeText, nullable=False)
    #: The resource, or the upload that has none yet: its events are told in order.
    subject = sa.Column(sa.UnicodeText, nullable=False)
    state = sa.Column(sa.UnicodeText, nullable=False)
    attempts = sa.Column(sa.Integer, nullable=False, server_default="0")
    #: When it is tried next.
    next_at = sa.Column(sa.DateTime(timezone=True), nullable=False)
    #: Until when a process says that it is telling it.
    lease_until = sa.Column(sa.DateTime(timezone=True))
    updated_at = sa.Column(sa.DateTime(timezone=True), nullable=False)
    last_error = sa.Column(sa.UnicodeText)
