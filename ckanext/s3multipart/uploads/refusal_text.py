"""Why a file that is there already was refused: kept as JSON, told in the reader's language."""

import json
from collections.abc import Iterator
from dataclasses import fields

from ckan import model

from ckanext.s3multipart.uploads.session_model import Adoption
from ckanext.s3multipart.wording import sentence
from s3portal.transfer import Fact, TransferError


def refusal_text(refusal: TransferError) -> str:
    """The refusal as it is kept: its code and facts."""
    return json.dumps({"code": refusal.code, **refusal.facts})


def refusal_shown(text: str) -> dict[str, Fact]:
    """The refusal as the protocol shows errors, its message in the language of the request."""
    facts = json.loads(text)
    code = facts.pop("code")
    kind = next((each for each in _kinds(TransferError) if each.__dict__.get("code") == code), TransferError)
    # Kept by this version or an earlier one: what the error has no field for is shown, but not filled in.
    refusal = kind(**{each.name: facts[each.name] for each in fields(kind) if each.name in facts})
    return {"code": code, "message": sentence(refusal), **facts}


def refusals_of(upload_ids: list[str]) -> dict[str, dict[str, dict[str, Fact]]]:
    """Of refused uploads, what the protocol shows besides: ``{id: {"refusal": {"code", "message",
    ...}}}``."""
    kept = model.Session.query(Adoption.upload_id, Adoption.refusal).filter(
        Adoption.upload_id.in_(upload_ids), Adoption.refusal.isnot(None)
    )
    return {row.upload_id: {"refusal": refusal_shown(row.refusal)} for row in kept}


def _kinds(kind: type[TransferError]) -> Iterator[type[TransferError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _kinds(each)
