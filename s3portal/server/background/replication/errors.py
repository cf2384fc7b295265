"""What can keep a version from its target."""

from __future__ import annotations


class NotReplicated(RuntimeError):
    """A version was not replicated; the message says why."""


class TargetDown(NotReplicated):
    """The target, or the connection to it, does not work at present: nothing else would get through."""


class Refused(NotReplicated):
    """The target refuses this one version, or does not have it as it was sent."""


class Stopping(NotReplicated):
    """The server is being stopped; the task stays as it is."""
