"""Of uploads that were refused, why: what was written with session credentials has it where it was found, and
what was inspected has it there."""

from ckan import model

from ckanext.s3multipart.kept_refusal import refusal_shown, refusal_text
from ckanext.s3multipart.scanning.inspection_model import Inspection
from ckanext.s3multipart.uploads.session_model import Adoption
from s3portal.transfer import Fact

__all__ = ["refusal_shown", "refusal_text", "refusals_of"]


def refusals_of(upload_ids: list[str]) -> dict[str, dict[str, dict[str, Fact]]]:
    """Of refused uploads, what the protocol shows besides: ``{id: {"refusal": {"code", "message",
    ...}}}``."""
    return {
        row.upload_id: {"refusal": refusal_shown(row.refusal)}
        for kept in (Adoption, Inspection)
        for row in model.Session.query(kept.upload_id, kept.refusal).filter(
            kept.upload_id.in_(upload_ids), kept.refusal.isnot(None)
        )
    }
