"""``s3portal bucket``: the group, whose commands stand in the files beside this one."""

import click

from s3portal.buckets.commands import acl_commands, move, overview, removal, settings_commands


@click.group("bucket")
def bucket_command_group() -> None:
    """Look after buckets on any S3: settings, what they hold, emptying and deleting.

    Store and keys come from options, from --config (a CKAN .ini, an indico.conf, a .s3cfg), or from where
    boto3 finds them: AWS_ACCESS_KEY_ID, AWS_PROFILE, ~/.aws, an instance's role.

    Exit code 0: done; 1: some failed, or something is wrong; 2: the command cannot be run as given; 3: the
    store or a rule refuses; 130: interrupted.
    """


for _command in (
    *settings_commands.GROUPS,
    acl_commands.acl_group,
    overview.create_command,
    overview.show_command,
    overview.doctor_command,
    overview.usage_command,
    overview.uploads_group,
    removal.empty_command,
    removal.delete_command,
    move.move_command,
    move.rename_command,
):
    bucket_command_group.add_command(_command)
