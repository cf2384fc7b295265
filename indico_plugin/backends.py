"""The entries of ``STORAGE_BACKENDS`` in indico.conf, opened; a mistake in one is said with its name."""

from collections.abc import Iterator

from indico.core.config import config
from indico.core.storage import Storage, StorageError
from indico.core.storage.backend import ReadOnlyStorageMixin, get_storage, get_storage_backends

from indico_plugin.options import did_you_mean, opening_entry
from indico_plugin.plugin_settings import logger
from indico_plugin.storage import S3StorageBase


def open_backend(name: str) -> Storage:
    """The backend of this name. Raises StorageError, which says which entry is wrong and in what."""
    definition = config.STORAGE_BACKENDS.get(name)
    if definition is None:
        raise StorageError(
            f"STORAGE_BACKENDS in indico.conf has no {name}{did_you_mean(name, config.STORAGE_BACKENDS)}"
        )
    kind, colon, _options = str(definition).partition(":")
    kinds = get_storage_backends()
    if not colon:
        raise StorageError(f"STORAGE_BACKENDS[{name!r}]: {definition!r} is not of the form kind:options")
    if kind not in kinds:
        known = did_you_mean(kind, kinds) or f"; the kinds are: {', '.join(sorted(kinds))}"
        raise StorageError(f"STORAGE_BACKENDS[{name!r}]: {kind!r} is not a kind of backend{known}")
    try:
        with opening_entry(name):
            return get_storage(name)
    except StorageError:
        raise
    except Exception as error:
        # Of another plugin's kind, which may raise anything.
        raise StorageError(f"STORAGE_BACKENDS[{name!r}]: {type(error).__name__}: {error}") from error


def is_writable_s3(storage: Storage) -> bool:
    """Whether new files may go there, and are on S3 then."""
    return isinstance(storage, S3StorageBase) and not isinstance(storage, ReadOnlyStorageMixin)


def usable_backends() -> Iterator[tuple[str, Storage]]:
    """The backends of every kind: ``(name, storage)``. One that cannot be opened is logged, and does not stop
    the work on the others.
    """
    for name in config.STORAGE_BACKENDS:
        try:
            yield name, open_backend(name)
        except StorageError as error:
            logger.error("%s", error)


def writable_s3_backends() -> Iterator[tuple[str, S3StorageBase]]:
    """The backends on S3 that files may go to: ``(name, storage)``."""
    for name, storage in usable_backends():
        if is_writable_s3(storage):
            yield name, storage
