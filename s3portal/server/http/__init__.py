"""HTTP/1.1 on sockets: runs any WSGI application, and gives this one what S3 needs (see ``connection``)."""
