"""Why a file that is there already was refused: kept as JSON, told in the reader's language."""

import json
from collections.abc import Iterator
from dataclasses import fields

from ckanext.s3multipart.wording import sentence
from s3portal.transfer import Fact, TransferError


def refusal_text(refusal: TransferError) -> str:
    """The refusal as it is kept: its code and facts."""
    return json.dumps({"code": refusal.code, **refusal.facts})


def kept_refusal(text: str) -> TransferError:
    """The refusal that was kept, by this version or an earlier one: what the error has no field for is left
    out."""
    facts = json.loads(text)
    code = facts.pop("code")
    kind = next((each for each in _kinds(TransferError) if each.__dict__.get("code") == code), TransferError)
    return kind(**{each.name: facts[each.name] for each in fields(kind) if each.name in facts})


def refusal_shown(text: str) -> dict[str, Fact]:
    """The refusal as the protocol shows errors, its message in the language of the request."""
    facts = json.loads(text)
    code = facts.pop("code")
    return {"code": code, "message": sentence(kept_refusal(text)), **facts}


def _kinds(kind: type[TransferError]) -> Iterator[type[TransferError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _kinds(each)
