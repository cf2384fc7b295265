"""Access control lists of buckets and objects: asked for by requests, put, shown."""
