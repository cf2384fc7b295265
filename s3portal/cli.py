"""The `s3portal` command: what an administrator does at a shell."""

import sys

try:
    import click

    from s3portal import __version__
    from s3portal.lazy_group import LazyGroup, Place
except KeyboardInterrupt:
    # Ctrl-C before anything began: 128 and the number of SIGINT, and no traceback.
    sys.exit(130)

_BUCKETS = "s3portal.buckets.commands"
_COMMANDS = {
    "bucket": Place(f"{_BUCKETS}.bucket", "bucket_command_group", "Look after buckets on any S3."),
    "cp": Place(f"{_BUCKETS}.cp", "cp_command", "Copy one file or object."),
    "ls": Place(f"{_BUCKETS}.objects", "ls_command", "List buckets, folders and objects."),
    "presign": Place(f"{_BUCKETS}.objects", "presign_command", "Make a link that expires."),
    "rm": Place(f"{_BUCKETS}.objects", "rm_command", "Remove objects."),
    "check": Place(f"{_BUCKETS}.check", "check_command", "Compare a bucket or folder with another."),
    "explain": Place(
        "s3portal.server.explaining", "explain_command", "Say why the S3 server refused a request.", "server"
    ),
    "server": Place(
        "s3portal.console.command", "server_command", "Serve S3 from a folder on this machine.", "server"
    ),
    "sync": Place(f"{_BUCKETS}.sync", "sync_command", "Make a bucket or folder like another."),
    "upload": Place(
        "s3portal.client.command", "upload_command", "Publish files of any size in a dataset.", "upload"
    ),
}


@click.group(cls=LazyGroup, places=_COMMANDS)
@click.version_option(__version__, prog_name="s3portal")
def main() -> None:
    """Move huge files into a data portal and out again."""
