"""The settings of a bucket: a file for each, which reads it and plans its new value."""
