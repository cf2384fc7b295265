"""The versions and markers of each key of a bucket, the oldest first."""

import xml.etree.ElementTree as ElementTree
from functools import partial
from urllib.parse import unquote_plus


def histories(client, bucket):
    """Of each key, its contents in order; None for a marker of deletion.

    In the order of the store's list, the newest first: times are told in seconds, and boto3 tells versions
    and markers apart from each other.
    """
    pages = []
    keep = partial(_keep, pages)
    client.meta.events.register("after-call.s3.ListObjectVersions", keep)
    try:
        for _ in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            pass
    finally:
        client.meta.events.unregister("after-call.s3.ListObjectVersions", keep)
    found = {}
    for element in (element for page in pages for element in ElementTree.fromstring(page)):
        kind = element.tag.rpartition("}")[2]
        if kind in ("Version", "DeleteMarker"):
            key = unquote_plus(element.findtext("{*}Key"))
            named = {"Bucket": bucket, "Key": key, "VersionId": element.findtext("{*}VersionId")}
            body = None if kind == "DeleteMarker" else client.get_object(**named)["Body"].read()
            found.setdefault(key, []).insert(0, body)
    return found


def _keep(pages, http_response, **_):
    pages.append(http_response.content)


def write_versions(client, bucket, keys, versions=3):
    """Some versions of each key; of every third key a marker among them, and of every fourth one at the
    end."""
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for number, key in enumerate(keys):
        for version in range(versions):
            client.put_object(Bucket=bucket, Key=key, Body=b"%d of %s" % (version, key.encode()))
            if number % 3 == 0 and version == 1:
                client.delete_object(Bucket=bucket, Key=key)
        if number % 4 == 0:
            client.delete_object(Bucket=bucket, Key=key)
