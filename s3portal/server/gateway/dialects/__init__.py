"""The dialects of AWS: S3's REST, the query protocol (STS), JSON."""
