"""Who is signed in: sessions on the server, known to browsers by a random number and nothing else.

Kept in the console's database, so that a restart signs nobody out and several processes share
them. It has digests of the numbers only, and no secret: what signs a user's requests is looked up in the
server's directory each time, so that a session dies with its key.
Source: https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from s3portal.console.database import ConsoleDatabase

#: The time of the last request is noted no more often than this, in seconds.
_NOTED_EVERY_S = 60
_AGENT_LIMIT_CHARACTERS = 200


@dataclass(frozen=True)
class Session:
    """A signed-in browser. Times are in seconds since 1970; ``number`` is the secret that its cookie has.
    ``person`` is who it is of where an identity provider says so, None where a key was shown."""

    number: str
    access_key_id: str
    session_token: str | None
    begun_at: int
    ends_at: int
    address: str
    agent: str
    person: str | None = None

    @property
    def digest(self) -> bytes:
        return _digest(self.number)


class Sessions:
    """The sessions in the console's database.

    ``now`` gives seconds since 1970. A session is over ``session_s`` after it began and ``idle_s`` after its
    last request.
    """

    def __init__(
        self, database: ConsoleDatabase, now: Callable[[], float], session_s: int, idle_s: int
    ) -> None:
        self._database = database
        self._now = now
        self._session_s = session_s
        self._idle_s = idle_s

    def begin(
        self,
        access_key_id: str,
        session_token: str | None,
        ends_at: float | None,
        address: str,
        agent: str,
        person: str | None = None,
    ) -> Session:
        """Returns a new session, with a number of its own; ``ends_at`` is when its credentials end."""
        now = int(self._now())
        last = now + self._session_s
        session = Session(
            number=secrets.token_urlsafe(32),
            access_key_id=access_key_id,
            session_token=session_token,
            begun_at=now,
            ends_at=last if ends_at is None else min(last, int(ends_at)),
            address=address,
            agent=agent[:_AGENT_LIMIT_CHARACTERS],
            person=person,
        )
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM sessions WHERE ends_at <= ? OR seen_at <= ?", (now, now - self._idle_s)
            )
            connection.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    session.digest,
                    session.access_key_id,
                    session.session_token,
                    now,
                    now,
                    session.ends_at,
                    session.address,
                    session.agent,
                    session.person,
                ),
            )
        return session

    def find(self, number: str) -> Session | None:
        """Returns the session with this number, unless it is over; notes that it was used."""
        now = int(self._now())
        digest = _digest(number)
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT access_key_id, session_token, begun_at, ends_at, address, agent, person, seen_at "
                "FROM sessions WHERE digest = ? AND ends_at > ? AND seen_at > ?",
                (digest, now, now - self._idle_s),
            ).fetchone()
            if row is None:
                return None
            if now - row[7] >= _NOTED_EVERY_S:
                connection.execute("UPDATE sessions SET seen_at = ? WHERE digest = ?", (now, digest))
        return Session(number, *row[:7])

    def count(self) -> int:
        """Returns how many browsers are signed in."""
        now = int(self._now())
        with self._database.transaction() as connection:
            found: int = connection.execute(
                "SELECT count(*) FROM sessions WHERE ends_at > ? AND seen_at > ?", (now, now - self._idle_s)
            ).fetchone()[0]
        return found

    def end(self, session: Session) -> None:
        """Signs one browser out."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM sessions WHERE digest = ?", (session.digest,))

    def end_all(self, access_key_id: str, person: str | None = None) -> int:
        """Signs everybody out who signed in with this key, or as this person; returns how many sessions that
        were."""
        with self._database.transaction() as connection:
            return connection.execute(
                "DELETE FROM sessions WHERE access_key_id = ? OR person = ?", (access_key_id, person)
            ).rowcount


def person_of(issuer: str, subject: str) -> str:
    """Returns who somebody is: a subject means something only together with its issuer, a URL."""
    return f"{issuer} {subject}"


def issuer_of(person: str) -> str:
    return person.partition(" ")[0]


def subject_of(person: str) -> str:
    return person.partition(" ")[2]


def _digest(number: str) -> bytes:
    return hashlib.sha256(number.encode()).digest()
