"""``s3portal bucket …``: a file for each group of commands."""
