"""The S3 operations: a function for each, from a Call to a Reply. Each file is one family of them."""
