"""Moving a site's files between storage backends: copy to S3, apply, revert, and back to local storage."""
