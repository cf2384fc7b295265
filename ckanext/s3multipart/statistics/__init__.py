"""Download statistics: what counts as a download."""
