"""``s3portal bucket``: the group, whose commands stand in the files beside this one."""

import click

from s3portal.lazy_group import LazyGroup, Place

_HERE = "s3portal.buckets.commands"
_SETTINGS, _REMOVAL = f"{_HERE}.settings_commands", f"{_HERE}.removal"
_COMMANDS = {
    "acl": Place(f"{_HERE}.acl_commands", "acl_group", "What ACLs make public, and making it private."),
    "batch": Place(f"{_HERE}.batch", "batch_group", "Manifests and jobs for S3 Batch Operations."),
    "cors": Place(_SETTINGS, "cors_group", "Which sites' pages may talk to the bucket."),
    "create": Place(f"{_HERE}.overview", "create_command", "Make a private bucket, or add what one lacks."),
    "delete": Place(_REMOVAL, "delete_command", "Delete a bucket; with --empty, whatever is in it."),
    "doctor": Place(f"{_HERE}.overview", "doctor_command", "Try a bucket, and say what is wrong."),
    "empty": Place(_REMOVAL, "empty_command", "Remove everything in a bucket, versions too."),
    "encryption": Place(_SETTINGS, "encryption_group", "How new objects are encrypted."),
    "lifecycle": Place(_SETTINGS, "lifecycle_group", "What the store removes automatically."),
    "move": Place(f"{_HERE}.move", "move_command", "Make another bucket like this one."),
    "ownership": Place(_SETTINGS, "ownership_group", "Whether ACLs count at all."),
    "policy": Place(_SETTINGS, "policy_group", "Who may do what: the bucket policy."),
    "public-access": Place(_SETTINGS, "public_access_group", "Block Public Access."),
    "rename": Place(f"{_HERE}.move", "rename_command", "Move, compare, delete the old bucket."),
    "show": Place(f"{_HERE}.overview", "show_command", "All settings of a bucket."),
    "uploads": Place(f"{_HERE}.overview", "uploads_group", "Uploads that no one finished."),
    "usage": Place(f"{_HERE}.overview", "usage_command", "How much a bucket holds."),
    "versioning": Place(_SETTINGS, "versioning_group", "Whether former versions of objects are kept."),
}


@click.group("bucket", cls=LazyGroup, places=_COMMANDS)
def bucket_command_group() -> None:
    """Look after buckets on any S3: settings, what they hold, emptying and deleting.

    Store and keys come from options, from --config (a CKAN .ini, an indico.conf, a .s3cfg), or from where
    boto3 finds them: AWS_ACCESS_KEY_ID, AWS_PROFILE, ~/.aws, an instance's role.

    Exit code 0: done; 1: some failed, or something is wrong; 2: the command cannot be run as given; 3: the
    store or a rule refuses; 130: interrupted.
    """
