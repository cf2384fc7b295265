"""The `s3portal` command: what an administrator does at a shell."""

import importlib

import click

from s3portal import __version__

# name -> (module, command, line of help): a command's module is imported when the command runs, so that
# each one needs only its own extra and `s3portal --help` answers at once.
_COMMANDS = {
    "bucket": ("s3portal.buckets.commands.bucket", "bucket_command_group", "Look after buckets on any S3."),
    "cp": ("s3portal.buckets.commands.objects", "cp_command", "Copy one file or object."),
    "ls": ("s3portal.buckets.commands.objects", "ls_command", "List buckets, folders and objects."),
    "presign": ("s3portal.buckets.commands.objects", "presign_command", "Make a link that expires."),
    "rm": ("s3portal.buckets.commands.objects", "rm_command", "Remove objects."),
    "check": ("s3portal.buckets.commands.check", "check_command", "Compare a bucket or folder with another."),
    "explain": ("s3portal.server.explaining", "explain_command", "Say why the S3 server refused a request."),
    "server": ("s3portal.console.command", "server_command", "Serve S3 from a folder on this machine."),
    "sync": ("s3portal.buckets.commands.sync", "sync_command", "Make a bucket or folder like another."),
    "upload": ("s3portal.client.command", "upload_command", "Publish files of any size in a dataset."),
}

# The extra that has what a command needs, where it is not called like the command.
_EXTRAS = {"explain": "server"}


class _LazyCommands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as missing:
            raise click.ClickException(
                f"'s3portal {cmd_name}' needs the Python package {missing.name!r}: "
                f"install it with  pip install 's3portal[{_EXTRAS.get(cmd_name, cmd_name)}]'"
            ) from missing
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.group(cls=_LazyCommands)
@click.version_option(__version__, prog_name="s3portal")
def main() -> None:
    """Move huge files into a data portal and out again."""
