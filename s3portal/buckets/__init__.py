"""Administration of buckets on any S3: settings, overview, emptying and deleting, as commands that finish.

``settings/`` has a file for each setting of a bucket: reading it, and pure planners of its new value.
``commands/`` is the command line. Everything that a store can refuse is a ``BucketProblem`` with a fix.
"""
