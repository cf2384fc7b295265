"""S3 requests without boto3: signed, sent and retried here, over connections that are kept open.

boto3 takes half a second to load and a millisecond or more of CPU for each request, and listings, syncs, ACLs
and removals are nothing but requests. It still finds the keys, where they are not given plainly, and makes
the rare requests.

``connection`` and ``pool`` are HTTP and know no S3; ``signing`` and ``answers`` are pure; ``sending`` tries
again.
"""

from s3portal.buckets.direct.answers import Node, element, local_name, read_xml
from s3portal.buckets.direct.connection import Body
from s3portal.buckets.direct.pieces import Piece
from s3portal.buckets.direct.sending import Answer, Direct, RequestFailed, Streamed, direct

__all__ = [
    "Answer",
    "Body",
    "Direct",
    "Node",
    "Piece",
    "RequestFailed",
    "Streamed",
    "direct",
    "element",
    "local_name",
    "read_xml",
]
