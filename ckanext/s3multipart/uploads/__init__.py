"""Uploads: from the form's first call to the file of a resource, and what is theirs alone."""
