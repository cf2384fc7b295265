"""The one error of the demo: something that the person at the shell can put right."""


class DemoError(Exception):
    """The demo cannot continue; the message says what happened and what to do about it."""
