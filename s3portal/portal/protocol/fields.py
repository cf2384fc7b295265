"""The fields that each call takes. A misspelt one is refused by name, since whoever sent it meant something
by it; others that a call does not take are ignored, as they have always been."""

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any, TypeVar

from s3portal.portal.protocol.interface import Caller
from s3portal.portal.protocol.request_fields import can_be_kept
from s3portal.transfer import InvalidRequest, Problem, most_alike

#: By the calls' names. Portals have others besides, and may do without ``owner`` (`Caller.fields_of`).
FIELDS: Mapping[str, tuple[str, ...]] = {
    "create": (
        "owner",
        "filename",
        "size",
        "content_type",
        "fingerprint",
        "round_trip_ms",
        "idempotency_key",
    ),
    "sign_parts": ("id", "part_numbers"),
    "show": ("id",),
    "list": ("owner",),
    "complete": ("id", "checksum"),
    "abort": ("id",),
    "credentials": ("id", "owner"),
    "list_all": ("owner",),
    "hand_over": ("id", "user"),
}
#: More of a name than this is not shown again.
_SHOWN_CHARACTERS = 60

ResultT = TypeVar("ResultT")
Call = Callable[[Caller[Any, Any], Mapping[str, Any]], ResultT]


def taking_fields_of(name: str) -> Callable[[Call[ResultT]], Call[ResultT]]:
    """The call of this name, which refuses misspelt fields before it does anything."""

    def decorated(call: Call[ResultT]) -> Call[ResultT]:
        @wraps(call)
        def checked(caller: Caller[Any, Any], asked: Mapping[str, Any]) -> ResultT:
            require_known(asked, caller.fields_of(name, FIELDS[name]))
            return call(caller, asked)

        return checked

    return decorated


def require_known(asked: Mapping[str, Any], known: Collection[str]) -> None:
    """Raises InvalidRequest for a field that is not known but much like one that is, and is missing."""
    missing = [name for name in known if name not in asked]
    for name in asked:
        field = _readable(name)
        alike = None if name in known else most_alike(field, missing)
        if alike:
            raise InvalidRequest(field=field, problem=Problem.MISSPELT, known=", ".join(known), nearest=alike)


def require_no_owner(asked: Mapping[str, Any]) -> None:
    """For a call that is about the upload ``id`` or else about the ``owner``: raises InvalidRequest where
    both are given."""
    if asked.get("id") and asked.get("owner"):
        raise InvalidRequest(field="owner", problem=Problem.NOT_WITH_ID)


def _readable(name: str) -> str:
    short = name if len(name) <= _SHOWN_CHARACTERS else name[:_SHOWN_CHARACTERS] + "…"
    return short if short and short.isprintable() and can_be_kept(short) else ascii(short)
