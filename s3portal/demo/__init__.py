"""The embedded portal: PostgreSQL, Redis, S3 server and CKAN, running, in one command."""
