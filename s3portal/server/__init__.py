"""The S3-compatible server: the S3 API and STS on a local disk.

It is for one machine: development, tests, small sites. Its rooms, from the outside in:

``http``        HTTP/1.1 on sockets; runs any WSGI application
``app``         a request becomes an operation, then a reply or an S3 error; ``routes`` has the table
``access``      who calls, with what proof, and what they may do
``operations``  a handler a verb
``storage``     rows in SQLite, bytes in plain files; crash-safe
"""
