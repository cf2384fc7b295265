"""s3portal: huge files into a data portal and out again, straight from the browser to S3."""

__version__ = "1.0.0"
