"""The S3-compatible server: the S3 API and STS on a local disk.

It is for one machine: development, tests, small sites. Its rooms, from the ground up:

``http``             HTTP/1.1 on sockets; runs any WSGI application and knows no S3
``wire``             S3 on the wire: requests, forms, XML, replies, errors, checksums
``bucket_settings``  the settings of a bucket, a file for each
``storage``          rows in SQLite, bytes in plain files; crash-safe
``authority``        whether a caller may do what it asks for
``access``           who is calling, and with what proof
``gateway``          from a request to an operation, and from its reply to an answer
``api``              what each operation does
"""
