"""Moving: what sites bring that come from another extension."""
