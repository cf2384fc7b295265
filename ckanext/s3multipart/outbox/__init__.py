"""Events: written in the transaction of what happened, and delivered afterwards, at least once."""
