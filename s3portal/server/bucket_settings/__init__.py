"""The settings of a bucket: a file for each."""
