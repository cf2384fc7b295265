"""A store that answers just what a test told it to, for what stores answer once in a million times."""

from collections import deque
from dataclasses import dataclass, field


@dataclass
class ScriptedStore:
    """Answers requests in order with what was scripted, the last answer again and again, and keeps the
    requests.
    """

    endpoint: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    #: Of each request, by names in small letters.
    headers: list[dict[str, str]] = field(default_factory=list)
    _answers: deque[tuple[int, dict[str, str], bytes]] = field(default_factory=deque)

    def answer(self, body: str = "", status: int = 200, **headers: str) -> None:
        """Adds an answer to the script. Underscores in names of headers stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._answers.append((status, {"x-amz-request-id": "4442587FB7D0A2F9", **named}, body.encode()))

    def error(self, status: int, code: str) -> None:
        """Adds an error in S3's form to the script; with status 200 it is one inside a success."""
        self.answer(f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Why</Message></Error>", status)

    def hang_up(self) -> None:
        """Adds a connection that ends without an answer to the script."""
        self._answers.append((0, {}, b""))

    def next_answer(self) -> tuple[int, dict[str, str], bytes]:
        return self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
