"""What other extensions take part in: `IS3Multipart`, and the values that its methods get.

>>> class OurPlugin(p.SingletonPlugin):
...     p.implements(IS3Multipart, inherit=True)
...
...     def before_create(self, wanted: WantedUpload) -> None:
...         if wanted.filename.endswith(".exe"):
...             raise Refused("Programs are not accepted here.")

docs/extensions.md says when each is called, how often, and what becomes of an exception. Values are frozen,
and may get further fields in later versions: read them by name.
"""

from dataclasses import dataclass

from ckan.plugins import Interface

#: How a file comes: by the form or the API; written with session credentials or an old form; moved here from
#: another storage by an administrator's command.
BY_UPLOAD = "upload"
BY_SESSION = "session"
BY_MIGRATION = "migration"


class Refused(Exception):
    """Raise it to refuse: the person reads the sentence, which says what to do, in their language if it was
    translated with ``tk._``."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, kw_only=True)
class WantedUpload:
    """A file that someone wants to upload. ``resource_id`` is that of the resource whose file is replaced, or
    "" for a new one; ``content_type`` is what the client said, or "". ``way`` is BY_UPLOAD, BY_SESSION or
    BY_MIGRATION."""

    dataset_id: str
    organisation_id: str
    resource_id: str
    user_id: str
    filename: str
    size_bytes: int
    content_type: str
    way: str


@dataclass(frozen=True, kw_only=True)
class UploadedFile:
    """A file that is at the store. ``resource_id`` is the resource that has the file, or will have it;
    ``checksum`` is the store's, as in ``crc64nvme:rosUhgp5mIg=``, and ``sha256`` hexadecimal, each "" where
    it is not known; ``version_id`` is None where the bucket has no versions."""

    upload_id: str
    dataset_id: str
    resource_id: str
    user_id: str
    filename: str
    size_bytes: int
    content_type: str
    key: str
    etag: str
    version_id: str | None
    checksum: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Download:
    """A download that CKAN allows. ``user`` is the reader's name, "" for someone who is not signed in;
    ``method`` is GET or HEAD. ``filename``, ``content_type``, ``inline`` (shown by the browser instead of
    saved) and ``expires_s`` may be changed, the last only to less."""

    file: UploadedFile
    user: str
    method: str
    filename: str
    content_type: str
    inline: bool
    expires_s: int


class IS3Multipart(Interface):
    """Takes part in uploads, downloads and removals of files that go straight to the store.

    Implement what you need: with ``inherit=True`` the rest does nothing, and without it methods that are
    missing are skipped.
    """

    def before_create(self, wanted: WantedUpload) -> None:
        """Called before an upload is begun and, for files that were written without the portal, before they
        are accepted. Raise `Refused` to refuse it."""

    def key_owner(self, wanted: WantedUpload) -> str | None:
        """The folder of the key, between ``s3_prefix`` and the upload's id: one or two segments such as
        ``project-7/raw``. None is the usual ``<organisation id>/<dataset id>``. The first plugin with an
        answer decides."""

    def after_complete(self, file: UploadedFile) -> None:
        """Called when all of the file is at the store, before anyone can save a resource with it. Raise
        `Refused` to have it removed; anything else leaves it waiting, and this is called again."""

    def after_attach(self, file: UploadedFile) -> None:
        """Called after the file became that of its resource, and was committed."""

    def before_download(self, download: Download) -> Download | None:
        """Called before each answer to a file's link. Raise `Refused` to refuse it, or return it changed;
        None leaves it as it is."""

    def after_remove(self, file: UploadedFile) -> None:
        """Called after a file of a resource was removed from the store."""
