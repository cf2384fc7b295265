"""What MyFSIO's routes do: presigned URLs, policies and quotas of buckets, and keys."""
