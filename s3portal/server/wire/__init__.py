"""S3 on the wire: requests, forms, XML, replies, errors, checksums."""
