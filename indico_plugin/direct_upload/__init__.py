"""Uploads straight from the browser to S3, for the materials of events and categories."""
