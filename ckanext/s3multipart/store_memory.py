"""What was found out about the store, kept in the database for all workers and across restarts."""

import logging

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from s3portal.transfer import KnownAnswer

log = logging.getLogger(__name__)


class StoreAnswer(tk.BaseModel):
    """The last answer of a store to a question."""

    __tablename__ = "s3multipart_store_answer"

    store = sa.Column(sa.UnicodeText, primary_key=True)
    question = sa.Column(sa.UnicodeText, primary_key=True)
    value = sa.Column(sa.UnicodeText, nullable=False)
    reason = sa.Column(sa.UnicodeText, nullable=False)
    found_at = sa.Column(sa.DateTime(timezone=True), nullable=False)


class DatabaseMemory:
    """The portal's `StoreMemory`. It has short transactions of its own, so that no call's transaction waits
    for the store or is given up for it; without the database, the store is asked."""

    def read(self, store: str, question: str) -> KnownAnswer | None:
        """The answer that was kept last."""
        table = StoreAnswer.__table__
        wanted = sa.select(table.c.value, table.c.reason, table.c.found_at).where(
            table.c.store == store, table.c.question == question
        )
        try:
            with model.Session.get_bind().connect() as connection:
                kept = connection.execute(wanted).first()
        except SQLAlchemyError as error:
            log.warning("The record of what the store supports cannot be read: %s", error)
            return None
        return KnownAnswer(kept.value, kept.reason, kept.found_at) if kept else None

    def write(self, store: str, question: str, answer: KnownAnswer) -> None:
        """Keeps an answer in the place of an earlier one."""
        found = {"value": answer.value, "reason": answer.reason, "found_at": answer.found_at}
        kept = insert(StoreAnswer.__table__).values(store=store, question=question, **found)
        try:
            with model.Session.get_bind().begin() as connection:
                connection.execute(
                    kept.on_conflict_do_update(index_elements=["store", "question"], set_=found)
                )
        except SQLAlchemyError as error:
            log.warning("The record of what the store supports cannot be saved: %s", error)
