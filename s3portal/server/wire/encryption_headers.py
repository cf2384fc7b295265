"""The headers of server-side encryption.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html
"""

from __future__ import annotations

ENCRYPTION = "x-amz-server-side-encryption"
KEY_ID = f"{ENCRYPTION}-aws-kms-key-id"
CONTEXT = f"{ENCRYPTION}-context"
BUCKET_KEY = f"{ENCRYPTION}-bucket-key-enabled"
CUSTOMER_ALGORITHM = f"{ENCRYPTION}-customer-algorithm"
CUSTOMER_KEY = f"{ENCRYPTION}-customer-key"
CUSTOMER_KEY_MD5 = f"{ENCRYPTION}-customer-key-md5"
#: In front of a header about the source of a copy.
OF_SOURCE = "copy-source-server-side-encryption"
#: By which a customer's key is known again; no request can give a header of this name.
CUSTOMER_KEY_CHECK = "s3portal-customer-key-check"
AES256, KMS, DSSE = "AES256", "aws:kms", "aws:kms:dsse"
#: In the encryption context of every object: its ARN, or that of its bucket.
CONTEXT_ARN = "aws:s3:arn"
#: What an object is stored with that says how it is encrypted. A copy has its own.
STORED = (ENCRYPTION, KEY_ID, CONTEXT, BUCKET_KEY, CUSTOMER_ALGORITHM, CUSTOMER_KEY_CHECK)
