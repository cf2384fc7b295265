"""Who owns and who began something, as documents name them."""

from __future__ import annotations

from s3portal.server.access.directory import FIRST_ACCOUNT
from s3portal.server.wire.xml_documents import element, field, fields

OWNER = fields(("ID", FIRST_ACCOUNT), ("DisplayName", "s3portal"))


def owner_element() -> str:
    return element("Owner", OWNER)


def initiator_element(name: str) -> str:
    return element("Initiator", field("ID", name), field("DisplayName", name))
