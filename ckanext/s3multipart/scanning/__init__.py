"""Before a file is accepted: other extensions may refuse it, and a virus scanner looks at it."""
