"""The versions and markers of each key of a bucket, as boto3 reads them, the oldest first."""


def histories(client, bucket):
    """Of each key, its contents in order; None for a marker of deletion."""
    found = {}
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for each in page.get("Versions", []):
            body = client.get_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])["Body"]
            found.setdefault(each["Key"], []).append((each["LastModified"], body.read()))
        for each in page.get("DeleteMarkers", []):
            found.setdefault(each["Key"], []).append((each["LastModified"], None))
    return {
        key: [body for _, body in sorted(of_key, key=lambda each: each[0])] for key, of_key in found.items()
    }


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
