"""HTTP/1.1 on sockets: runs any WSGI application, and knows nothing of S3 (see ``connection``)."""
