"""From a request to an operation, and from its reply to an answer."""
