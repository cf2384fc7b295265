"""Members of an organisation."""

from callers import Caller, new_stranger
from ckan import model
from ckan.tests import helpers


def member_of(caller: Caller, capacity: str) -> Caller:
    """Another member of the caller's organisation."""
    member = new_stranger(caller.app)
    add_member(caller, member, capacity)
    return member


def add_member(caller: Caller, member: Caller, capacity: str) -> None:
    helpers.call_action(
        "organization_member_create", id=caller.organisation_id, username=member.name, role=capacity
    )
    model.Session.remove()
