"""Download statistics: what counts as a download, and who sees the numbers."""
