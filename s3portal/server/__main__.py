"""``python -m s3portal.server``."""

from s3portal.server.command import server_command

server_command(prog_name="s3portal server")
