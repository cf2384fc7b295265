"""What can go wrong with a provider."""

from __future__ import annotations


class ProviderFailed(RuntimeError):
    """A provider does not answer, or not as the standard has it. The message is for the server's log."""
