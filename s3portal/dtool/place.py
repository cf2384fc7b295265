"""Where a dataset is in its bucket, and where it goes when it is made.

The registration says where, if there is a dataset there. dtool-s3 writes the registration first, so one
that it left behind may lead to nothing; and it may write another prefix than it uses. Then the dataset is
looked for under the user's own prefix and at the top of the bucket.
"""

import logging

from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.command_memory import command_memory
from s3portal.dtool.errors import NotPermitted, RegisteredElsewhere
from s3portal.dtool.keys import DatasetKeys, registration_key
from s3portal.dtool.registration import (
    UNREADABLE,
    Registration,
    naming_the_registration,
    read_registration,
    write_registration,
)

logger = logging.getLogger(__name__)

# Where datasets are that their registration does not lead to, as long as it stays as it is:
# {(endpoint, bucket, uuid, registration): prefix}
_found_elsewhere: dict[tuple[tuple[str, str, str], Registration], str] = {}

#: Body and metadata of the object that makes a dataset one.
AdminObject = tuple[bytes, dict[str, str]]


class DatasetPlace:
    """The place of the dataset ``uuid``. ``listed_prefix`` is where a listing has just found it."""

    def __init__(
        self, objects: BucketObjects, uuid: str, own_prefix: str, listed_prefix: str | None = None
    ) -> None:
        self._objects = objects
        self._uuid = uuid
        self.own_prefix = own_prefix
        self._registration: Registration | None = None
        self._keys: DatasetKeys | None = None
        if listed_prefix is not None:
            self._settle(listed_prefix)

    @property
    def keys(self) -> DatasetKeys:
        """The keys of the dataset. Raises NotPermitted where the registration may not be read."""
        if self._keys is None:
            known = command_memory().get(self._memory_key)
            if known is None:
                self._registration = self._read_registration()
                self._keys = self._keys_under(self._registered_prefix())
            else:
                self._registration, prefix = known
                self._keys = self._keys_under(prefix)
        return self._keys

    def read(self) -> AdminObject | None:
        """The object with the administrative metadata, or None where there is no such dataset."""
        with naming_the_registration(
            self._uuid, self._objects.bucket, self.keys.prefix, self.own_prefix, UNREADABLE
        ):
            found = self._objects.get_if_there(self.keys.admin_metadata)
        if found is None and self._registration is not None:
            found = self._look_elsewhere()
        if found is not None:
            self._settle(self.keys.prefix)
        return found

    def prepare(self) -> None:
        """Chooses the place of a dataset that is made now: where it was begun, else under the own prefix."""
        if self.read() is None:
            self._keys = self._keys_under(self.own_prefix)

    def register(self) -> None:
        """Sees to it that the registration leads here, for the dataset whose last object is written next.

        Raises RegisteredElsewhere where someone else is making the same dataset at another place.
        """
        keys = self.keys
        if self._registration is not None and self._registration.prefix == keys.prefix:
            return
        if not write_registration(self._objects, self._uuid, keys.prefix, self._registration):
            self._registration = read_registration(self._objects, self._uuid)
            if self._registration is None or self._registration.prefix != keys.prefix:
                raise self._elsewhere()
        self._registration = Registration(keys.prefix, "")
        self._settle(keys.prefix)

    def check_registration(self) -> None:
        """Sees to it that the registration leads here still, before anything is said to be complete.

        Raises RegisteredElsewhere where it leads to another dataset.
        """
        keys = self.keys
        self._registration = self._read_registration()
        if self._registration is None or self._registration.prefix == keys.prefix:
            self.register()
        elif self._registration.prefix is not None and self._is_dataset(self._registration.prefix):
            raise self._elsewhere()
        else:
            self.register()

    def _registered_prefix(self) -> str:
        registration = self._registration
        if registration is None:
            return self.own_prefix
        prefix = _found_elsewhere.get((self._address, registration), registration.prefix)
        return self.own_prefix if prefix is None else prefix

    def _read_registration(self) -> Registration | None:
        try:
            return read_registration(self._objects, self._uuid)
        except NotPermitted:
            # A bucket's owner who lets everyone read a dataset may well have forgotten its registration.
            if self._objects.anonymous:
                return None
            raise

    def _look_elsewhere(self) -> AdminObject | None:
        registered, registration = self.keys.prefix, self._registration
        for prefix in {self.own_prefix: None, "": None}:
            if prefix == registered:
                continue
            keys = self._keys_under(prefix)
            try:
                found = self._objects.get_if_there(keys.admin_metadata)
            except NotPermitted:
                continue
            if found is not None and registration is not None:
                _found_elsewhere[self._address, registration] = prefix
                logger.warning(
                    "s3://%s/%s does not say where the dataset is: it was found under the prefix %r. Others"
                    " find it when that object contains this prefix.",
                    self._objects.bucket,
                    registration_key(self._uuid),
                    prefix,
                )
                self._keys = keys
                return found
        return None

    def _is_dataset(self, prefix: str) -> bool:
        try:
            return self._objects.is_there(self._keys_under(prefix).admin_metadata)
        except NotPermitted:
            # What may not be read is not taken for missing.
            return True

    def _elsewhere(self) -> RegisteredElsewhere:
        prefix = self._registration.prefix if self._registration else None
        return RegisteredElsewhere(
            f"s3://{self._objects.bucket}/{self._uuid} is being made by somebody else at the same time, under"
            f" prefix {prefix!r}. Wait until that copy is complete and use it; what was stored under"
            f" {self.keys.base}/ can then be removed."
        )

    def _settle(self, prefix: str) -> None:
        self._keys = self._keys_under(prefix)
        command_memory()[self._memory_key] = self._registration, prefix

    def _keys_under(self, prefix: str) -> DatasetKeys:
        return DatasetKeys(prefix, self._uuid)

    @property
    def _address(self) -> tuple[str, str, str]:
        return self._objects.store.settings.s3_endpoint, self._objects.bucket, self._uuid

    @property
    def _memory_key(self) -> tuple[str, tuple[str, str, str]]:
        return __name__, self._address
