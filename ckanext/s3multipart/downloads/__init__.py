"""Downloads: the persistent link, and whether the file behind it is there."""
