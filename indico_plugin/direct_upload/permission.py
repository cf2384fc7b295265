"""Who may upload directly, and how much: the settings of the plugin, beside Indico's own permissions."""

from indico.core.config import config
from indico.core.db import db
from indico.core.storage import StorageError
from indico.modules.users import User

from indico_plugin import _
from indico_plugin.backends import is_writable_s3, open_backend
from indico_plugin.direct_upload.table import table_is_current
from indico_plugin.plugin_settings import logger, settings
from indico_plugin.storage import S3StorageBase
from s3portal.transfer import FileTooLarge, NotAllowed

_MIB = 1024 * 1024


def attachment_storage() -> S3StorageBase | None:
    """The backend of new materials, where it is on S3 and can be written to. One that cannot be opened is
    logged: the pages that ask here have more on them than direct uploads.
    """
    try:
        storage = open_backend(config.ATTACHMENT_STORAGE)
    except StorageError as error:
        logger.warning("ATTACHMENT_STORAGE: %s", error)
        return None
    if not is_writable_s3(storage):
        return None
    if storage.write_refusal is not None:
        logger.warning("ATTACHMENT_STORAGE: %s: %s", config.ATTACHMENT_STORAGE, storage.write_refusal)
        return None
    return storage


def direct_uploads_on() -> bool:
    """Whether this site has direct uploads at all."""
    return bool(settings.get("direct_uploads")) and attachment_storage() is not None and table_is_current()


def may_upload_directly(linked_object: db.Model, user: User | None) -> bool:
    """Whether the user, who may manage the object's materials as Indico has it, may upload to S3 for it."""
    try:
        require_direct_uploads(linked_object, user)
    except NotAllowed:
        return False
    return True


def require_direct_uploads(linked_object: db.Model, user: User | None) -> None:
    """Raises NotAllowed, with the rule that is in the way."""
    if not direct_uploads_on():
        raise NotAllowed(reason=_("Direct uploads are not enabled on this site. Use “Upload files”."))
    categories = {int(item["id"]) for item in settings.get("direct_upload_categories")}
    if categories and categories.isdisjoint(category_chain(linked_object)):
        raise NotAllowed(reason=_("Direct uploads are not enabled in this category. Use “Upload files”."))
    restricted = bool(settings.acls.get("direct_upload_groups"))
    if restricted and not (user and settings.acls.contains_user("direct_upload_groups", user)):
        raise NotAllowed(
            reason=_("You are not in any of the groups that may upload directly. Use “Upload files”.")
        )


def administers(linked_object: db.Model, user: User) -> bool:
    """Whether the user may list, hand over and give up uploads of others to this object: who manages the
    category that it is in, and the site's administrators.
    """
    is_category = isinstance(linked_object, db.m.Category)
    category = linked_object.parent if is_category else linked_object.event.category
    return category.can_manage(user) if category is not None else bool(user.is_admin)


def category_chain(linked_object: db.Model) -> list[int]:
    """The ids of the category that the object is in, or is, and of all above it. Unlisted events are in
    none.
    """
    is_category = isinstance(linked_object, db.m.Category)
    category = linked_object if is_category else linked_object.event.category
    return category.chain_ids if category is not None else []


def size_limit() -> tuple[int, str] | None:
    """The largest file in bytes that indico.conf lets in, and the setting that says so; None for no limit."""
    limits = [
        (megabytes * _MIB, name)
        for name in ("MAX_UPLOAD_FILE_SIZE", "MAX_UPLOAD_FILES_TOTAL_SIZE")
        if (megabytes := getattr(config, name)) > 0
    ]
    return min(limits, default=None)


def require_size(size_bytes: int) -> None:
    """Raises FileTooLarge where indico.conf does not let in a file of this size."""
    limit = size_limit()
    if limit is not None and size_bytes > limit[0]:
        raise FileTooLarge(limit=limit[0], given=size_bytes, setting=limit[1])
