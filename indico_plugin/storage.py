"""The storage backend ``s3``, and what all S3 backends share: Indico's file operations on objects."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import NamedTemporaryFile

from blinker import Signal
from botocore.exceptions import ClientError
from flask import has_request_context
from indico.core.config import config
from indico.core.storage import Storage, StorageError
from werkzeug.exceptions import HTTPException

from indico_plugin.asking import asking_for_a_person
from indico_plugin.buckets import bucket_exists, create_bucket
from indico_plugin.downloads import send_object
from indico_plugin.lost_files import LostFileOpened, record_lost
from indico_plugin.object_reader import open_object
from indico_plugin.object_writer import write_object
from indico_plugin.options import (
    BackendOptions,
    StaticOptions,
    entry_of,
    open_backend_store,
    read_options,
)
from s3portal.transfer import Store, error_code

#: Sent with the store of a bucket that a backend made. What else a new bucket needs is not the backend's
#: business: direct uploads give it a CORS rule.
bucket_made = Signal()


class S3StorageBase(Storage):
    """File operations on objects; subclasses say in which bucket, and what a file id is.

    Every failure is a StorageError that names the file, as Indico expects of a backend.
    """

    simple_data = False
    options_class: type[BackendOptions]

    def __init__(self, data):
        #: The options as indico.conf has them.
        self.definition = data
        self.options = read_options(self.options_class, data)  # type: ignore[arg-type]

    @property
    def meta(self) -> str | None:
        """The administrator's text for the bucket info API."""
        return self.options.meta

    @property
    def write_refusal(self) -> str | None:
        """Why no new files may go there although existing ones can be read; None if they may."""
        return None

    def require_writable(self) -> None:
        """Raises StorageError where no new files may go there."""
        if self.write_refusal is not None:
            raise StorageError(f"{entry_of(self.definition)}: {self.write_refusal}")

    def current_bucket(self) -> str:
        """The bucket that new files go to."""
        raise NotImplementedError

    def wanted_buckets(self) -> list[str]:
        """The buckets that should be there by now."""
        return [self.current_bucket()]

    def has_bucket(self, bucket: str) -> bool:
        """Whether files of this backend may be in the bucket."""
        raise NotImplementedError

    def locate(self, file_id: str) -> tuple[str, str]:
        """Bucket and key of a file."""
        raise NotImplementedError

    def file_id(self, bucket: str, key: str) -> str:
        """The id under which Indico finds the file again."""
        raise NotImplementedError

    def store(self, bucket: str) -> Store:
        """One of the backend's buckets."""
        return open_backend_store(self.options, bucket)

    def open(self, file_id):
        bucket, key = self.locate(file_id)
        store = self.store(bucket)
        what = f'Could not open "{file_id}"'
        with _storage_error(what), asking_for_a_person(store):
            try:
                return open_object(store, key)
            except ClientError as error:
                if error_code(error) != "NoSuchKey":
                    raise
                if has_request_context():
                    record_lost(self.options, bucket, key)
                raise LostFileOpened(what) from error

    @contextmanager
    def get_local_path(self, file_id):
        # TEMP_DIR and not memory: this is called for files of any size.
        with NamedTemporaryFile(suffix="indico.s3", dir=config.TEMP_DIR) as copy:
            with _storage_error(f'Could not open "{file_id}"'), self.open(file_id) as source:
                self._copy_file(source, copy)
                copy.flush()
            yield copy.name

    def save(self, name, content_type, filename, fileobj, *, dry_run=False):
        """Indico 3.2 calls this without ``dry_run``, by which 3.3 asks what the file id would be."""
        with _storage_error(f'Could not save "{name}"'):
            bucket = self.current_bucket()
            if dry_run:
                return self.file_id(bucket, name), None
            written = write_object(
                self.store(bucket),
                name,
                content_type,
                self._ensure_fileobj(fileobj),
                make_bucket=self.bucket_maker(bucket),
            )
            return self.file_id(bucket, name), written.md5

    def delete(self, file_id):
        bucket, key = self.locate(file_id)
        with _storage_error(f'Could not delete "{file_id}"'):
            store = self.store(bucket)
            with asking_for_a_person(store):
                store.client().delete_object(Bucket=bucket, Key=key)

    def getsize(self, file_id):
        bucket, key = self.locate(file_id)
        with _storage_error(f'Could not get size of "{file_id}"'):
            store = self.store(bucket)
            with asking_for_a_person(store):
                return store.client().head_object(Bucket=bucket, Key=key)["ContentLength"]

    def send_file(self, file_id, content_type, filename, inline=True):
        bucket, key = self.locate(file_id)
        with _storage_error(f'Could not send file "{file_id}"'):
            return send_object(self.options, bucket, key, content_type, filename, inline)

    def bucket_exists(self, bucket: str) -> bool:
        """Whether the bucket is there."""
        return bucket_exists(self.options, bucket)

    def bucket_maker(self, bucket: str) -> Callable[[], object] | None:
        """What makes a bucket that a file comes for and that is not there; None: that is an error."""
        return None

    def make_bucket(self, bucket: str) -> bool:
        """Makes the bucket unless it is there, and says whether it did."""
        made = create_bucket(self.options, bucket)
        if made:
            bucket_made.send(self.store(bucket))
        return made


class S3Storage(S3StorageBase):
    """All files in one bucket; a file's id is its key."""

    name = "s3"
    options_class = StaticOptions

    @property
    def bucket_name(self) -> str:
        """The bucket."""
        return self.options.bucket

    def current_bucket(self):
        return self.options.bucket

    def has_bucket(self, bucket):
        return bucket == self.options.bucket

    def locate(self, file_id):
        return self.options.bucket, file_id

    def file_id(self, bucket, key):
        return key

    def __repr__(self):
        return f"<{type(self).__name__}: {self.bucket_name}>"


@contextmanager
def _storage_error(what: str) -> Iterator[None]:
    """Whatever a store or its client raises becomes the StorageError that Indico expects of a storage."""
    try:
        yield
    except (StorageError, HTTPException):
        raise
    except Exception as error:
        raise StorageError(f"{what}: {error}") from error
