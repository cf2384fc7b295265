"""The web console of the S3 server: a front end that can do what its user may, by the server's operations."""
