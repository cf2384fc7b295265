"""Sets who may see a protected material, the way the installed Indico does it for a normal upload."""

from indico.modules.attachments.models.attachments import Attachment

try:
    # Indico 3.3 writes the changes of an access list into the event's log.
    from indico.core.permissions import update_read_permissions
except ImportError:
    update_read_permissions = None


def set_access_list(attachment: Attachment, form) -> None:
    """The access list of the form, where the material is protected; an inheriting one has none."""
    # Indico 3.3 leaves the list out for those who may not search for users.
    if not attachment.is_self_protected or form.acl is None:
        return
    if update_read_permissions is not None:
        update_read_permissions(attachment, form)
    else:
        attachment.acl = form.acl.data
