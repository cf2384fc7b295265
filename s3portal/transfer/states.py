"""The states of an upload, and the only ways between them.

A portal that has further states declares them in the same way: a `DeclaredState` with a `Transitions` table,
in a file of its own. Rows, JSON and templates have the value of a state, such as ``uploading``.
"""

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Generic, TypeVar


class DeclaredState(str, Enum):
    """A state that is equal to its value and written as it, as a StrEnum of Python 3.11 is."""

    def __str__(self) -> str:
        return str(self.value)


class ImpossibleTransition(ValueError):
    """Something was to change in a way that its table does not have: a mistake in a program.

    ``before`` and ``after`` are the two states.
    """

    def __init__(self, before: str, after: str) -> None:
        self.before = before
        self.after = after
        super().__init__(f"what is {before} cannot become {after}")


AnyState = TypeVar("AnyState", bound=DeclaredState)
OtherState = TypeVar("OtherState", bound=DeclaredState)


class Transitions(Generic[AnyState]):
    """A table: for each state, the states that may follow it. To stay is no transition."""

    def __init__(self, table: Mapping[AnyState, Collection[AnyState]]) -> None:
        """Raises ValueError where the table lacks a state, or leads to one that it lacks."""
        self._table = {before: frozenset(after) for before, after in table.items()}
        declared = {state for each in self._table for state in type(each)}
        lacking = declared.union(*self._table.values()).difference(self._table)
        if lacking:
            raise ValueError(f"the table lacks {', '.join(sorted(lacking))}")

    def extended(
        self, states: type[OtherState], further: Mapping[OtherState, Collection[OtherState]]
    ) -> "Transitions[OtherState]":
        """This table for a portal that declares the same states and more, with its ``further`` ways.

        Raises ValueError where ``states`` lacks one of this table's, or has one that no table has.
        """
        table = {states(before): {states(each) for each in after} for before, after in self._table.items()}
        for before, after in further.items():
            table.setdefault(before, set()).update(after)
        return Transitions(table)

    def allow(self, before: str, after: str) -> bool:
        """Whether the table has this way."""
        return after in self._table.get(before, ())  # type: ignore[call-overload]

    def step(self, before: str, after: AnyState) -> AnyState:
        """``after``, which is to be the next state. Raises ImpossibleTransition."""
        if not self.allow(before, after):
            raise ImpossibleTransition(before, after)
        return after

    def before(self, after: AnyState) -> tuple[AnyState, ...]:
        """The states that may become ``after``, in the order of the table."""
        return tuple(state for state, following in self._table.items() if after in following)


class State(DeclaredState):
    """Where an upload is between its creation and its file."""

    #: Parts are sent.
    UPLOADING = "uploading"
    #: The whole file is at the store, under a key that session credentials can write: the portal is copying
    #: it to one that they cannot.
    ADOPTING = "adopting"
    #: The whole file is at the store, and the portal does not know yet whether it accepts it: it is being
    #: checked, for viruses or by another extension.
    QUARANTINED = "quarantined"
    #: The store has the file, and what it holds was compared.
    COMPLETED = "completed"
    #: The file is that of a resource or material.
    ATTACHED = "attached"
    #: It was given up; nothing of it stays at the store.
    ABORTED = "aborted"
    #: The file is at the store and is not accepted; it will be removed.
    REFUSED = "refused"


TRANSITIONS = Transitions(
    {
        State.UPLOADING: (State.COMPLETED, State.ABORTED),
        State.ADOPTING: (State.COMPLETED, State.ABORTED),
        # To adopting where session credentials for its key were given out, to quarantined where it is
        # checked.
        State.COMPLETED: (State.ADOPTING, State.QUARANTINED, State.ATTACHED, State.ABORTED),
        State.QUARANTINED: (State.COMPLETED, State.REFUSED, State.ABORTED),
        State.REFUSED: (State.ABORTED,),
        State.ATTACHED: (),
        State.ABORTED: (),
    }
)
