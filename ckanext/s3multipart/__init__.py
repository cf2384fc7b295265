"""The CKAN extension: a thin skin over s3portal.transfer."""
