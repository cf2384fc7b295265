"""The settings of a bucket that are nothing but a document: put, shown, deleted. One table of them.

Settings that look at something else as well have files of their own beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from s3portal.server.api.buckets import stored
from s3portal.server.bucket_settings import encryption, kept_trees, public_access_block, tagging, website
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply

_WEBSITE = "WebsiteConfiguration"


@dataclass(frozen=True)
class PlainSetting:
    """``name`` is what its operations are called behind Put, Get and Delete, ``root`` the element of its
    document. ``take`` returns what is stored of a document, None for nothing, or refuses it; ``show`` returns
    the document of what is stored. ``missing`` is the error of a bucket without it; None where ``show`` has
    a document for that, too. ``actions`` are those of Put, Get and Delete."""

    name: str
    subresource: str
    kind: str
    root: str
    take: Callable[[Element], str | None]
    show: Callable[[str | None], bytes]
    missing: str | None
    actions: tuple[str, str, str]
    put_status: int = 200

    def put(self, call: Call) -> Reply:
        stored.put(call, self.kind, self.take(stored.setting_document(call, self.root)))
        return Reply(self.put_status)

    def get(self, call: Call) -> Reply:
        found = stored.find(call, self.kind)
        if found is None and self.missing is not None:
            raise S3Error(self.missing, facts={"BucketName": call.bucket})
        return xml_reply(self.show(found))

    def operations(self) -> Iterator[Operation]:
        calls = (
            ("Put", "PUT", self.put),
            ("Get", "GET", self.get),
            ("Delete", "DELETE", stored.removal(self.kind)),
        )
        for (verb, method, handler), action in zip(calls, self.actions, strict=True):
            yield Operation(f"{verb}{self.name}", BUCKET, method, (self.subresource,), action, handler)


def _take_tags(root: Element) -> str | None:
    tags = tagging.of_xml(root)
    return tagging.write(tags) if tags else None


def _take_website(root: Element) -> str:
    website.check(root)
    return kept_trees.write(root)


SETTINGS = (
    PlainSetting(
        "BucketEncryption",
        "encryption",
        encryption.KIND,
        "ServerSideEncryptionConfiguration",
        lambda root: encryption.write(encryption.of_xml(root)),
        lambda found: encryption.to_xml(encryption.read(found)),
        # Deleted, the bucket has what every bucket has.
        None,
        ("s3:PutEncryptionConfiguration", "s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration"),
    ),
    PlainSetting(
        "PublicAccessBlock",
        "publicAccessBlock",
        public_access_block.KIND,
        "PublicAccessBlockConfiguration",
        lambda root: public_access_block.write(public_access_block.of_xml(root)),
        lambda found: public_access_block.to_xml(public_access_block.read(found or "")),
        "NoSuchPublicAccessBlockConfiguration",
        ("s3:PutBucketPublicAccessBlock", "s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    ),
    PlainSetting(
        "BucketTagging",
        "tagging",
        tagging.KIND,
        "Tagging",
        _take_tags,
        lambda found: tagging.to_xml(tagging.read(found or "")),
        "NoSuchTagSet",
        ("s3:PutBucketTagging", "s3:GetBucketTagging", "s3:PutBucketTagging"),
        put_status=204,
    ),
    PlainSetting(
        "BucketWebsite",
        "website",
        website.KIND,
        _WEBSITE,
        _take_website,
        lambda found: kept_trees.to_xml(_WEBSITE, found),
        "NoSuchWebsiteConfiguration",
        ("s3:PutBucketWebsite", "s3:GetBucketWebsite", "s3:DeleteBucketWebsite"),
    ),
)
OPERATIONS = tuple(operation for setting in SETTINGS for operation in setting.operations())
