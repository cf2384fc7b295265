"""A dataset's description of its own layout, for people and programs that find it in a bucket. Pure."""

from s3portal.dtool.keys import registration_key

# The version of dtool-s3 whose layout this is, not ours: readers decide by it how handles are written
# (encoded from 0.14.0 on), and later versions of dtool-s3 may decide more.
_LAYOUT_VERSION = "0.14.1"


def structure_parameters(uuid: str) -> dict[str, str]:
    """The content of ``structure.json``: a new dict for each dataset."""
    return {
        "dataset_registration_key": registration_key(uuid),
        "data_key_infix": "data",
        "fragment_key_infix": "fragments",
        "overlays_key_infix": "overlays",
        "annotations_key_infix": "annotations",
        "tags_key_infix": "tags",
        "structure_key_suffix": "structure.json",
        "dtool_readme_key_suffix": "README.txt",
        "dataset_readme_key_suffix": "README.yml",
        "manifest_key_suffix": "manifest.json",
        "admin_metadata_key_suffix": "dtool",
        "http_manifest_key": "http_manifest.json",
        "storage_broker_version": _LAYOUT_VERSION,
    }


DTOOL_README = """README
======

This is a dtool dataset in S3 object storage. UUID stands for its identifier, and P for the prefix that the
bucket's user writes under, which may be empty and is followed by no slash of its own.

Made by whoever made the dataset
--------------------------------

dtool-UUID            at the top of the bucket: registers the dataset; its content is P
PUUID/README.yml      describes the dataset
PUUID/data/           the items; each is named by the SHA-1 of its relative path,
                      which stands base64-encoded in the object's metadata as "handle"

Made by dtool
-------------

PUUID/README.txt      this text
PUUID/dtool           administrative metadata: name, creator, when it was frozen
PUUID/structure.json  where things are
PUUID/manifest.json   relative path, size, time and MD5 of each item
PUUID/overlays/       metadata of the items, a file an overlay
PUUID/annotations/    values that annotate the dataset
PUUID/tags/           labels of the dataset
"""
