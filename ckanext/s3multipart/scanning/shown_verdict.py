"""What the page of a file says of viruses."""

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.scanning.inspection_model import Inspection, Verdict


def verdict_sentence(upload_id: str) -> str:
    """ "" where the file was not to be checked."""
    verdict = model.Session.query(Inspection.verdict).filter_by(upload_id=upload_id).scalar()
    if verdict == Verdict.CLEAN:
        return str(tk._("Checked for viruses: none were found"))
    if verdict == Verdict.TOO_LARGE:
        return str(tk._("Not checked for viruses: the file is too large for that"))
    return ""
