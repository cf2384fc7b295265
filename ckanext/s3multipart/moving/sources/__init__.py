"""Where a site's files may be before they move to the store: one file for each kind of place."""
