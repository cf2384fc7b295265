"""The S3-compatible server: the S3 API and STS on a local disk."""
